/** ValidatingAdmissionPolicyBinding: pkg/registry/admissionregistration/validatingadmissionpolicybinding. */
import { duplicate, type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import type { ValidatingAdmissionPolicyBinding } from "../schema/kubernetes.d.ts";
import { policyBindingColumns, validatePolicyBinding } from "./admission-policy-rules.ts";
import { ADMISSION_GROUP, defaultMatchResources } from "./admission-rules.ts";
import { defineKind } from "./define-kind.ts";
import { prepareSpecUpdate } from "./strategy.ts";

const PATH = "spec.validationActions";
const ACTIONS = ["Audit", "Deny", "Warn"];
const DENY_AND_WARN =
	"must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";

function validateActions(actions: readonly string[]): FieldError[] {
	const errors = actions.flatMap((action, index) => {
		const at = `${PATH}[${index}]`;
		const unknown = ACTIONS.includes(action) ? [] : [notSupported(at, action, ACTIONS)];
		return actions.indexOf(action) < index ? [...unknown, duplicate(at, action)] : unknown;
	});
	if (actions.includes("Deny") && actions.includes("Warn")) errors.push(invalid(PATH, actions, DENY_AND_WARN));
	if (actions.length === 0) errors.push(required(PATH, "at least one validation action is required"));
	return errors;
}

export const validatingAdmissionPolicyBindingKind = defineKind<ValidatingAdmissionPolicyBinding>({
	group: ADMISSION_GROUP,
	version: "v1",
	kind: "ValidatingAdmissionPolicyBinding",
	plural: "validatingadmissionpolicybindings",
	singular: "validatingadmissionpolicybinding",
	categories: ["api-extensions"],
	scope: "Cluster",
	schema: "admissionregistration/v1.ValidatingAdmissionPolicyBinding",
	allowUnconditionalUpdate: false,
	defaults: ({ spec }) => defaultMatchResources(spec?.matchResources),
	prepareCreate(binding) {
		binding.metadata.generation = 1;
	},
	prepareUpdate: prepareSpecUpdate,
	validate: (binding) => [...validatePolicyBinding(binding), ...validateActions(binding.spec?.validationActions ?? [])],
	columns: policyBindingColumns,
});
