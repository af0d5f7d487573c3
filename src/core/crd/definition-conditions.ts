/** The conditions of a CustomResourceDefinition. */
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from "../schema/kubernetes.d.ts";

export const ESTABLISHED = "Established";
export const NAMES_ACCEPTED = "NamesAccepted";
export const TERMINATING = "Terminating";

export type NewCondition = Pick<CustomResourceDefinitionCondition, "type" | "status" | "reason" | "message">;

export const conditionOf = (definition: CustomResourceDefinition, type: string): CustomResourceDefinitionCondition | undefined =>
	definition.status?.conditions?.find((condition) => condition.type === type);

/** Sets a condition; its time is that of the last change of its status. Mutates. */
export function withCondition(definition: CustomResourceDefinition, condition: NewCondition, nowIso: string): void {
	const old = conditionOf(definition, condition.type);
	const lastTransitionTime = old?.status === condition.status && old.lastTransitionTime ? old.lastTransitionTime : nowIso;
	const next = { ...condition, lastTransitionTime };
	const conditions = definition.status?.conditions ?? [];
	const status = definition.status ?? { acceptedNames: { plural: "", kind: "" }, storedVersions: [] };
	definition.status = { ...status, conditions: old ? conditions.map((each) => (each === old ? next : each)) : [...conditions, next] };
}
