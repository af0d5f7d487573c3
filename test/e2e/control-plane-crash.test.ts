/** kill -9 of the control plane while a Deployment rolls: nothing acknowledged is lost, nothing runs twice, watches go on. */
import { describe, expect, it } from "vitest";
import type { PodList } from "../../src/core/schema/kubernetes.d.ts";
import { useCluster } from "./support/cluster.ts";
import { ConfigMapWriter } from "./support/config-map-writer.ts";
import { crashControlPlane } from "./support/crash.ts";
import { deployment } from "./support/example.ts";
import { podsOnNode } from "./support/node-pods.ts";
import { eventually } from "./support/petrel.ts";
import { type PodEvent, PodWatcher } from "./support/pod-watcher.ts";
import { bestRuntime } from "./support/runtimes.ts";

const REPLICAS = 4;

const uidsSeen = (events: readonly PodEvent[]): number => new Set(events.map(({ object }) => object.metadata.uid)).size;

describe("a control plane killed twice during a rollout", () => {
	const petrel = useCluster(bestRuntime);
	const { kubectl } = petrel;
	const pods = async (): Promise<PodList["items"]> => (await kubectl.json<PodList>("get", "pods", "-l", "app=rolling")).items;

	it("keeps what it acknowledged, finishes the rollout and resumes watches", async () => {
		await kubectl.apply(deployment("rolling", REPLICAS));
		await kubectl.run("rollout", "status", "deployment/rolling", "--timeout=90s");
		const before = new Set((await pods()).map(({ metadata }) => metadata.uid));
		const watcher = new PodWatcher(petrel);
		await watcher.start();
		const writer = new ConfigMapWriter(petrel);
		writer.start();

		await kubectl.run("set", "env", "deployment/rolling", "RELEASE=2");
		await watcher.until((events) => events.some(({ type }) => type === "ADDED"));
		await crashControlPlane(petrel);
		const known = uidsSeen(watcher.events);
		await watcher.until((events) => uidsSeen(events) > known || events.filter(({ type }) => type === "DELETED").length >= REPLICAS);
		await crashControlPlane(petrel);
		await kubectl.run("rollout", "status", "deployment/rolling", "--timeout=90s");
		await writer.stop();

		const stored = await writer.stored();
		expect(writer.created.size).toBeGreaterThan(0);
		expect(Object.fromEntries(stored.created)).toMatchObject(Object.fromEntries(writer.created));
		expect(stored.counter).toBeGreaterThanOrEqual(writer.counter);

		const after = await eventually("the old pods' end", async () => {
			const now = await pods();
			return now.length === REPLICAS && podsOnNode(petrel.data.file("node")).length === REPLICAS ? now : undefined;
		});
		expect(after.filter(({ metadata }) => before.has(metadata.uid))).toEqual([]);
		expect(after.map(({ metadata }) => metadata.uid).sort()).toEqual(podsOnNode(petrel.data.file("node")));
		expect(after.map(({ status }) => status?.containerStatuses?.[0]?.restartCount)).toEqual(Array(REPLICAS).fill(0));
		// No more pods were made than a rollout without a crash makes.
		expect(uidsSeen(watcher.events)).toBeLessThanOrEqual(2 * REPLICAS);

		const versions = new Map(after.map(({ metadata }) => [metadata.uid, metadata.resourceVersion]));
		await watcher.until((_, seen) => seen.size === versions.size && [...versions].every(([uid, version]) => seen.get(uid ?? "") === version));
		expect(watcher.connections).toBeGreaterThanOrEqual(3);
		await watcher.stop();
	});
});
