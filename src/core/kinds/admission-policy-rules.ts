/** Rules that the admission policies in CEL and their bindings share: pkg/apis/admissionregistration/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { dns1035Label, dns1123Subdomain, pathSegment } from "../meta/name-rules.ts";
import type {
	MatchCondition,
	MatchResources,
	MutatingAdmissionPolicyBinding,
	ParamKind,
	ParamRef,
	ValidatingAdmissionPolicyBinding,
	Variable,
} from "../schema/kubernetes.d.ts";
import { validateFailurePolicy, validateMatchConditions, validateMatchResources } from "./admission-rules.ts";
import { ageColumn, formatLabelSelector } from "./columns.ts";
import type { TableColumn } from "./define-kind.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { validateWith } from "./object-reference-validation.ts";

const NOT_FOUND_ACTIONS = ["Deny", "Allow"];
const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
/** Words that CEL keeps to itself. */
const RESERVED = new Set("true false null in as break const continue else for function if import let loop package namespace return var void while".split(" "));
const EXCLUSIVE = "name and selector are mutually exclusive";

function validateApiVersion(apiVersion: string | undefined, path: string): FieldError[] {
	if (!apiVersion) return [required(path)];
	const parts = apiVersion.split("/");
	if (parts.length > 2) return [invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
	const [group, version] = parts.length === 2 ? [parts[0] ?? "", parts[1] ?? ""] : ["", parts[0] ?? ""];
	const errors: FieldError[] = [];
	const groupProblems = group === "" ? [] : dns1123Subdomain(group);
	if (groupProblems.length > 0) errors.push(invalid(path, group, groupProblems.join(",")));
	if (version === "") return [...errors, invalid(path, apiVersion, "version must be specified")];
	const problems = dns1035Label(version);
	return problems.length > 0 ? [...errors, invalid(path, version, problems.join(","))] : errors;
}

function validateParamKind({ apiVersion, kind }: ParamKind, path: string): FieldError[] {
	const errors = validateApiVersion(apiVersion, `${path}.apiVersion`);
	if (!kind) return [...errors, required(`${path}.kind`)];
	const problems = dns1035Label(kind.toLowerCase());
	if (problems.length === 0) return errors;
	return [...errors, invalid(`${path}.kind`, kind, `may have mixed case, but should otherwise match: ${problems.join(",")}`)];
}

function validateVariable({ name, expression }: Variable, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!name?.trim()) errors.push(required(`${path}.name`, "name is not specified"));
	else if (!IDENTIFIER.test(name) || RESERVED.has(name)) errors.push(invalid(`${path}.name`, name, "must be a valid CEL identifier"));
	if (!expression?.trim()) errors.push(required(`${path}.expression`, "expression is not specified"));
	return errors;
}

/** The parts that policies of both sorts have; the expressions themselves are checked where they are compiled. */
export interface PolicyCommon {
	failurePolicy?: string;
	paramKind?: ParamKind;
	matchConstraints?: MatchResources;
	matchConditions?: MatchCondition[];
	variables?: Variable[];
}

export function validatePolicyCommon(spec: PolicyCommon): FieldError[] {
	const errors = spec.failurePolicy === undefined ? [required("spec.failurePolicy")] : validateFailurePolicy(spec.failurePolicy, "spec.failurePolicy");
	if (spec.paramKind) errors.push(...validateParamKind(spec.paramKind, "spec.paramKind"));
	const constraints = spec.matchConstraints;
	if (!constraints) errors.push(required("spec.matchConstraints"));
	else {
		errors.push(...validateMatchResources(constraints, "spec.matchConstraints"));
		if (!constraints.resourceRules?.length) errors.push(required("spec.matchConstraints.resourceRules"));
	}
	errors.push(...validateMatchConditions(spec.matchConditions, "spec.matchConditions"));
	return [...errors, ...(spec.variables ?? []).flatMap((variable, index) => validateVariable(variable, `spec.variables[${index}]`))];
}

function validateParamRef(reference: ParamRef, path: string): FieldError[] {
	const { name, selector, parameterNotFoundAction: action } = reference;
	const errors = validateWith((text) => pathSegment(text), name, `${path}.name`);
	if (name && selector) errors.push(forbidden(`${path}.name`, EXCLUSIVE));
	errors.push(...validateLabelSelector(selector, `${path}.selector`));
	if (name && selector) errors.push(forbidden(`${path}.selector`, EXCLUSIVE));
	if (!name && !selector) errors.push(required(path, "one of name or selector must be specified"));
	if (!action) errors.push(required(`${path}.parameterNotFoundAction`));
	else if (!NOT_FOUND_ACTIONS.includes(action)) errors.push(notSupported(`${path}.parameterNotFoundAction`, action, NOT_FOUND_ACTIONS));
	return errors;
}

type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

export function validatePolicyBinding({ spec = {} }: Binding): FieldError[] {
	const errors = spec.policyName ? validateWith(dns1123Subdomain, spec.policyName, "spec.policyName") : [required("spec.policyName")];
	if (spec.paramRef) errors.push(...validateParamRef(spec.paramRef, "spec.paramRef"));
	return [...errors, ...validateMatchResources(spec.matchResources, "spec.matchResources")];
}

const MUTATED_OPERATIONS = ["*", "CONNECT", "CREATE", "UPDATE"];

/** What is being deleted cannot be changed. */
export function validateMutatedOperations(resources: MatchResources | undefined, path: string): FieldError[] {
	const operations = (resources?.resourceRules ?? []).flatMap((rule) => rule.operations ?? []);
	return operations
		.filter((operation) => !MUTATED_OPERATIONS.includes(operation))
		.map((operation) => notSupported(`${path}.resourceRules.operations`, operation, MUTATED_OPERATIONS));
}

export const shownParamKind = (kind: ParamKind | undefined): string => (kind ? `${kind.apiVersion ?? ""}/${kind.kind ?? ""}` : "<unset>");
export const PARAM_KIND_DESCRIPTION = "ParamKind specifies the kind of resources used to parameterize this policy";

function shownParamRef(reference: ParamRef | undefined): string {
	if (!reference) return "<unset>";
	if (reference.selector) return formatLabelSelector(reference.selector);
	return reference.namespace ? `${reference.namespace}/${reference.name}` : (reference.name ?? "");
}

/** Columns of both sorts of binding. */
export const policyBindingColumns: TableColumn<Binding>[] = [
	{
		name: "PolicyName",
		type: "string",
		description: "PolicyName indicates the policy definition which the policy binding binded to",
		cell: ({ spec }) => spec?.policyName ?? "",
	},
	{
		name: "ParamRef",
		type: "string",
		description: "ParamRef indicates the param resource which sets the configration param",
		cell: ({ spec }) => shownParamRef(spec?.paramRef),
	},
	ageColumn,
];
