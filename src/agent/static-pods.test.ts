import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestNode } from "../../test/support/agent-node.ts";
import { until } from "../../test/support/fake-clock.ts";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import { silentLogger } from "./log.ts";
import { StaticPods } from "./static-pods.ts";

const PERIOD_MS = 20_000;
const MIRROR = "kubernetes.io/config.mirror";
let node: TestNode;
let directory: string;
let pods: StaticPods;
/** What the API was asked, and what it holds. */
let asked: { method: string; path: string; body: unknown }[];
let away: boolean;

beforeEach(async () => {
	node = await TestNode.create();
	directory = await mkdtemp(join(tmpdir(), "petrel-static-"));
	asked = [];
	away = false;
	pods = new StaticPods({
		directory,
		nodeName: "node-1",
		client: {
			request: async (method, path, body) => {
				if (away) throw new Error("the control plane is away");
				if (method !== "GET") asked.push({ method, path, body });
				return { code: method === "POST" ? 201 : 200, body: { metadata: { uid: "uid-of-node" } } };
			},
		},
		clock: node.clock,
		log: silentLogger,
		periodMs: PERIOD_MS,
		reports: node.context.reports,
		onAdded: (pod) => node.supervisor.upsert(pod),
		onRemoved: (ref) => node.supervisor.remove(ref),
		onMirrored: (uid) => node.supervisor.find(uid)?.reportAgain(),
	});
	Object.assign(node.context, { reports: pods });
});
afterEach(async () => {
	pods.stop();
	await node.close();
	await rm(directory, { recursive: true, force: true });
});

const manifest = (image = "app:1") =>
	`apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {app: web}\nspec:\n  containers:\n  - {name: app, image: "${image}"}\n`;
const write = (text: string, name = "web.yaml") => writeFile(join(directory, name), text);
/** What the API makes of what was posted last. */
const posted = (uid: string): Pod => {
	const pod = asked.findLast(({ method }) => method === "POST")?.body as Pod;
	return { ...pod, metadata: { ...pod.metadata, uid } };
};

describe("a pod from a manifest", () => {
	it("runs without the API, and shows there by its mirror once it can", async () => {
		away = true;
		await write(manifest());
		await pods.look();
		await until(() => node.runtime.container("app")?.state === "running");
		expect(node.statuses).toEqual([]);
		away = false;
		await node.clock.advance(PERIOD_MS);
		await until(() => asked.length > 0);
		const [pod] = pods.pods;
		const mirror = posted("uid-of-mirror");
		expect(asked[0]).toMatchObject({ method: "POST", path: "/api/v1/namespaces/default/pods" });
		expect(mirror.metadata).toMatchObject({
			name: "web-node-1",
			labels: { app: "web" },
			annotations: { "kubernetes.io/config.source": "file", [MIRROR]: pod?.metadata.uid },
			ownerReferences: [{ kind: "Node", name: "node-1", uid: "uid-of-node", controller: true }],
		});
		expect(mirror.spec).toMatchObject({ nodeName: "node-1", tolerations: [{ operator: "Exists", effect: "NoExecute" }] });
		expect(pods.take(mirror)).toBe(true);
		await node.reported((status) => status.phase === "Running", "web-node-1");
		expect(node.statuses.at(-1)?.pod.uid).toBe("uid-of-mirror");
		expect(pods.runtimeUid("uid-of-mirror")).toBe(pod?.metadata.uid);
		expect([...node.runtime.containers.values()]).toHaveLength(1);
	});

	it("is replaced when its manifest changes, and ends when it goes", async () => {
		await write(manifest());
		await pods.look();
		await until(() => asked.length === 1);
		const mirror = posted("uid-1");
		pods.take(mirror);
		const before = pods.pods[0]?.metadata.uid;
		node.runtime.addImage("app:2");
		await write(manifest("app:2"));
		await node.clock.advance(PERIOD_MS);
		await until(() => node.runtime.container("app")?.image === "app:2");
		expect(pods.pods[0]?.metadata.uid).not.toBe(before);
		expect(asked[1]).toMatchObject({ method: "DELETE", path: "/api/v1/namespaces/default/pods/web-node-1", body: { preconditions: { uid: "uid-1" } } });
		pods.gone({ namespace: "default", name: "web-node-1", uid: "uid-1" });
		await until(() => asked.length === 3);
		expect(posted("uid-2").metadata.annotations?.[MIRROR]).toBe(pods.pods[0]?.metadata.uid);
		await rm(join(directory, "web.yaml"));
		await node.clock.advance(PERIOD_MS);
		await until(() => node.runtime.containers.size === 0);
	});

	it("comes back in the API when somebody deletes its mirror, and runs on", async () => {
		await write(manifest());
		await pods.look();
		await until(() => node.runtime.container("app")?.state === "running" && asked.length === 1);
		const mirror = posted("uid-1");
		pods.take(mirror);
		pods.take({ ...mirror, metadata: { ...mirror.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
		expect(node.stopped).toEqual([{ namespace: "default", name: "web-node-1", uid: "uid-1" }]);
		expect(pods.gone({ namespace: "default", name: "web-node-1", uid: "uid-1" })).toBe(true);
		await until(() => asked.length === 2);
		expect(node.runtime.calls.filter((call) => call === "createContainer app")).toHaveLength(1);
	});

	it("that cannot be used keeps no other from running, and a mirror of nothing is deleted", async () => {
		await write("kind: Service\napiVersion: v1\nmetadata: {name: x}\n", "a.yaml");
		await write("{", "b.json");
		await write(manifest());
		await pods.look();
		await until(() => node.runtime.container("app")?.state === "running");
		const stranger: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "old-node-1", namespace: "default", uid: "u", annotations: { [MIRROR]: "x" } } };
		expect(pods.takeAll([stranger])).toEqual([]);
		await until(() => asked.some(({ method, path }) => method === "DELETE" && path.endsWith("/old-node-1")));
	});
});
