/** MutatingAdmissionPolicy: pkg/registry/admissionregistration/mutatingadmissionpolicy, pkg/apis/admissionregistration/validation. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { MutatingAdmissionPolicy, Mutation } from "../schema/kubernetes.d.ts";
import { PARAM_KIND_DESCRIPTION, shownParamKind, validateMutatedOperations, validatePolicyCommon } from "./admission-policy-rules.ts";
import { ADMISSION_GROUP, defaultMatchResources, REINVOCATION_POLICIES } from "./admission-rules.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { mutatingExpressionErrors } from "./policy-expressions.ts";
import { prepareSpecUpdate } from "./strategy.ts";

/** Each sort of patch, the field that has it, and the other one's. */
const PATCHES: ReadonlyMap<string, { own: "applyConfiguration" | "jsonPatch"; other: "applyConfiguration" | "jsonPatch" }> = new Map([
	["ApplyConfiguration", { own: "applyConfiguration", other: "jsonPatch" }],
	["JSONPatch", { own: "jsonPatch", other: "applyConfiguration" }],
]);

function validateMutation(mutation: Mutation, path: string): FieldError[] {
	const type = mutation.patchType;
	if (!type) return [required(`${path}.patchType`)];
	const fields = PATCHES.get(type);
	if (!fields) return [notSupported(`${path}.patchType`, type, [...PATCHES.keys()])];
	const errors: FieldError[] = [];
	const own = mutation[fields.own];
	if (!own) errors.push(required(`${path}.${fields.own}`, `must be specified when patchType is ${type}`));
	else if (!own.expression?.trim()) errors.push(required(`${path}.${fields.own}.expression`));
	if (mutation[fields.other]) errors.push(invalid(`${path}.${fields.other}`, `{${fields.other}}`, `must not be specified when patchType is ${type}`));
	return errors;
}

function validate(policy: MutatingAdmissionPolicy, old?: MutatingAdmissionPolicy): FieldError[] {
	const { spec = {} } = policy;
	const errors = [...validatePolicyCommon(spec), ...validateMutatedOperations(spec.matchConstraints, "spec.matchConstraints")];
	const mutations = spec.mutations ?? [];
	if (mutations.length === 0) errors.push(required("spec.mutations", "mutations must contain at least one item"));
	errors.push(...mutations.flatMap((mutation, index) => validateMutation(mutation, `spec.mutations[${index}]`)));
	const again = spec.reinvocationPolicy;
	if (!again) errors.push(required("spec.reinvocationPolicy"));
	else if (!REINVOCATION_POLICIES.includes(again)) errors.push(notSupported("spec.reinvocationPolicy", again, REINVOCATION_POLICIES));
	// What is stored has compiled, or was let be when it was written.
	return old !== undefined && semanticEqual(spec, old.spec) ? errors : [...errors, ...mutatingExpressionErrors(policy)];
}

export const mutatingAdmissionPolicyKind = defineKind<MutatingAdmissionPolicy>({
	group: ADMISSION_GROUP,
	version: "v1",
	kind: "MutatingAdmissionPolicy",
	plural: "mutatingadmissionpolicies",
	singular: "mutatingadmissionpolicy",
	categories: ["api-extensions"],
	scope: "Cluster",
	schema: "admissionregistration/v1.MutatingAdmissionPolicy",
	allowUnconditionalUpdate: false,
	defaults({ spec }) {
		if (!spec) return;
		spec.failurePolicy ??= "Fail";
		defaultMatchResources(spec.matchConstraints);
	},
	prepareCreate(policy) {
		policy.metadata.generation = 1;
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	columns: [
		{
			name: "Mutations",
			type: "integer",
			description: "Mutation indicates the number of mutations rules defined in this configuration",
			cell: ({ spec }) => (spec?.mutations ?? []).length,
		},
		{ name: "ParamKind", type: "string", description: PARAM_KIND_DESCRIPTION, cell: ({ spec }) => shownParamKind(spec?.paramKind) },
		ageColumn,
	],
});
