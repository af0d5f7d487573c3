/** Keeps a StatefulSet's pods, each with its name and its claims, in order (k8s.io/kubernetes/pkg/controller/statefulset). */
import { semanticEqual } from "../meta/equality.ts";
import type { KubeObject } from "../meta/object.ts";
import type { Pod, StatefulSet } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { claim } from "./claim.ts";
import { type Controller, controllerOf, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { claimRevisions, ownerOfRevision, presentRevision, REVISIONS, type TemplateRevision, truncateHistory } from "./controller-history.ts";
import { draftOf, isBeingDeleted, labelsOf, nameOf, uidOf } from "./identity.ts";
import { heedRefusal } from "./refused-creation.ts";
import { availableInMs } from "./pod-state.ts";
import { dropCondemned, keepReplicas } from "./statefulset/keep-replicas.ts";
import { isMember, parentAndOrdinal, revisionOf } from "./statefulset/pod-identity.ts";
import { rollingUpdate } from "./statefulset/rolling-update.ts";
import { arrange, PODS, type Rollout, STATEFUL_SETS } from "./statefulset/rollout.ts";
import { statusOf } from "./statefulset/status.ts";
import { CLAIMS, isClaimOf } from "./statefulset/volume-claims.ts";

/** The label on a ControllerRevision that bears its hash. */
const HASH_LABEL = "controller.kubernetes.io/hash";

export const statefulSetController: Controller = {
	name: "statefulset",
	watches: [
		{ resource: STATEFUL_SETS, keys: ({ object, old }) => [nameOf((object ?? old) as StatefulSet)] },
		{ resource: PODS, keys: setsOfPod },
		{ resource: REVISIONS, keys: ownerOfRevision("StatefulSet") },
		{ resource: CLAIMS, keys: setsOfGoneClaim },
	],
	hearsRefusals: true,
	reconcile,
};

/** The sets that the pod belongs to, may be adopted by, or has held a name of. */
function setsOfPod({ old, object }: ObjectChange, view: View): string[] {
	const keys = new Set<string>();
	for (const version of [old, object]) {
		const owner = version && controllerOf(version);
		if (owner?.kind === "StatefulSet") keys.add(owner.name);
	}
	const parent = parentAndOrdinal(nameOf((object ?? old) as Pod))?.parent;
	const set = parent === undefined ? undefined : view.get<StatefulSet>(STATEFUL_SETS, parent);
	if (set !== undefined && (object === undefined || labelSelectorOf(set.spec?.selector).matches(labelsOf(object)))) keys.add(nameOf(set));
	return [...keys];
}

/** A pod may wait for the end of a claim that went with its predecessor. */
function setsOfGoneClaim({ old, object }: ObjectChange, view: View): string[] {
	if (object !== undefined || old === undefined) return [];
	return view
		.list<StatefulSet>(STATEFUL_SETS)
		.filter((set) => isClaimOf(set, nameOf(old)))
		.map(nameOf);
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const set = view.get<StatefulSet>(STATEFUL_SETS, key);
	if (set?.spec === undefined) return NOTHING;
	const orphans = view.list<Pod>(PODS, set.spec.selector.matchLabels).filter((pod) => controllerOf(pod) === undefined);
	const candidates = [...view.controlledBy<Pod>(PODS, uidOf(set)), ...orphans].filter((pod) => isMember(set, pod));
	const pods = claim(set, labelSelectorOf(set.spec.selector), PODS, candidates);
	const revisions = claimRevisions(set, view);
	// What was adopted or let go is written first; the change brings this key back with the new versions to decide on.
	if (pods.actions.length + revisions.actions.length > 0) return { actions: [...pods.actions, ...revisions.actions] };
	const present = presentRevision(set, revisions.owned, HASH_LABEL, view);
	return roll(beginRollout(set, pods.owned, present, view, ctx), present);
}

function beginRollout(
	set: StatefulSet,
	pods: readonly Pod[],
	{ revision: update, all, actions }: TemplateRevision,
	view: View,
	ctx: ReconcileContext,
): Rollout {
	const current = all.find((revision) => nameOf(revision) === set.status?.currentRevision) ?? update;
	return { set, view, ctx, pods, ...arrange(set, pods), current, update, actions: [...actions] };
}

function roll(rollout: Rollout, { all, collisionCount }: TemplateRevision): ReconcileResult {
	const { set, actions, pods } = rollout;
	const waits = isBeingDeleted(set) || keepReplicas(rollout) || dropCondemned(rollout);
	if (!waits) rollingUpdate(rollout);
	const status = statusOf(rollout, collisionCount);
	if (!semanticEqual(status, set.status)) actions.push({ type: "updateStatus", resource: STATEFUL_SETS, object: Object.assign(draftOf(set), { status }) });
	const live = new Set([nameOf(rollout.current), nameOf(rollout.update), ...pods.map(revisionOf)]);
	if (set.spec?.revisionHistoryLimit !== undefined)
		actions.push(...truncateHistory(all, (revision) => live.has(nameOf(revision)), set.spec.revisionHistoryLimit));
	return {
		actions: heedRefusal(actions, rollout.ctx.refusal, set, refusalWords(set)).actions,
		requeueAfterMs: isBeingDeleted(set) ? undefined : nextAvailabilityMs(rollout),
	};
}

const refusalWords = (set: StatefulSet) => (refused: KubeObject, message: string) =>
	refused.kind === "PersistentVolumeClaim"
		? `create Claim ${nameOf(refused)} in StatefulSet ${nameOf(set)} failed error: ${message}`
		: `create Pod ${nameOf(refused)} in StatefulSet ${nameOf(set)} failed error: ${message}`;

/** When the next ready pod becomes available by time alone. */
function nextAvailabilityMs({ set, pods, ctx }: Rollout): number | undefined {
	const waits = pods.flatMap((pod) => availableInMs(pod, set.spec?.minReadySeconds ?? 0, ctx.nowMs) ?? []).filter((ms) => ms > 0);
	return waits.length > 0 ? Math.min(...waits) : undefined;
}
