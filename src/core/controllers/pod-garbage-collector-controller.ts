/** Deletes the oldest of very many pods that have ended (k8s.io/kubernetes/pkg/controller/podgc, gcTerminated). */
import type { Pod } from "../schema/kubernetes.d.ts";
import type { Action, Controller, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { isFinished } from "./pod-state.ts";

const PODS = "pods";
const KEY = "ended";
/** In one namespace (--terminated-pod-gc-threshold counts the whole cluster's). */
export const ENDED_PODS_MAX = 12_500;
/** Pods deleted in one reconcile. */
const DELETIONS_MAX = 500;
/** Between two looks, in milliseconds (gcCheckPeriod). */
const PERIOD_MS = 20_000;

export function podGarbageCollectorController({ endedPodsMax = ENDED_PODS_MAX } = {}): Controller {
	return {
		name: "pod-garbage-collector",
		watches: [{ resource: PODS, keys: ({ old, object }) => (object && isFinished(object as Pod) && !(old && isFinished(old as Pod)) ? [KEY] : []) }],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, endedPodsMax),
	};
}

function reconcile(key: string, view: View, ctx: ReconcileContext, endedPodsMax: number): ReconcileResult {
	const lookedMs = Number(ctx.recall(key) ?? 0);
	// A Job may end a thousand pods in a minute: they are counted together.
	if (lookedMs + PERIOD_MS > ctx.nowMs) return { actions: [], requeueAfterMs: lookedMs + PERIOD_MS - ctx.nowMs };
	const ended = view.list<Pod>(PODS).filter((pod) => isFinished(pod) && !isBeingDeleted(pod));
	const surplus = ended.sort(byAge).slice(0, Math.max(0, ended.length - endedPodsMax));
	const deletions = surplus
		.slice(0, DELETIONS_MAX)
		.map((pod): Action => ({ type: "delete", resource: PODS, name: nameOf(pod), uid: uidOf(pod), gracePeriodSeconds: 0 }));
	const remember: Action = { type: "remember", key, value: ctx.nowMs };
	return { actions: [...deletions, remember], ...(surplus.length > DELETIONS_MAX ? { requeueAfterMs: PERIOD_MS } : {}) };
}

/** Evicted ones go first, then the oldest. */
function byAge(a: Pod, b: Pod): number {
	const evicted = (pod: Pod): number => (pod.status?.phase === "Failed" && pod.status.reason === "Evicted" ? 0 : 1);
	const order = evicted(a) - evicted(b);
	const [x, y] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
	return order || (x === y ? (nameOf(a) < nameOf(b) ? -1 : 1) : x < y ? -1 : 1);
}
