/** What a Namespace object makes of the messages about its pods. */
import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import type { Pod, PodStatus } from "../schema/kubernetes.d.ts";
import { applyBindings } from "./pod-binding.ts";
import { podAssignmentController } from "./pod-assignment-controller.ts";
import { podLedgerController } from "./pod-ledger-controller.ts";
import { applyDeviceEviction } from "./device-taint-eviction-controller.ts";
import { applyEviction, applyNodeGone, applyNodeLost } from "./pod-node-loss.ts";
import { PLACE_BATCH_MAX, podSchedulingController } from "./pod-scheduling-controller.ts";
import { applyPodStatuses, applyPodStopped } from "./pod-status-reports.ts";

const deps = { schedulerNames: new Set(["default-scheduler"]) };
const world = (): MemoryWorld => new MemoryWorld([podSchedulingController(deps), podAssignmentController, podLedgerController(deps)]);
const newPod = (name: string, spec: Partial<Pod["spec"]> = {}): Pod => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name },
	spec: { containers: [{ name: "main" }], ...spec },
});
const stored = (w: MemoryWorld, name = "p") => w.get<Pod>("pods", name) as Pod;
const ref = (w: MemoryWorld, name = "p") => ({ namespace: "default", name, uid: stored(w, name).metadata.uid ?? "" });
const sent = (w: MemoryWorld) => w.messages.map(({ to, body }) => `${body.type} to ${"name" in to ? to.name : to.object}`);
const condition = (w: MemoryWorld, type: string) => stored(w).status?.conditions?.find((c) => c.type === type);

function bound(): MemoryWorld {
	const w = world();
	w.create("pods", newPod("p"));
	w.drain();
	w.act(applyBindings(w, { type: "bind", bindings: [{ pod: ref(w), node: "n1" }], unschedulable: [] }, w.nowMs));
	w.drain();
	return w;
}

function report(w: MemoryWorld, status: PodStatus, node = "n1"): void {
	w.act(applyPodStatuses(w, { type: "podStatus", node, statuses: [{ pod: ref(w), status }] }, w.nowMs));
	w.drain();
}

describe("placing", () => {
	it("asks for a node, binds, hands over, and tells nobody of mere status", () => {
		const w = bound();
		expect(stored(w).spec?.nodeName).toBe("n1");
		expect(condition(w, "PodScheduled")).toMatchObject({ status: "True" });
		expect(w.events.map((e) => [e.reason, e.message])).toEqual([["Scheduled", "Successfully assigned default/p to n1"]]);
		expect(sent(w)).toEqual(["place to cluster", "assign to n1"]);
		report(w, { phase: "Running", conditions: [{ type: "Ready", status: "True" }] });
		expect(sent(w)).toHaveLength(2);
		w.remove("pods", "p");
		w.drain();
		w.act(applyPodStopped(w, { type: "podStopped", node: "n1", pods: [ref(w)] }));
		w.drain();
		expect(sent(w)).toEqual(["place to cluster", "assign to n1", "assign to n1", "unassign to n1", "release to cluster"]);
	});

	it("changes nothing when the same answer comes again", () => {
		const w = bound();
		expect(applyBindings(w, { type: "bind", bindings: [{ pod: ref(w), node: "n1" }], unschedulable: [] }, w.nowMs)).toEqual([]);
	});

	it("gives a place back that nobody takes, and corrects one that another scheduler chose", () => {
		const w = bound();
		const gone = { namespace: "default", name: "gone", uid: "uid-gone" };
		w.messages.length = 0;
		w.act(
			applyBindings(
				w,
				{
					type: "bind",
					bindings: [
						{ pod: gone, node: "n1" },
						{ pod: ref(w), node: "n2" },
					],
					unschedulable: [],
				},
				w.nowMs,
			),
		);
		expect(w.messages.map(({ body }) => body)).toEqual([{ type: "release", pods: [gone] }, expect.objectContaining({ type: "placed", namespace: "default" })]);
		expect(stored(w).spec?.nodeName).toBe("n1");
	});

	it("notes why there is no node, and does not ask again for that note", () => {
		const w = world();
		w.create("pods", newPod("p"));
		w.drain();
		const message = "0/1 nodes are available: 1 Insufficient cpu.";
		w.act(applyBindings(w, { type: "bind", bindings: [], unschedulable: [{ pod: ref(w), reason: "Unschedulable", message, nominatedNode: "" }] }, w.nowMs));
		w.drain();
		expect(condition(w, "PodScheduled")).toMatchObject({ status: "False", reason: "Unschedulable", message });
		expect(w.events.map((e) => [e.eventType, e.reason, e.message])).toEqual([["Warning", "FailedScheduling", message]]);
		expect(sent(w)).toEqual(["place to cluster"]);
	});

	it("leaves pods of other schedulers, gated and finished ones alone, and tells of those born with a node", () => {
		const w = world();
		w.create("pods", newPod("other", { schedulerName: "mine" }));
		w.create("pods", newPod("gated", { schedulingGates: [{ name: "example.com/wait" }] }));
		w.create("pods", newPod("static", { nodeName: "n3" }));
		w.drain();
		expect(sent(w)).toEqual(["assign to n3", "placed to cluster"]);
	});

	it("asks in batches", () => {
		const w = world();
		for (let i = 0; i <= PLACE_BATCH_MAX; i++) w.create("pods", newPod(`p${i}`));
		w.drain();
		expect(w.messages.map(({ body }) => (body.type === "place" ? body.asked.length : 0))).toEqual([PLACE_BATCH_MAX, 1]);
	});

	it("sends a pod again when a ConfigMap that it reads changes", () => {
		const w = world();
		w.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } });
		w.create("pods", newPod("p", { nodeName: "n1", volumes: [{ name: "v", configMap: { name: "c" } }] }));
		w.drain();
		w.messages.length = 0;
		w.edit("configmaps", "c", (draft) => void Object.assign(draft, { data: { a: "1" } }));
		w.drain();
		expect(w.messages.map(({ body }) => body)).toMatchObject([{ type: "assign", pods: [{ metadata: { name: "p" } }], configMaps: [{ data: { a: "1" } }] }]);
	});
});

describe("reports", () => {
	it("keep what is not the agent's and move a condition's time only with its status", () => {
		const w = bound();
		w.edit<Pod>("pods", "p", (pod) => {
			pod.status = { ...pod.status, qosClass: "Guaranteed", conditions: [...(pod.status?.conditions ?? []), { type: "example.com/gate", status: "True" }] };
		});
		report(w, { phase: "Running", qosClass: "BestEffort", conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:01Z" }] });
		report(w, { phase: "Running", podIP: "10.244.0.2", conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:09:00Z" }] });
		expect(stored(w).status).toMatchObject({ phase: "Running", podIP: "10.244.0.2", qosClass: "Guaranteed" });
		expect(condition(w, "Ready")?.lastTransitionTime).toBe("2026-01-01T00:00:01Z");
		expect([condition(w, "PodScheduled")?.status, condition(w, "example.com/gate")?.status]).toEqual(["True", "True"]);
	});

	it("of another node, of an earlier pod, or after the end change nothing", () => {
		const w = bound();
		report(w, { phase: "Running" }, "n2");
		expect(stored(w).status?.phase).toBeUndefined();
		const earlier = { ...ref(w), uid: "earlier" };
		// Whoever still runs that one is told that it must not.
		expect(applyPodStatuses(w, { type: "podStatus", node: "n1", statuses: [{ pod: earlier, status: { phase: "Failed" } }] }, w.nowMs)).toEqual([
			{ type: "send", message: { to: { object: "node", name: "n1" }, body: { type: "unassign", pods: [earlier] } } },
		]);
		report(w, { phase: "Succeeded" });
		expect(sent(w).at(-1)).toBe("release to cluster");
		report(w, { phase: "Running" });
		expect(stored(w).status?.phase).toBe("Succeeded");
	});

	it("that a pod has stopped count only for a pod that is being deleted", () => {
		const w = bound();
		expect(applyPodStopped(w, { type: "podStopped", node: "n1", pods: [ref(w)] })).toEqual([]);
	});
});

describe("losing the node", () => {
	it("evicts with a condition and an event", () => {
		const w = bound();
		w.act(
			applyEviction(
				w,
				{ type: "evictPods", node: "n1", pods: [ref(w)], reason: "DeletionByTaintManager", message: "Taint manager: deleting due to NoExecute taint" },
				w.nowMs,
			),
		);
		expect(condition(w, "DisruptionTarget")).toMatchObject({ status: "True", reason: "DeletionByTaintManager" });
		expect(stored(w).metadata.deletionTimestamp).toBeDefined();
		expect(w.events.at(-1)).toMatchObject({ reason: "TaintManagerEviction", message: "Marking for deletion Pod default/p" });
	});

	it("evicts from devices that are sick, once", () => {
		const w = bound();
		w.act(applyDeviceEviction(w, ref(w), w.nowMs));
		expect(condition(w, "DisruptionTarget")).toMatchObject({
			reason: "DeletionByDeviceTaintManager",
			message: "Device Taint manager: deleting due to NoExecute taint",
		});
		expect(w.events.at(-1)).toMatchObject({ reason: "DeviceTaintManagerEviction", message: "Marking for deletion" });
		expect(applyDeviceEviction(w, ref(w), w.nowMs)).toEqual([]);
	});

	it("makes ready pods unready", () => {
		const w = bound();
		report(w, { phase: "Running", conditions: [{ type: "Ready", status: "True" }] });
		w.act(applyNodeLost(w, { type: "nodeLost", node: "n1", pods: [ref(w)] }, w.nowMs));
		expect(condition(w, "Ready")?.status).toBe("False");
		expect(w.events.at(-1)).toMatchObject({ eventType: "Warning", reason: "NodeNotReady", message: "Node is not ready" });
	});

	it("removes the pods of a Node that was deleted", () => {
		const w = bound();
		w.act(applyNodeGone(w, { type: "nodeGone", node: "n1", pods: [ref(w)] }, w.nowMs));
		expect(stored(w)).toBeUndefined();
	});
});
