/**
 * Notices nodes that fall silent, and taints nodes by their conditions (node-lifecycle-controller). That an agent is there
 * is known from its held poll; an agent reports conditions when they change, so those it last reported hold again when it
 * comes back. A node that is no Petrel agent's lives by its Lease and its status, as upstream.
 */
import type { Node, NodeCondition } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { metaTime, timeMs } from "./meta-time.ts";
import { isEvicted, taintsFor } from "./node-taints.ts";
import { disruptionOf, isNodeReady, zoneOf } from "./node-zones.ts";

const NODES = "nodes";
/** A node that was there is given this long before it counts as lost (--node-monitor-grace-period). */
export const NODE_MONITOR_GRACE_MS = 40_000;
/** A new node is given this long for its first report (--node-startup-grace-period). */
export const NODE_STARTUP_GRACE_MS = 60_000;
/** The conditions that only the node itself can know. */
const REPORTED = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
const LOST = "NodeStatusUnknown";
const NEVER_SEEN = "NodeStatusNeverUpdated";
/** The conditions as last reported, as JSON, while the node is lost. */
const LAST_REPORT = "petrel.dev/last-reported-conditions";

export interface NodeLiveness {
	/** When the agent was heard of last, in milliseconds since 1970. */
	lastSeenMs(node: string): number | undefined;
	connected(node: string): boolean;
}

export function nodeLifecycleController(liveness: NodeLiveness): Controller {
	return {
		name: "node-lifecycle",
		watches: [{ resource: NODES, keys: nodesConcerned }],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, liveness),
	};
}

/** The node and, when it becomes ready or ceases to be, those that are not: whether their pods may leave hangs on the others. */
function nodesConcerned({ old, object }: ObjectChange, view: View): string[] {
	const own = object === undefined ? [] : [nameOf(object)];
	const ready = (node: ObjectChange["object"]): boolean => node !== undefined && isNodeReady(node as Node);
	if (ready(old) === ready(object)) return own;
	const others = view.list<Node>(NODES).filter((node) => !isNodeReady(node));
	return [...own, ...others.map(nameOf)];
}

function reconcile(key: string, view: View, ctx: ReconcileContext, liveness: NodeLiveness): ReconcileResult {
	const node = view.get<Node>(NODES, key);
	if (node === undefined || isBeingDeleted(node)) return NOTHING;
	const connected = liveness.connected(key);
	const dueMs = connected ? undefined : lossDueMs(node, liveness.lastSeenMs(key), ctx.nowMs);
	const lost = dueMs !== undefined && dueMs <= ctx.nowMs;
	// One write a turn: the change of the conditions brings the key back, and then the taints follow.
	const statusWrite = lost ? markLost(node, ctx.nowMs) : connected ? restore(node, ctx.nowMs) : undefined;
	if (statusWrite !== undefined) return { actions: statusWrite };
	const { actions, retryInMs } = taint(node, view, ctx);
	const waits = [dueMs !== undefined && !lost ? dueMs - ctx.nowMs : undefined, retryInMs].filter((ms) => ms !== undefined);
	return { actions, ...(waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {}) };
}

function lossDueMs(node: Node, lastSeenMs: number | undefined, nowMs: number): number {
	const ready = node.status?.conditions?.find(({ type, status }) => type === "Ready" && status !== "Unknown");
	const reportedMs = Math.min(timeMs(ready?.lastHeartbeatTime) ?? 0, nowMs);
	const seenMs = Math.max(lastSeenMs ?? 0, reportedMs);
	if (seenMs > 0) return seenMs + NODE_MONITOR_GRACE_MS;
	return (timeMs(node.metadata.creationTimestamp) ?? 0) + NODE_STARTUP_GRACE_MS;
}

/** undefined when that is noted already. */
function markLost(node: Node, nowMs: number): Action[] | undefined {
	const conditions = node.status?.conditions ?? [];
	const lost = REPORTED.map((type) =>
		unknown(
			conditions.find((c) => c.type === type),
			type,
			nowMs,
		),
	);
	if (lost.every((condition) => conditions.find((c) => c.type === condition.type)?.status === "Unknown")) return undefined;
	const draft = draftOf(node);
	draft.status = { ...draft.status, conditions: [...lost, ...conditions.filter((c) => !REPORTED.includes(c.type))] };
	const reported = conditions.filter((c) => REPORTED.includes(c.type) && c.status !== "Unknown");
	if (reported.length > 0) draft.metadata.annotations = { ...draft.metadata.annotations, [LAST_REPORT]: JSON.stringify(reported) };
	const wasReady = conditions.some((c) => c.type === "Ready" && c.status === "True");
	const event: Action = {
		type: "event",
		about: node,
		eventType: "Normal",
		reason: "NodeNotReady",
		message: `Node ${nameOf(node)} status is now: NodeNotReady`,
	};
	return [{ type: "updateStatus", resource: NODES, object: draft }, ...(wasReady ? [event] : [])];
}

function unknown(current: NodeCondition | undefined, type: string, nowMs: number): NodeCondition {
	const now = metaTime(nowMs);
	if (current === undefined) {
		return { type, status: "Unknown", reason: NEVER_SEEN, message: "Kubelet never posted node status.", lastHeartbeatTime: now, lastTransitionTime: now };
	}
	if (current.status === "Unknown") return current;
	return { ...current, status: "Unknown", reason: LOST, message: "Kubelet stopped posting node status.", lastTransitionTime: now };
}

/** What the agent said before it was lost holds again, unless it has said something newer. */
function restore(node: Node, nowMs: number): Action[] | undefined {
	const remembered = node.metadata.annotations?.[LAST_REPORT];
	if (remembered === undefined) return undefined;
	const reported = new Map((JSON.parse(remembered) as NodeCondition[]).map((condition) => [condition.type, condition]));
	const now = metaTime(nowMs);
	const draft = draftOf(node);
	const { [LAST_REPORT]: _restored, ...annotations } = draft.metadata.annotations ?? {};
	if (Object.keys(annotations).length > 0) draft.metadata.annotations = annotations;
	else delete draft.metadata.annotations;
	const back = (condition: NodeCondition): NodeCondition => {
		const last = condition.reason === LOST ? reported.get(condition.type) : undefined;
		return last ? { ...last, lastHeartbeatTime: now, lastTransitionTime: now } : condition;
	};
	const conditions = (draft.status?.conditions ?? []).filter((condition) => condition.reason !== NEVER_SEEN).map(back);
	draft.status = { ...draft.status, conditions };
	return [{ type: "updateStatus", resource: NODES, object: draft }];
}

function taint(node: Node, view: View, ctx: ReconcileContext): { actions: Action[]; retryInMs?: number } {
	const { mayLeave, retryInMs, noted } = departure(node, view, ctx);
	const taints = taintsFor(node, ctx.nowMs, mayLeave);
	const waits = retryInMs === undefined ? {} : { retryInMs };
	if (semanticEqual(taints, node.spec?.taints)) return { actions: [], ...waits };
	const draft = draftOf(node);
	draft.spec = { ...draft.spec, taints };
	return { actions: [{ type: "update", resource: NODES, object: draft }, ...noted], ...waits };
}

interface Departure {
	mayLeave: boolean;
	/** When it may be its turn. */
	retryInMs?: number;
	/** That it was its turn. */
	noted: Action[];
}

/** Whether the pods of a node that is not ready may leave it now: one node of a zone after another, none while nothing is ready anywhere. */
function departure(node: Node, view: View, ctx: ReconcileContext): Departure {
	if (isNodeReady(node)) return { mayLeave: true, noted: [] };
	const zone = zoneOf(node);
	const disruption = disruptionOf(zone, view.list<Node>(NODES));
	if (disruption.everywhere) return { mayLeave: false, noted: [] };
	if (isEvicted(node)) return { mayLeave: true, noted: [] };
	if (disruption.periodMs === undefined) return { mayLeave: false, noted: [] };
	const key = `zone/${zone}`;
	const nextMs = Number(ctx.recall(key) ?? Number.NEGATIVE_INFINITY) + disruption.periodMs;
	if (nextMs > ctx.nowMs) return { mayLeave: false, retryInMs: nextMs - ctx.nowMs, noted: [] };
	return { mayLeave: true, noted: [{ type: "remember", key, value: ctx.nowMs }] };
}
