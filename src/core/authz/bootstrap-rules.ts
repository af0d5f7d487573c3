/** Rules of the bootstrap roles as rows of words: groups, resources, verbs, names; "core" stands for the core group. */
import type { ObjectMeta, PolicyRule, RbacV1Subject } from "../schema/kubernetes.d.ts";
import { RBAC_GROUP } from "./rbac.ts";

export const words = (text: string): string[] => text.split(" ");

export function rule(groups: string, resources: string, verbs: string, resourceNames?: string): PolicyRule {
	const apiGroups = words(groups).map((group) => (group === "core" ? "" : group));
	return { verbs: words(verbs), apiGroups, resources: words(resources), ...(resourceNames ? { resourceNames: words(resourceNames) } : {}) };
}

export const AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate";

export function bootstrapMeta(name: string, aggregateTo?: string): ObjectMeta {
	const labels: Record<string, string> = { "kubernetes.io/bootstrapping": "rbac-defaults" };
	if (aggregateTo) labels[`${RBAC_GROUP}/aggregate-to-${aggregateTo}`] = "true";
	return { name, labels, annotations: { [AUTOUPDATE]: "true" } };
}

export const userSubject = (name: string): RbacV1Subject => ({ kind: "User", apiGroup: RBAC_GROUP, name });
export const accountSubject = (name: string): RbacV1Subject => ({ kind: "ServiceAccount", name, namespace: "kube-system" });
