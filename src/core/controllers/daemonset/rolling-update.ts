/** Replaces pods of former revisions, within maxUnavailable or, one more pod on a node, within maxSurge. */
import { scaledValue } from "../deployment/replica-bounds.ts";
import type { DaemonSet, Pod } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted } from "../identity.ts";
import { isFinished } from "../pod-state.ts";
import { revisionOf } from "./daemon-pod.ts";
import { createPod, deletePod, isServing, type NodePlace, type Rollout } from "./rollout.ts";

const surgeOf = (set: DaemonSet, nodes: number): number =>
	isRolling(set) ? scaledValue(set.spec?.updateStrategy?.rollingUpdate?.maxSurge ?? 0, nodes, true) : 0;
export const isRolling = (set: DaemonSet): boolean => set.spec?.updateStrategy?.type !== "OnDelete";
export const allowsSurge = (set: DaemonSet): boolean => surgeOf(set, 100) > 0;

/** At least 1 where nothing surges, or no update would ever come. */
export function maxUnavailable(set: DaemonSet, nodes: number): number {
	const wanted = scaledValue(set.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, nodes, true);
	return wanted === 0 && surgeOf(set, nodes) === 0 ? 1 : wanted;
}

interface OnNode {
	old: Pod | undefined;
	present: Pod | undefined;
}

function podsOn({ pods }: NodePlace, hash: string): OnNode {
	const staying = pods.filter((pod) => !isBeingDeleted(pod) && !isFinished(pod));
	return { old: staying.find((pod) => revisionOf(pod) !== hash), present: staying.find((pod) => revisionOf(pod) === hash) };
}

export function rollingUpdate(rollout: Rollout): void {
	if (!isRolling(rollout.set)) return;
	const places = rollout.places.filter(({ fit }) => fit.shouldRun);
	if (surgeOf(rollout.set, places.length) > 0) surge(rollout, places);
	else replace(rollout, places);
}

/** Takes old pods away; the next look makes the new ones. */
function replace(rollout: Rollout, places: readonly NodePlace[]): void {
	let unavailable = 0;
	const candidates: Pod[] = [];
	for (const place of places) {
		const { old, present } = podsOn(place, rollout.hash);
		const serving = [old, present].some((pod) => pod !== undefined && isServing(pod, rollout));
		if (!serving) unavailable += 1;
		if (old === undefined || present !== undefined) continue;
		// One that serves nobody is counted already: replacing it takes nothing away.
		if (serving) candidates.push(old);
		else deletePod(rollout, old);
	}
	const room = Math.max(0, maxUnavailable(rollout.set, places.length) - unavailable);
	for (const pod of candidates.slice(0, room)) deletePod(rollout, pod);
}

/** Puts new pods beside old ones. */
function surge(rollout: Rollout, places: readonly NodePlace[]): void {
	let surging = 0;
	const candidates: string[] = [];
	for (const place of places) {
		const { old, present } = podsOn(place, rollout.hash);
		if (old === undefined) continue;
		if (present === undefined && place.pods.length > 1) surging += 1;
		else if (present === undefined && !isServing(old, rollout)) createPod(rollout, place.name);
		else if (present === undefined) candidates.push(place.name);
		else if (isServing(present, rollout)) deletePod(rollout, old);
		else surging += 1;
	}
	const room = Math.max(0, surgeOf(rollout.set, places.length) - surging);
	for (const node of candidates.slice(0, room)) createPod(rollout, node);
}
