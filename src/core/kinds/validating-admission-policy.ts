/** ValidatingAdmissionPolicy: pkg/registry/admissionregistration/validatingadmissionpolicy, pkg/apis/admissionregistration/validation. */
import { duplicate, type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { byteLength, qualifiedName } from "../meta/name-rules.ts";
import type { AuditAnnotation, ValidatingAdmissionPolicy, Validation } from "../schema/kubernetes.d.ts";
import { PARAM_KIND_DESCRIPTION, shownParamKind, validatePolicyCommon } from "./admission-policy-rules.ts";
import { ADMISSION_GROUP, defaultMatchResources } from "./admission-rules.ts";
import { ageColumn } from "./columns.ts";
import { validateConditions } from "./condition-validation.ts";
import { defineKind } from "./define-kind.ts";
import { validatingExpressionErrors } from "./policy-expressions.ts";
import { prepareSpecUpdate, statusSubresource } from "./strategy.ts";

const ANNOTATIONS_MAX = 20;
const VALUE_EXPRESSION_BYTES_MAX = 5 * 1024;
const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const ONE_ITEM = "validations or auditAnnotations must contain at least one item";

function validateValidation({ expression, message = "", messageExpression = "", reason }: Validation, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!expression?.trim()) errors.push(required(`${path}.expression`, "expression is not specified"));
	if (messageExpression && !messageExpression.trim()) errors.push(invalid(`${path}.messageExpression`, messageExpression, "must be non-empty if specified"));
	if (message && !message.trim()) errors.push(invalid(`${path}.message`, message, "must be non-empty if specified"));
	else if (/[\n\r]/.test(message.trim())) errors.push(invalid(`${path}.message`, message, "must not contain line breaks"));
	if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${path}.reason`, reason, REASONS));
	return errors;
}

function validateAnnotation({ key, valueExpression }: AuditAnnotation, policyName: string, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const whole = `${policyName}/${key}`;
	if (policyName === "") errors.push(invalid(`${path}.key`, key, "requires metadata.name be non-empty"));
	else for (const problem of qualifiedName(whole)) errors.push(invalid(`${path}.key`, whole, problem));
	const trimmed = valueExpression?.trim() ?? "";
	if (trimmed === "") errors.push(required(`${path}.valueExpression`, "valueExpression is not specified"));
	else if (byteLength(trimmed) > VALUE_EXPRESSION_BYTES_MAX) {
		errors.push(required(`${path}.valueExpression`, `must not exceed ${VALUE_EXPRESSION_BYTES_MAX} bytes in length`));
	}
	return errors;
}

function validateAnnotations(annotations: readonly AuditAnnotation[], policyName: string): FieldError[] {
	const path = "spec.auditAnnotations";
	const errors = annotations.length > ANNOTATIONS_MAX ? [invalid(path, annotations, `must not have more than ${ANNOTATIONS_MAX} auditAnnotations`)] : [];
	const keys = new Set<string>();
	for (const [index, annotation] of annotations.entries()) {
		errors.push(...validateAnnotation(annotation, policyName, `${path}[${index}]`));
		if (keys.has(annotation.key)) errors.push(duplicate(`${path}[${index}].key`, annotation.key));
		keys.add(annotation.key);
	}
	return errors;
}

function validate(policy: ValidatingAdmissionPolicy, old?: ValidatingAdmissionPolicy): FieldError[] {
	const { metadata, spec = {} } = policy;
	const { validations = [], auditAnnotations = [] } = spec;
	const errors = validatePolicyCommon(spec);
	if (validations.length === 0 && auditAnnotations.length === 0) {
		return [...errors, required("spec.validations", ONE_ITEM), required("spec.auditAnnotations", ONE_ITEM)];
	}
	errors.push(...validations.flatMap((validation, index) => validateValidation(validation, `spec.validations[${index}]`)));
	errors.push(...validateAnnotations(auditAnnotations, metadata.name ?? ""));
	// What is stored has compiled, or was let be when it was written.
	return old !== undefined && semanticEqual(spec, old.spec) ? errors : [...errors, ...validatingExpressionErrors(policy)];
}

function validateStatus({ status }: ValidatingAdmissionPolicy): FieldError[] {
	const warnings = (status?.typeChecking?.expressionWarnings ?? []).flatMap(({ fieldRef, warning }, index) => {
		const path = `status.typeChecking.expressionWarnings[${index}]`;
		return [...(warning ? [] : [required(`${path}.warning`)]), ...(fieldRef?.trim() ? [] : [required(`${path}.fieldRef`)])];
	});
	return [...warnings, ...validateConditions(status?.conditions, "status.conditions")];
}

export const validatingAdmissionPolicyKind = defineKind<ValidatingAdmissionPolicy>({
	group: ADMISSION_GROUP,
	version: "v1",
	kind: "ValidatingAdmissionPolicy",
	plural: "validatingadmissionpolicies",
	singular: "validatingadmissionpolicy",
	categories: ["api-extensions"],
	scope: "Cluster",
	schema: "admissionregistration/v1.ValidatingAdmissionPolicy",
	allowUnconditionalUpdate: false,
	subresources: { status: { prepareUpdate: statusSubresource.prepareUpdate, validateUpdate: validateStatus } },
	defaults({ spec }) {
		if (!spec) return;
		spec.failurePolicy ??= "Fail";
		defaultMatchResources(spec.matchConstraints);
	},
	prepareCreate(policy) {
		policy.metadata.generation = 1;
		policy.status = {};
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	columns: [
		{
			name: "Validations",
			type: "integer",
			description: "Validations indicates the number of validation rules defined in this configuration",
			cell: ({ spec }) => (spec?.validations ?? []).length,
		},
		{ name: "ParamKind", type: "string", description: PARAM_KIND_DESCRIPTION, cell: ({ spec }) => shownParamKind(spec?.paramKind) },
		ageColumn,
	],
});
