/** One reconcile of one DaemonSet in progress. */
import type { DaemonSet, Node, Pod } from "../../schema/kubernetes.d.ts";
import type { Action, ReconcileContext, View } from "../controller.ts";
import { isBeingDeleted, nameOf, uidOf } from "../identity.ts";
import { isAvailable, isFinished, isReady } from "../pod-state.ts";
import { type Fit, fitOf, nodeOf, podFor } from "./daemon-pod.ts";

export const DAEMON_SETS = "apps/daemonsets";
export const PODS = "pods";
/** Most pods made or deleted in one reconcile (BurstReplicas). */
export const BURST_REPLICAS = 250;

export interface NodePlace {
	name: string;
	fit: Fit;
	/** Ready ones first, then the oldest; without those that have ended and are going. */
	pods: Pod[];
}

export interface Rollout {
	readonly set: DaemonSet;
	readonly view: View;
	readonly ctx: ReconcileContext;
	/** Of the revision of the present template. */
	readonly hash: string;
	/** Every node, with the set's pods on it. */
	readonly places: readonly NodePlace[];
	/** Pods without a node that are meant for one that is no more. */
	readonly homeless: readonly Pod[];
	readonly actions: Action[];
	/** What this reconcile has decided already: no pod is deleted twice, no node gets two pods. */
	readonly doomed: Set<string>;
	readonly served: Set<string>;
	retryInMs: number | undefined;
}

export function arrange(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): Pick<Rollout, "places" | "homeless"> {
	const places = nodes.map((node): NodePlace => ({ name: nameOf(node), fit: fitOf(set, node), pods: [] }));
	const byName = new Map(places.map((place) => [place.name, place]));
	const homeless: Pod[] = [];
	for (const pod of [...pods].sort((a, b) => Number(isReady(b)) - Number(isReady(a)) || byAge(a, b))) {
		const node = nodeOf(pod);
		const place = node === undefined ? undefined : byName.get(node);
		if (place === undefined && !pod.spec?.nodeName) homeless.push(pod);
		else if (place !== undefined && !(isFinished(pod) && isBeingDeleted(pod))) place.pods.push(pod);
	}
	return { places, homeless };
}

function byAge(a: Pod, b: Pod): number {
	const [x, y] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
	return x === y ? (nameOf(a) < nameOf(b) ? -1 : 1) : x < y ? -1 : 1;
}

export const isServing = (pod: Pod, { set, ctx }: Rollout): boolean =>
	!isBeingDeleted(pod) && !isFinished(pod) && isAvailable(pod, set.spec?.minReadySeconds ?? 0, ctx.nowMs);

export function deletePod(rollout: Rollout, pod: Pod): void {
	if (isBeingDeleted(pod) || rollout.doomed.has(uidOf(pod)) || rollout.doomed.size >= BURST_REPLICAS) return;
	rollout.doomed.add(uidOf(pod));
	rollout.actions.push({ type: "delete", resource: PODS, name: nameOf(pod), uid: uidOf(pod) });
	rollout.actions.push({ type: "event", about: rollout.set, eventType: "Normal", reason: "SuccessfulDelete", message: `Deleted pod: ${nameOf(pod)}` });
}

export function createPod(rollout: Rollout, node: string): void {
	if (rollout.served.has(node)) return;
	if (rollout.served.size >= BURST_REPLICAS) {
		rollout.retryInMs = 0;
		return;
	}
	rollout.served.add(node);
	const taken = (name: string): boolean =>
		rollout.view.get(PODS, name) !== undefined || rollout.actions.some((action) => action.type === "create" && nameOf(action.object) === name);
	let pod = podFor(rollout.set, node, rollout.hash, rollout.ctx.suffix);
	while (taken(nameOf(pod))) pod = podFor(rollout.set, node, rollout.hash, rollout.ctx.suffix);
	rollout.actions.push({ type: "create", resource: PODS, object: pod });
	rollout.actions.push({ type: "event", about: rollout.set, eventType: "Normal", reason: "SuccessfulCreate", message: `Created pod: ${nameOf(pod)}` });
}
