/** MutatingAdmissionPolicyBinding: pkg/registry/admissionregistration/mutatingadmissionpolicybinding. */
import type { MutatingAdmissionPolicyBinding } from "../schema/kubernetes.d.ts";
import { policyBindingColumns, validateMutatedOperations, validatePolicyBinding } from "./admission-policy-rules.ts";
import { ADMISSION_GROUP, defaultMatchResources } from "./admission-rules.ts";
import { defineKind } from "./define-kind.ts";
import { prepareSpecUpdate } from "./strategy.ts";

export const mutatingAdmissionPolicyBindingKind = defineKind<MutatingAdmissionPolicyBinding>({
	group: ADMISSION_GROUP,
	version: "v1",
	kind: "MutatingAdmissionPolicyBinding",
	plural: "mutatingadmissionpolicybindings",
	singular: "mutatingadmissionpolicybinding",
	categories: ["api-extensions"],
	scope: "Cluster",
	schema: "admissionregistration/v1.MutatingAdmissionPolicyBinding",
	allowUnconditionalUpdate: false,
	defaults: ({ spec }) => defaultMatchResources(spec?.matchResources),
	prepareCreate(binding) {
		binding.metadata.generation = 1;
	},
	prepareUpdate: prepareSpecUpdate,
	validate: (binding) => [...validatePolicyBinding(binding), ...validateMutatedOperations(binding.spec?.matchResources, "spec.matchResources")],
	columns: policyBindingColumns,
});
