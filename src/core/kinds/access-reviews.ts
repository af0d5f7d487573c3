/**
 * Questions about access, answered when they are created and never stored: the reviews of authorization.k8s.io
 * (pkg/registry/authorization, pkg/apis/authorization/validation).
 */
import { type FieldError, forbidden, invalid, required } from "../errors/field-error.ts";
import type {
	FieldSelectorAttributes,
	LabelSelectorAttributes,
	ResourceAttributes,
	LocalSubjectAccessReview,
	SelfSubjectAccessReview,
	SelfSubjectRulesReview,
	SubjectAccessReview,
	SubjectAccessReviewSpec,
} from "../schema/kubernetes.d.ts";
import { createdAtColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";

const group = "authorization.k8s.io";
const version = "v1";
const EXCLUSIVE = "cannot be specified in combination with resourceAttributes";

type Asked = Pick<SubjectAccessReviewSpec, "resourceAttributes" | "nonResourceAttributes">;

function validateAttributes(spec: Asked): FieldError[] {
	if (spec.resourceAttributes && spec.nonResourceAttributes) return [invalid("spec.nonResourceAttributes", spec.nonResourceAttributes, EXCLUSIVE)];
	if (spec.resourceAttributes) return validateSelectors(spec.resourceAttributes);
	if (spec.nonResourceAttributes) return [];
	return [invalid("spec.resourceAttributes", null, "exactly one of nonResourceAttributes or resourceAttributes must be specified")];
}

const SET_OPERATORS = ["In", "NotIn"];
const PRESENCE_OPERATORS = ["Exists", "DoesNotExist"];

function validateSelector(selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined, path: string): FieldError[] {
	if (!selector) return [];
	const { rawSelector = "", requirements = [] } = selector;
	if (rawSelector && requirements.length > 0) return [invalid(`${path}.rawSelector`, rawSelector, "may not specified at the same time as requirements")];
	if (!rawSelector && requirements.length === 0)
		return [required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`)];
	return requirements.flatMap(({ key, operator, values = [] }, i) => {
		const at = `${path}.requirements[${i}]`;
		const errors = key ? [] : [required(`${at}.key`, "must be specified")];
		if (SET_OPERATORS.includes(operator) && values.length === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
		if (PRESENCE_OPERATORS.includes(operator) && values.length > 0)
			errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
		if (![...SET_OPERATORS, ...PRESENCE_OPERATORS].includes(operator)) errors.push(invalid(`${at}.operator`, operator ?? "", "not a valid selector operator"));
		return errors;
	});
}

const validateSelectors = ({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] => [
	...validateSelector(fieldSelector, "spec.resourceAttributes.fieldSelector"),
	...validateSelector(labelSelector, "spec.resourceAttributes.labelSelector"),
];

function validateSubject(spec: SubjectAccessReviewSpec): FieldError[] {
	const errors = validateAttributes(spec);
	if (!spec.user && !spec.groups?.length) errors.push(invalid("spec.user", spec.user ?? "", "at least one of user or group must be specified"));
	return errors;
}

function validateLocal(review: LocalSubjectAccessReview): FieldError[] {
	const errors = validateSubject(review.spec ?? {});
	if (review.spec?.resourceAttributes && review.spec.resourceAttributes.namespace !== review.metadata.namespace) {
		errors.push(invalid("spec.resourceAttributes.namespace", review.spec.resourceAttributes.namespace ?? "", "must match metadata.namespace"));
	}
	if (review.spec?.nonResourceAttributes) {
		errors.push(invalid("spec.nonResourceAttributes", review.spec.nonResourceAttributes, "disallowed on this kind of request"));
	}
	return errors;
}

export const selfSubjectAccessReviewKind = defineKind<SelfSubjectAccessReview>({
	group,
	version,
	kind: "SelfSubjectAccessReview",
	plural: "selfsubjectaccessreviews",
	singular: "selfsubjectaccessreview",
	scope: "Cluster",
	verbs: ["create"],
	schema: "authorization/v1.SelfSubjectAccessReview",
	validate: (review) => validateAttributes(review.spec ?? {}),
	columns: [createdAtColumn],
});

export const subjectAccessReviewKind = defineKind<SubjectAccessReview>({
	group,
	version,
	kind: "SubjectAccessReview",
	plural: "subjectaccessreviews",
	singular: "subjectaccessreview",
	scope: "Cluster",
	verbs: ["create"],
	schema: "authorization/v1.SubjectAccessReview",
	validate: (review) => validateSubject(review.spec ?? {}),
	columns: [createdAtColumn],
});

export const localSubjectAccessReviewKind = defineKind<LocalSubjectAccessReview>({
	group,
	version,
	kind: "LocalSubjectAccessReview",
	plural: "localsubjectaccessreviews",
	singular: "localsubjectaccessreview",
	scope: "Namespaced",
	verbs: ["create"],
	schema: "authorization/v1.LocalSubjectAccessReview",
	validate: validateLocal,
	columns: [createdAtColumn],
});

export const selfSubjectRulesReviewKind = defineKind<SelfSubjectRulesReview>({
	group,
	version,
	kind: "SelfSubjectRulesReview",
	plural: "selfsubjectrulesreviews",
	singular: "selfsubjectrulesreview",
	scope: "Cluster",
	verbs: ["create"],
	schema: "authorization/v1.SelfSubjectRulesReview",
	validate: (review) => (review.spec?.namespace ? [] : [required("spec.namespace", "no namespace on request")]),
	columns: [createdAtColumn],
});
