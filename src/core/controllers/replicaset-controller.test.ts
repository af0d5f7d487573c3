import { expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { pods, settle, start } from "../../../test/controllers/workloads.ts";
import type { Pod, ReplicaSet } from "../schema/kubernetes.d.ts";
import { deletionOrder, POD_DELETION_COST } from "./pod-deletion-order.ts";
import { BURST_REPLICAS } from "./replica-controller.ts";
import { replicaSetController } from "./replicaset-controller.ts";

const REPLICA_SETS = "apps/replicasets";
const replicaSet = (replicas: number, extra = {}): ReplicaSet => ({
	apiVersion: "apps/v1",
	kind: "ReplicaSet",
	metadata: { name: "web" },
	spec: {
		replicas,
		selector: { matchLabels: { app: "web" } },
		template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main" }] } },
		...extra,
	},
});
const stored = (w: MemoryWorld) => w.get<ReplicaSet>(REPLICA_SETS, "web") as ReplicaSet;

function world(replicas: number, extra = {}): MemoryWorld {
	const w = new MemoryWorld([replicaSetController]);
	w.create(REPLICA_SETS, replicaSet(replicas, extra));
	w.drain();
	return w;
}

it("creates pods that bear its template and say so in events", () => {
	const w = world(2);
	const [pod] = pods(w);
	expect(pods(w)).toHaveLength(2);
	expect(pod?.metadata).toMatchObject({
		generateName: "web-",
		labels: { app: "web" },
		ownerReferences: [{ kind: "ReplicaSet", name: "web", controller: true, blockOwnerDeletion: true }],
	});
	expect(pod?.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
	expect(w.events).toContainEqual(expect.objectContaining({ eventType: "Normal", reason: "SuccessfulCreate", message: `Created pod: ${pod?.metadata.name}` }));
	expect(stored(w).status).toEqual({ replicas: 2, fullyLabeledReplicas: 2, terminatingReplicas: 0, observedGeneration: 1 });
});

it("makes no more than a burst of pods at once, and all of them in the end", () => {
	const w = new MemoryWorld([replicaSetController]);
	w.create(REPLICA_SETS, replicaSet(BURST_REPLICAS + 1));
	const first = replicaSetController.reconcile("web", w, w.context());
	expect(first.actions.filter((action) => action.type === "create")).toHaveLength(BURST_REPLICAS);
	w.drain();
	expect(pods(w)).toHaveLength(BURST_REPLICAS + 1);
});

it("counts a pod as available only after minReadySeconds", () => {
	const w = world(1, { minReadySeconds: 5 });
	start(w, pods(w)[0]?.metadata.name ?? "");
	w.drain();
	expect(stored(w).status).toMatchObject({ readyReplicas: 1 });
	expect(stored(w).status?.availableReplicas).toBeUndefined();
	w.advance(5_000);
	expect(stored(w).status?.availableReplicas).toBe(1);
});

it("replaces a pod at once that is being deleted, and counts it as terminating", () => {
	const w = world(1);
	settle(w);
	w.remove("pods", pods(w)[0]?.metadata.name ?? "");
	w.drain();
	expect(pods(w)).toHaveLength(2);
	expect(stored(w).status).toMatchObject({ replicas: 1, terminatingReplicas: 1 });
});

it("makes nothing once it is being deleted", () => {
	const w = world(1);
	w.remove(REPLICA_SETS, "web", { propagation: "Foreground" });
	w.remove("pods", pods(w)[0]?.metadata.name ?? "");
	w.drain();
	expect(pods(w)).toEqual([]);
});

it("deletes in upstream's order", () => {
	const pod = (name: string, more: Partial<Pod> & { cost?: string; node?: string; ready?: string; restarts?: number } = {}): Pod => ({
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, uid: name, creationTimestamp: "2026-01-01T00:00:00Z", ...(more.cost ? { annotations: { [POD_DELETION_COST]: more.cost } } : {}) },
		spec: { containers: [], ...(more.node === "" ? {} : { nodeName: more.node ?? name }) },
		status: {
			phase: "Running",
			containerStatuses: [{ name: "main", ready: true, restartCount: more.restarts ?? 0, image: "", imageID: "" }],
			conditions: more.ready === "" ? [] : [{ type: "Ready", status: "True", lastTransitionTime: more.ready ?? "2026-01-01T00:00:00Z" }],
			...more.status,
		},
	});
	const list = [
		pod("plain"),
		pod("costly", { cost: "10" }),
		pod("doubled-a", { node: "n" }),
		pod("doubled-b", { node: "n" }),
		pod("cheap", { cost: "-1" }),
		pod("unready", { ready: "" }),
		pod("pending", { status: { phase: "Pending" } }),
		pod("unassigned", { node: "" }),
		pod("young", { ready: "2026-01-01T01:59:59Z" }),
		pod("restarted", { restarts: 3 }),
	];
	const order = deletionOrder(list, list, Date.parse("2026-01-01T02:00:00Z")).map((p) => p.metadata.name);
	expect(order).toEqual(["unassigned", "pending", "unready", "cheap", "doubled-a", "doubled-b", "young", "restarted", "plain", "costly"]);
});
