/** RuntimeClass: pkg/registry/node/runtimeclass, pkg/apis/node/validation. */
import { duplicate, type FieldError, invalid } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label } from "../meta/name-rules.ts";
import { validateLabels } from "../meta/object-meta-validation.ts";
import type { RuntimeClass, Scheduling } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateResourceRequirements } from "./resource-validation.ts";
import { validateTolerations } from "./scheduling-validation.ts";

function validateScheduling({ nodeSelector, tolerations = [] }: Scheduling): FieldError[] {
	const path = "scheduling.tolerations";
	const repeats = tolerations.flatMap((toleration, index) => {
		const repeated = tolerations.slice(0, index).some((earlier) => semanticEqual(earlier, toleration));
		return repeated ? [duplicate(`${path}[${index}]`, toleration)] : [];
	});
	return [...validateLabels(nodeSelector, "scheduling.nodeSelector"), ...validateTolerations(tolerations, path), ...repeats];
}

function validate({ handler = "", overhead, scheduling }: RuntimeClass): FieldError[] {
	return [
		...dns1123Label(handler).map((problem) => invalid("handler", handler, problem)),
		...(overhead ? validateResourceRequirements({ limits: overhead.podFixed }, "overhead") : []),
		...(scheduling ? validateScheduling(scheduling) : []),
	];
}

export const runtimeClassKind = defineKind<RuntimeClass>({
	group: "node.k8s.io",
	version: "v1",
	kind: "RuntimeClass",
	plural: "runtimeclasses",
	singular: "runtimeclass",
	scope: "Cluster",
	schema: "node/v1.RuntimeClass",
	allowUnconditionalUpdate: false,
	validate,
	validateUpdate: (next, old) => validateImmutable(next.handler, old.handler, "handler"),
	columns: [
		{
			name: "Handler",
			type: "string",
			description: "The configuration of the container runtime that pods of this class are run with",
			cell: ({ handler }) => handler,
		},
		ageColumn,
	],
});
