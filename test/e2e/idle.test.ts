/** What an idle cluster costs: with watches open and an agent waiting, no Durable Object is awake. Counted, not assumed. */
import { describe, expect, it } from "vitest";
import { deployment } from "./support/example.ts";
import { useCluster } from "./support/cluster.ts";
import type { FollowedCommand } from "./support/followed-command.ts";
import type { Kubectl } from "./support/kubectl.ts";

const CLASSES = ["Cluster", "Namespace", "Node"] as const;

/** How often objects of each class came into memory, and how often by an alarm. */
async function wakes(kubectl: Kubectl): Promise<Record<string, number>> {
	const text = await kubectl.run("get", "--raw", "/metrics");
	return Object.fromEntries([...text.matchAll(/^(petrel_object_\w+_total\{class="\w+"\}) (\d+)$/gm)].map(([, series = "", value]) => [series, Number(value)]));
}

/** A bookmark comes every 20 s: it tells the time, and that the watch lives. */
async function bookmark(watch: FollowedCommand): Promise<void> {
	const seen = watch.text.split('"BOOKMARK"').length - 1;
	await watch.until(new RegExp(String.raw`(?:"BOOKMARK"[\s\S]*){${seen + 1}}`));
}

/** Resolves once nothing woke between two bookmarks. */
async function untilAtRest(kubectl: Kubectl, watch: FollowedCommand): Promise<Record<string, number>> {
	let before = await wakes(kubectl);
	for (;;) {
		await bookmark(watch);
		const now = await wakes(kubectl);
		if (JSON.stringify(now) === JSON.stringify(before)) return now;
		before = now;
	}
}

/** To changes that nobody makes. */
const subscription = (kind: string): object => ({
	apiVersion: "events.petrel.dev/v1",
	kind,
	metadata: { name: "idle" },
	spec: { rules: [{ apiGroups: ["batch"], resources: ["*"] }], target: { url: "https://hooks.example.com/" } },
});

describe("an idle cluster", () => {
	const { kubectl } = useCluster("process");

	it("keeps no object awake under open watches, webhook subscriptions and a waiting agent, and tells them what comes", async () => {
		await kubectl.apply(subscription("WebhookSubscription"));
		await kubectl.apply(subscription("ClusterWebhookSubscription"));
		await kubectl.apply(deployment("web", 2));
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		const everywhere = kubectl.follow("get", "pods", "-A", "-w");
		const one = kubectl.follow("get", "deployments", "-w");
		const bookmarks = kubectl.follow("get", "--raw", "/api/v1/pods?watch=1&allowWatchBookmarks=true");
		await Promise.all([everywhere.until(/default +web-/), one.until(/web +2\/2/), bookmarks.until(/"ADDED"/)]);

		const atRest = await untilAtRest(kubectl, bookmarks);
		for (let i = 0; i < 2; i++) await bookmark(bookmarks);
		expect(await wakes(kubectl)).toEqual(atRest);

		await kubectl.run("scale", "deployment/web", "--replicas=3");
		await Promise.all([one.until(/web +3\/3/), everywhere.until(/0\/1 +Pending[\s\S]*1\/1 +Running/)]);
		// All of them come back into memory now, so none had stayed in it.
		const awake = await wakes(kubectl);
		for (const name of CLASSES) {
			const series = `petrel_object_wakes_total{class="${name}"}`;
			expect(awake[series], series).toBeGreaterThan(atRest[series] ?? Number.POSITIVE_INFINITY);
		}
		await Promise.all([everywhere.stop(), one.stop(), bookmarks.stop()]);
	});
});
