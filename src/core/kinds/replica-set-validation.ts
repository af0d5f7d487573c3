/** Rules of a ReplicaSet: pkg/apis/apps/validation. */
import { type FieldError, invalid } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type { ReplicaSet } from "../schema/kubernetes.d.ts";
import { validateNonNegative, validateServingTemplate } from "./pod-template-validation.ts";

export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
	return [
		...validateNonNegative({ "spec.replicas": spec?.replicas, "spec.minReadySeconds": spec?.minReadySeconds }),
		...validateServingTemplate(spec, "replicaset"),
	];
}

export const validateReplicaSetUpdate = (next: ReplicaSet, old: ReplicaSet): FieldError[] =>
	semanticEqual(next.spec?.selector, old.spec?.selector) ? [] : [invalid("spec.selector", next.spec?.selector, FIELD_IMMUTABLE)];
