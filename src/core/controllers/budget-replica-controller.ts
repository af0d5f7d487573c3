/** Tells the Cluster object's scheduler what the namespace's PodDisruptionBudgets allow: preemption spares what it can. */
import type { PodDisruptionBudget } from "../schema/kubernetes.d.ts";
import { trimmedBudget } from "../scheduler/disruption-budgets.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";

const BUDGETS = "policy/poddisruptionbudgets";
const KEY = "budgets";

export const budgetReplicaController: Controller = { name: "budget-replica", watches: [{ resource: BUDGETS, keys: keysOf }], reconcile };

function keysOf({ old, object }: ObjectChange): string[] {
	const [before, now] = [old && trimmedBudget(old as PodDisruptionBudget), object && trimmedBudget(object as PodDisruptionBudget)];
	return semanticEqual(before, now) ? [] : [KEY];
}

function reconcile(_key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const budgets = view.list<PodDisruptionBudget>(BUDGETS).map(trimmedBudget);
	return { actions: [{ type: "send", message: { to: { object: "cluster" }, body: { type: "budgets", namespace: ctx.namespace, budgets } } }] };
}
