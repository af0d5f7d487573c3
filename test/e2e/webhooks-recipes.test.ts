/** The recipes of docs/webhooks.md about subscriptions: what stands there is applied as it stands, with the test's own addresses. */
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../src/core/meta/object.ts";
import type { Pod } from "../../src/core/schema/kubernetes.d.ts";
import type { Delivery } from "../support/webhook-sink.ts";
import { WebhookSink } from "../support/webhook-sink.ts";
import { ControlPlane } from "./support/control-plane.ts";

const SUBSCRIPTIONS_PATH = "/apis/events.petrel.dev/v1";
const APPS = "/apis/apps/v1/namespaces/default/deployments";
const PODS = "/api/v1/namespaces/default/pods";
const MERGE = "application/merge-patch+json";

/** The YAML of a recipe, by its name. */
function recipe(name: string): string {
	const yaml = readFileSync("docs/webhooks.md", "utf8").split(`<!-- recipe: ${name} -->\n\`\`\`yaml\n`)[1]?.split("```")[0];
	if (yaml === undefined) throw new Error(`docs/webhooks.md has no recipe ${name}`);
	return yaml;
}

describe("the recipes of docs/webhooks.md", () => {
	const control = new ControlPlane();
	let sink: WebhookSink;

	beforeAll(async () => {
		sink = await WebhookSink.start();
		await control.start({ allowsPrivateWebhookTargets: true });
	});
	afterAll(async () => {
		sink.stop();
		await control.dispose();
	});

	/** Applies a recipe, its target's address put in place of the one that stands there. */
	async function apply(name: string, path: string): Promise<void> {
		const yaml = recipe(name).replaceAll(/https:\/\/[a-z.]*example\.com[^\s"]*/g, sink.url(path));
		for (const document of parseAllDocuments(yaml)) {
			const object = document.toJS() as KubeObject;
			const kinds: Record<string, string> = {
				Secret: `/api/v1/namespaces/${object.metadata.namespace ?? "default"}/secrets`,
				WebhookSubscription: `${SUBSCRIPTIONS_PATH}/namespaces/default/webhooksubscriptions`,
				ClusterWebhookSubscription: `${SUBSCRIPTIONS_PATH}/clusterwebhooksubscriptions`,
			};
			await control.call("POST", kinds[object.kind] as string, object);
		}
	}

	const container = { name: "main", image: "example.com/web:1" };
	const template = { metadata: { labels: { app: "web" } }, spec: { containers: [container] } };
	const deployment = (name: string) => ({
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name },
		spec: { selector: { matchLabels: { app: "web" } }, template },
	});
	const podStatus = (name: string, state: object, restartCount: number) =>
		control.call(
			"PATCH",
			`${PODS}/${name}/status`,
			{ status: { containerStatuses: [{ name: "main", image: "i", imageID: "", ready: false, restartCount, state }] } },
			MERGE,
		);

	it("a chat hears of a crash loop, once for each that begins", async () => {
		await apply("chat-alert", "/chat");
		await control.call("POST", PODS, { apiVersion: "v1", kind: "Pod", metadata: { name: "looping" }, spec: { containers: [container] } });
		await podStatus("looping", { running: { startedAt: "2026-01-01T00:00:00Z" } }, 0);
		await podStatus("looping", { waiting: { reason: "CrashLoopBackOff" } }, 1);
		await podStatus("looping", { waiting: { reason: "CrashLoopBackOff" } }, 2);
		await podStatus("looping", { running: { startedAt: "2026-01-01T00:01:00Z" } }, 2);
		await podStatus("looping", { waiting: { reason: "CrashLoopBackOff" } }, 3);
		const alerts = await sink.first("/chat", 2);
		const restarts = alerts.map(({ event }) => (event.data?.object?.["status"] as Pod["status"])?.containerStatuses?.[0]?.restartCount);
		expect(restarts).toEqual([1, 3]);
		expect(alerts[0]?.event.subject).toBe(`${PODS}/looping`);
	});

	it("an audit trail has every change of every namespace, signed", async () => {
		await apply("audit-trail", "/audit");
		await control.call("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "audited" } });
		await control.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRole",
			metadata: { name: "reader" },
			rules: [],
		});
		await control.call("POST", "/apis/apps/v1/namespaces/audited/deployments", deployment("audited"));
		await control.call("PATCH", "/apis/apps/v1/namespaces/audited/deployments/audited", { spec: { replicas: 3 } }, MERGE);
		await control.call("DELETE", "/apis/apps/v1/namespaces/audited/deployments/audited?propagationPolicy=Orphan");
		const trail = await sink.until((deliveries) => {
			const audited = deliveries.filter(({ path }) => path === "/audit");
			const deployments = audited.filter(({ event }) => event["kind"] === "Deployment" && event["namespace"] === "audited");
			const isWhole = deployments.some(({ event }) => event.type.endsWith("deleted")) && audited.some(({ event }) => event["name"] === "reader");
			return isWhole ? { audited, deployments } : undefined;
		});
		expect(trail.deployments[0]?.event.type).toBe("dev.petrel.object.created");
		const scaled = trail.deployments.flatMap(({ event }) => event.data?.patch ?? []);
		expect(scaled).toContainEqual({ op: "replace", path: "/spec/replicas", value: 3 });
		const key = /whsec_[A-Za-z0-9+/=]+/.exec(recipe("audit-trail"))?.[0] ?? "";
		for (const { text, headers } of trail.audited) expect(new Webhook(key).verify(text, headers as Record<string, string>)).toBeDefined();
	});

	it("a CI job hears that a Deployment is available, without asking", async () => {
		await apply("ci-waits", "/ci");
		await control.call("POST", APPS, deployment("web"));
		const available = (status: string, unavailableReplicas: number) =>
			control.call(
				"PATCH",
				`${APPS}/web/status`,
				{ status: { unavailableReplicas, conditions: [{ type: "Available", status, reason: "R", message: "" }] } },
				MERGE,
			);
		await available("False", 1);
		await available("True", 0);
		const [told] = (await sink.first("/ci", 1)) as [Delivery];
		expect(told.event).toMatchObject({ kind: "Deployment", name: "web", namespace: "default" });
		expect(told.headers["authorization"]).toBe("Bearer ci-token");
	});
});
