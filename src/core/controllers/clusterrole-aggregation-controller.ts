/** Keeps the rules of aggregated ClusterRoles (pkg/controller/clusterroleaggregation). */
import { aggregatedRules } from "../authz/rbac.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { ClusterRole } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ObjectChange, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";

const ROLES = "rbac.authorization.k8s.io/clusterroles";

/** Whose labels or rules changed may have been, or be now, part of any aggregated role. */
function keysOf({ old, object }: ObjectChange, view: View): string[] {
	const part = (role: ObjectChange["object"]) => role && [role.metadata.labels, (role as ClusterRole).rules, (role as ClusterRole).aggregationRule];
	if (semanticEqual(part(old), part(object))) return [];
	return view
		.list<ClusterRole>(ROLES)
		.filter(({ aggregationRule }) => aggregationRule !== undefined)
		.map(nameOf);
}

export const clusterRoleAggregationController: Controller = {
	name: "clusterrole-aggregation",
	watches: [{ resource: ROLES, keys: keysOf }],
	reconcile(key: string, view: View): ReconcileResult {
		const role = view.get<ClusterRole>(ROLES, key);
		if (role?.aggregationRule === undefined || isBeingDeleted(role)) return NOTHING;
		const others = view.list<ClusterRole>(ROLES).filter((other) => nameOf(other) !== key);
		const rules = aggregatedRules(role, others);
		if (semanticEqual(rules, role.rules ?? [])) return NOTHING;
		return { actions: [{ type: "update", resource: ROLES, object: { ...draftOf(role), rules } as ClusterRole }] };
	},
};
