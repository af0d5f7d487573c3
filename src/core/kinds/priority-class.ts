/** PriorityClass: pkg/registry/scheduling/priorityclass, pkg/apis/scheduling/validation. */
import { type FieldError, forbidden, invalid, notSupported } from "../errors/field-error.ts";
import { FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type { PriorityClass } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { bumpGeneration } from "./strategy.ts";

const SYSTEM_PREFIX = "system-";
/** The highest value that users' classes may have. */
const USER_PRIORITY_MAX = 1_000_000_000;
/** The classes that every cluster has, by value. */
export const SYSTEM_PRIORITY_CLASSES: Readonly<Record<string, number>> = { "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000 };
const POLICIES = ["Never", "PreemptLowerPriority"];

const policyOf = (priorityClass: PriorityClass): string => (typeof priorityClass.preemptionPolicy === "string" ? priorityClass.preemptionPolicy : "");

function validate(priorityClass: PriorityClass): FieldError[] {
	const errors: FieldError[] = [];
	const name = priorityClass.metadata.name ?? "";
	const value = priorityClass.value ?? 0;
	if (name.startsWith(SYSTEM_PREFIX)) {
		if (SYSTEM_PRIORITY_CLASSES[name] !== value) {
			const why = name in SYSTEM_PRIORITY_CLASSES ? "value is not the one of this system class" : `${name} is not a known system class`;
			errors.push(forbidden("metadata.name", `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${why}`));
		}
	} else if (value > USER_PRIORITY_MAX) {
		errors.push(forbidden("value", `maximum allowed value of a user defined priority is ${USER_PRIORITY_MAX}`));
	}
	const policy = policyOf(priorityClass);
	if (policy !== "" && !POLICIES.includes(policy)) errors.push(notSupported("preemptionPolicy", policy, POLICIES));
	return errors;
}

function validateUpdate(next: PriorityClass, old: PriorityClass): FieldError[] {
	const errors: FieldError[] = [];
	if ((next.value ?? 0) !== (old.value ?? 0)) errors.push(invalid("value", next.value ?? 0, "may not be changed in an update."));
	if (policyOf(next) !== policyOf(old)) errors.push(invalid("preemptionPolicy", policyOf(next), FIELD_IMMUTABLE));
	return errors;
}

export const priorityClassKind = defineKind<PriorityClass>({
	group: "scheduling.k8s.io",
	version: "v1",
	kind: "PriorityClass",
	plural: "priorityclasses",
	singular: "priorityclass",
	shortNames: ["pc"],
	scope: "Cluster",
	schema: "scheduling/v1.PriorityClass",
	defaults(priorityClass) {
		priorityClass.preemptionPolicy ??= "PreemptLowerPriority";
	},
	prepareCreate(priorityClass) {
		priorityClass.metadata.generation = 1;
	},
	prepareUpdate: (next, old) => bumpGeneration(next, old, false),
	validate,
	validateUpdate,
	columns: [
		{
			name: "Value",
			type: "integer",
			description:
				"value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec.",
			cell: (priorityClass) => priorityClass.value ?? 0,
		},
		{
			name: "Global-Default",
			type: "boolean",
			description:
				"globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority.",
			cell: (priorityClass) => priorityClass.globalDefault ?? false,
		},
		ageColumn,
		{
			name: "PreemptionPolicy",
			type: "string",
			description:
				"preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset.",
			cell: policyOf,
		},
	],
});
