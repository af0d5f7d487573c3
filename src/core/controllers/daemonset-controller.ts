/** Keeps one pod of a DaemonSet on every node that fits (k8s.io/kubernetes/pkg/controller/daemon). */
import { semanticEqual } from "../meta/equality.ts";
import type { DaemonSet, Node, Pod } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { claim } from "./claim.ts";
import { type Controller, controllerOf, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { claimRevisions, ownerOfRevision, presentRevision, REVISION_LABEL, REVISIONS, truncateHistory } from "./controller-history.ts";
import { revisionOf } from "./daemonset/daemon-pod.ts";
import { keepDaemons } from "./daemonset/keep-daemons.ts";
import { rollingUpdate } from "./daemonset/rolling-update.ts";
import { arrange, DAEMON_SETS, PODS, type Rollout } from "./daemonset/rollout.ts";
import { statusOf } from "./daemonset/status.ts";
import { draftOf, isBeingDeleted, labelsOf, nameOf, uidOf } from "./identity.ts";
import { heedRefusal } from "./refused-creation.ts";
import { needsNodes, wantNodes } from "./node-need.ts";
import { availableInMs } from "./pod-state.ts";

const NODES = "nodes";

export interface DaemonSetDeps {
	/** Whether this object has the replica of the nodes; while it has not, nothing can be placed, or said of the rollout. */
	knowsNodes(): boolean;
}

export function daemonSetController(deps: DaemonSetDeps): Controller {
	return {
		name: "daemonset",
		watches: [
			{ resource: DAEMON_SETS, keys: ({ object, old }) => [nameOf((object ?? old) as DaemonSet)] },
			{ resource: PODS, keys: setsOfPod },
			{ resource: REVISIONS, keys: ownerOfRevision("DaemonSet") },
			{ resource: NODES, keys: (_change, view) => view.list(DAEMON_SETS).map(nameOf) },
		],
		hearsRefusals: true,
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

function setsOfPod({ old, object }: ObjectChange, view: View): string[] {
	const keys = new Set<string>();
	for (const version of [old, object]) {
		const owner = version && controllerOf(version);
		if (owner?.kind === "DaemonSet") keys.add(owner.name);
	}
	if (object !== undefined && controllerOf(object) === undefined && !isBeingDeleted(object)) {
		for (const set of view.list<DaemonSet>(DAEMON_SETS)) if (labelSelectorOf(set.spec?.selector).matches(labelsOf(object))) keys.add(nameOf(set));
	}
	return [...keys];
}

function reconcile(key: string, view: View, ctx: ReconcileContext, deps: DaemonSetDeps): ReconcileResult {
	const set = view.get<DaemonSet>(DAEMON_SETS, key);
	if (set?.spec === undefined) return deps.knowsNodes() && !needsNodes(view) ? { actions: [wantNodes(ctx.namespace, false)] } : NOTHING;
	if (!deps.knowsNodes()) return { actions: [wantNodes(ctx.namespace, true)] };
	const orphans = view.list<Pod>(PODS, set.spec.selector.matchLabels).filter((pod) => controllerOf(pod) === undefined);
	const pods = claim(set, labelSelectorOf(set.spec.selector), PODS, [...view.controlledBy<Pod>(PODS, uidOf(set)), ...orphans]);
	const revisions = claimRevisions(set, view);
	// What was adopted or let go is written first; the change brings this key back with the new versions to decide on.
	if (pods.actions.length + revisions.actions.length > 0) return { actions: [...pods.actions, ...revisions.actions] };
	if (isBeingDeleted(set)) return NOTHING;

	const { revision, all, collisionCount, actions } = presentRevision(set, revisions.owned, REVISION_LABEL, view);
	const hash = labelsOf(revision)[REVISION_LABEL] ?? "";
	const places = arrange(set, view.list<Node>(NODES), pods.owned);
	const rollout: Rollout = { set, view, ctx, hash, ...places, actions: [...actions], doomed: new Set(), served: new Set(), retryInMs: undefined };
	keepDaemons(rollout);
	rollingUpdate(rollout);
	const live = new Set(pods.owned.map(revisionOf));
	const inUse = (other: (typeof all)[number]): boolean => other === revision || live.has(labelsOf(other)[REVISION_LABEL] ?? "");
	if (set.spec.revisionHistoryLimit !== undefined) rollout.actions.push(...truncateHistory(all, inUse, set.spec.revisionHistoryLimit));
	const status = statusOf(rollout, collisionCount);
	if (!semanticEqual(status, set.status))
		rollout.actions.push({ type: "updateStatus", resource: DAEMON_SETS, object: Object.assign(draftOf(set), { status }) });
	return { actions: heedRefusal(rollout.actions, ctx.refusal, set).actions, requeueAfterMs: nextLookMs(rollout, pods.owned) };
}

/** When a failed pod may be replaced, or the next ready pod becomes available by time alone. */
function nextLookMs({ set, ctx, retryInMs }: Rollout, pods: readonly Pod[]): number | undefined {
	const waits = pods.flatMap((pod) => availableInMs(pod, set.spec?.minReadySeconds ?? 0, ctx.nowMs) ?? []).filter((ms) => ms > 0);
	const all = retryInMs === undefined ? waits : [...waits, retryInMs];
	return all.length > 0 ? Math.min(...all) : undefined;
}
