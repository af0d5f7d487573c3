/** One pod on every node that should run it, none on the others (manage). */
import type { Pod } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted, nameOf, namespaceOf } from "../identity.ts";
import { timeMs } from "../meta-time.ts";
import { isFinished, isReady } from "../pod-state.ts";
import { revisionOf } from "./daemon-pod.ts";
import { createPod, deletePod, isServing, type NodePlace, type Rollout } from "./rollout.ts";
import { allowsSurge } from "./rolling-update.ts";

/** A pod that fails soon after its start is replaced this long after it, so that a broken image does not spin. */
const FAILED_RETRY_MS = 5_000;

export function keepDaemons(rollout: Rollout): void {
	for (const place of rollout.places) keepOnNode(rollout, place);
	for (const pod of rollout.homeless) deletePod(rollout, pod);
}

function keepOnNode(rollout: Rollout, place: NodePlace): void {
	const { fit, pods, name } = place;
	if (fit.shouldRun && pods.length === 0) return createPod(rollout, name);
	if (!fit.mayStay) {
		for (const pod of pods) deletePod(rollout, pod);
		return;
	}
	const running: Pod[] = [];
	for (const pod of pods.filter((one) => !isBeingDeleted(one))) {
		if (isFinished(pod)) replaceFinished(rollout, pod, name);
		else running.push(pod);
	}
	if (running.length <= 1) return;
	if (allowsSurge(rollout.set)) dropDoubles(rollout, running);
	else for (const pod of running.slice(1)) deletePod(rollout, pod);
}

function replaceFinished(rollout: Rollout, pod: Pod, node: string): void {
	const failed = pod.status?.phase === "Failed";
	const waitMs = (timeMs(pod.metadata.creationTimestamp) ?? 0) + FAILED_RETRY_MS - rollout.ctx.nowMs;
	if (failed && waitMs > 0) {
		rollout.retryInMs = Math.min(rollout.retryInMs ?? waitMs, waitMs);
		return;
	}
	const [reason, message] = failed
		? ["FailedDaemonPod", `Found failed daemon pod ${namespaceOf(pod)}/${nameOf(pod)} on node ${node}, will try to kill it`]
		: ["SucceededDaemonPod", `Found succeeded daemon pod ${namespaceOf(pod)}/${nameOf(pod)} on node ${node}, will try to delete it`];
	rollout.actions.push({ type: "event", about: rollout.set, eventType: failed ? "Warning" : "Normal", reason, message });
	deletePod(rollout, pod);
}

/** While surging a node has an old pod and a new one, until the new one serves. */
function dropDoubles(rollout: Rollout, running: readonly Pod[]): void {
	const newPods = running.filter((pod) => revisionOf(pod) === rollout.hash);
	const oldPods = running.filter((pod) => revisionOf(pod) !== rollout.hash);
	for (const pod of [...newPods.slice(1), ...oldPods.slice(1)]) deletePod(rollout, pod);
	const [newest] = newPods;
	const [old] = oldPods;
	if (newest && old && (!isReady(old) || isServing(newest, rollout))) deletePod(rollout, old);
}
