/** Takes in the scheduler's answer: gives pods their nodes, and notes on the others why they have none. */
import type { MessageBody, PodBinding } from "../protocol/messages.ts";
import type { Node, Pod, PodCondition } from "../schema/kubernetes.d.ts";
import { trimmedPod } from "../scheduler/trimmed-pod.ts";
import type { Placement } from "../scheduler/scheduling-pod.ts";
import type { Unplaced } from "../scheduler/scheduler.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, uidOf } from "./identity.ts";
import { allocateClaims, extendedStatus } from "./pod-devices.ts";
import { asked } from "./pod-scheduling-controller.ts";
import { metaTime } from "./meta-time.ts";
import { podCondition } from "./pod-state.ts";

type BindMessage = Extract<MessageBody, { type: "bind" }>;

const PODS = "pods";
const CLUSTER = { object: "cluster" } as const;

export function applyBindings(view: View, { bindings, unschedulable }: BindMessage, nowMs: number): Action[] {
	return [...bindings.flatMap((binding) => bind(view, binding, nowMs)), ...unschedulable.flatMap((unplaced) => noteUnplaced(view, unplaced, nowMs))];
}

/** The node's labels that its pods bear too, so that they and their Services know where they are (PodTopologyLabels, KEP-4742). */
const TOPOLOGY_LABELS = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];

function topologyOf(node: Node | undefined): { topology?: Record<string, string> } {
	const labels = node?.metadata.labels ?? {};
	const topology = Object.fromEntries(TOPOLOGY_LABELS.flatMap((key) => (labels[key] ? [[key, labels[key]]] : [])));
	return Object.keys(topology).length > 0 ? { topology } : {};
}

/** What the pod's Namespace object is told of a decision. */
export const bindingOf = ({ ref, node, devices, sinceMs = 0 }: Placement, object: Node | undefined): PodBinding => ({
	pod: ref,
	node,
	...topologyOf(object),
	...(devices ? { devices: { claims: devices, sinceMs } } : {}),
});

function bind(view: View, { pod: ref, node, topology = {}, devices }: PodBinding, nowMs: number): Action[] {
	const pod = view.get<Pod>(PODS, ref.name);
	// What is gone or going must not hold its place; what someone else has bound holds another one.
	if (pod === undefined || uidOf(pod) !== ref.uid || (isBeingDeleted(pod) && !pod.spec?.nodeName))
		return [{ type: "send", message: { to: CLUSTER, body: { type: "release", pods: [ref] } } }];
	if (pod.spec?.nodeName === node) return [];
	if (pod.spec?.nodeName) return [{ type: "send", message: { to: CLUSTER, body: { type: "placed", namespace: ref.namespace, pods: [trimmedPod(pod)] } } }];
	const claims = devices === undefined ? [] : allocateClaims(view, pod, devices.claims);
	if (devices !== undefined && claims === undefined)
		return [{ type: "send", message: { to: CLUSTER, body: { type: "unbound", asked: asked(pod, view), sinceMs: devices.sinceMs } } }];
	const draft = draftOf(pod);
	draft.spec = { ...(draft.spec ?? { containers: [] }), nodeName: node };
	if (Object.keys(topology).length > 0) draft.metadata.labels = { ...draft.metadata.labels, ...topology };
	draft.status = {
		...draft.status,
		...extendedStatus(devices?.claims ?? []),
		conditions: withCondition(pod, { type: "PodScheduled", status: "True" }, nowMs),
	};
	delete draft.status.nominatedNodeName;
	return [
		...(claims ?? []),
		{ type: "update", resource: PODS, object: draft, subresource: "binding" },
		{ type: "event", about: pod, eventType: "Normal", reason: "Scheduled", message: `Successfully assigned ${ref.namespace}/${ref.name} to ${node}` },
	];
}

function noteUnplaced(view: View, { pod: ref, reason, message, nominatedNode }: Unplaced, nowMs: number): Action[] {
	const pod = view.get<Pod>(PODS, ref.name);
	if (pod === undefined || uidOf(pod) !== ref.uid || isBeingDeleted(pod))
		return [{ type: "send", message: { to: CLUSTER, body: { type: "release", pods: [ref] } } }];
	if (pod.spec?.nodeName) return [{ type: "send", message: { to: CLUSTER, body: { type: "placed", namespace: ref.namespace, pods: [trimmedPod(pod)] } } }];
	const current = podCondition(pod, "PodScheduled");
	const event: Action = { type: "event", about: pod, eventType: "Warning", reason: "FailedScheduling", message };
	const sameNomination = (pod.status?.nominatedNodeName ?? "") === nominatedNode;
	if (current?.reason === reason && current.message === message && sameNomination) return [event];
	const draft = draftOf(pod);
	const condition: PodCondition = { type: "PodScheduled", status: "False", reason, message };
	draft.status = { ...draft.status, conditions: withCondition(pod, condition, nowMs) };
	if (nominatedNode !== "") draft.status.nominatedNodeName = nominatedNode;
	else delete draft.status.nominatedNodeName;
	return [{ type: "updateStatus", resource: PODS, object: draft }, event];
}

/** The pod's conditions with this one in place of the former of its type; a status that stays keeps its time. */
export function withCondition(pod: Pod, condition: PodCondition, nowMs: number): PodCondition[] {
	const current = podCondition(pod, condition.type);
	const lastTransitionTime = current?.status === condition.status ? current.lastTransitionTime : metaTime(nowMs);
	const next = { ...condition, ...(lastTransitionTime ? { lastTransitionTime } : {}) };
	const conditions = pod.status?.conditions ?? [];
	return current ? conditions.map((c) => (c.type === condition.type ? next : c)) : [...conditions, next];
}
