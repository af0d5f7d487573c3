/** Rules of a FlowSchema: pkg/apis/flowcontrol/validation. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label, dns1123Subdomain } from "../meta/name-rules.ts";
import type {
	FlowcontrolV1Subject,
	FlowSchema,
	FlowSchemaSpec,
	NonResourcePolicyRule,
	PolicyRulesWithSubjects,
	ResourcePolicyRule,
} from "../schema/kubernetes.d.ts";
import { validateWith } from "./object-reference-validation.ts";

const PRECEDENCE_MAX = 10_000;
const EXEMPT = "exempt";
const DISTINGUISHERS = ["ByNamespace", "ByUser"];
const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];
const SUBJECT_KINDS = ["Group", "ServiceAccount", "User"];
const NAMESPACE_RULE = "each member of this list must be '*' or a DNS-1123 label; ";

const allRequests = (groups: readonly string[]): PolicyRulesWithSubjects => ({
	subjects: groups.map((name) => ({ kind: "Group", group: { name } })),
	resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }],
	nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
});

/** The schemas that every cluster has as they are. */
const MANDATORY: Readonly<Record<string, FlowSchemaSpec>> = {
	exempt: { priorityLevelConfiguration: { name: EXEMPT }, matchingPrecedence: 1, rules: [allRequests(["system:masters"])] },
	"catch-all": {
		priorityLevelConfiguration: { name: "catch-all" },
		matchingPrecedence: PRECEDENCE_MAX,
		distinguisherMethod: { type: "ByUser" },
		rules: [allRequests(["system:unauthenticated", "system:authenticated"])],
	},
};

/** The field of each kind of subject; a subject has its own and no other. */
const SUBJECT_FIELDS = { ServiceAccount: "serviceAccount", User: "user", Group: "group" } as const;

function validateSubjectName(subject: FlowcontrolV1Subject, field: "serviceAccount" | "user" | "group", path: string): FieldError[] {
	const holder = subject[field];
	if (!holder) return [required(path, `${field} is required when subject kind is '${subject.kind}'`)];
	const errors = holder.name ? [] : [required(`${path}.name`)];
	if (field !== "serviceAccount" || !subject.serviceAccount) return errors;
	const { name, namespace } = subject.serviceAccount;
	if (name !== "*") errors.push(...validateWith(dns1123Subdomain, name, `${path}.name`));
	if (!namespace) errors.push(required(`${path}.namespace`, "must specify namespace for service account"));
	return [...errors, ...validateWith(dns1123Label, namespace, `${path}.namespace`)];
}

function validateSubject(subject: FlowcontrolV1Subject, path: string): FieldError[] {
	if (!SUBJECT_KINDS.includes(subject.kind)) return [notSupported(`${path}.kind`, subject.kind ?? "", SUBJECT_KINDS)];
	return Object.entries(SUBJECT_FIELDS).flatMap(([kind, field]) => {
		if (kind === subject.kind) return validateSubjectName(subject, field, `${path}.${field}`);
		return subject[field] ? [forbidden(`${path}.${field}`, `${field} is forbidden when subject kind is not '${kind}'`)] : [];
	});
}

/** A list in which "*" stands alone. */
function validateList(list: readonly string[] | undefined, path: string, missing: string, others: string): FieldError[] {
	if (!list?.length) return [required(path, missing)];
	return list.length > 1 && list.includes("*") ? [invalid(path, list, `if '*' is present, must not specify other ${others}`)] : [];
}

function validateVerbs(verbs: readonly string[] | undefined, path: string): FieldError[] {
	const errors = validateList(verbs, path, "verbs must contain at least one value", "verbs");
	const known = verbs?.includes("*") || verbs?.every((verb) => VERBS.includes(verb));
	return errors.length > 0 || known ? errors : [notSupported(path, verbs, VERBS)];
}

function validateResourceRule(rule: ResourcePolicyRule, path: string): FieldError[] {
	const namespaces = rule.namespaces ?? [];
	const at = `${path}.namespaces`;
	const errors = [
		...validateVerbs(rule.verbs, `${path}.verbs`),
		...validateList(rule.apiGroups, `${path}.apiGroups`, "resource rules must supply at least one api group", "api groups"),
		...validateList(rule.resources, `${path}.resources`, "resource rules must supply at least one resource", "resources"),
	];
	if (namespaces.length === 0) {
		return rule.clusterScope ? errors : [...errors, required(at, "resource rules that are not cluster scoped must supply at least one namespace")];
	}
	if (namespaces.includes("*")) return [...errors, ...validateList(namespaces, at, "", "namespaces")];
	return [...errors, ...namespaces.flatMap((name, index) => dns1123Label(name).map((problem) => invalid(`${at}[${index}]`, name, NAMESPACE_RULE + problem)))];
}

/** ValidateNonResourceURLPath. */
function validateUrl(url: string, path: string): FieldError[] {
	const wrong = (detail: string): FieldError[] => [invalid(path, url, detail)];
	if (url === "") return wrong("must not be empty");
	if (url === "/") return [];
	if (!url.startsWith("/")) return wrong("must start with slash");
	if (url.includes(" ")) return wrong("must not contain white-space");
	if (url.includes("//")) return wrong("must not contain double slash");
	const stars = url.split("*").length - 1;
	return stars > 1 || (stars === 1 && !url.endsWith("/*")) ? wrong("wildcard can only do suffix matching") : [];
}

function validateNonResourceRule(rule: NonResourcePolicyRule, path: string): FieldError[] {
	const at = `${path}.nonResourceURLs`;
	const urls = rule.nonResourceURLs ?? [];
	const errors = [
		...validateVerbs(rule.verbs, `${path}.verbs`),
		...validateList(urls, at, "nonResourceURLs must contain at least one value", "non-resource URLs"),
	];
	return urls.includes("*") ? errors : [...errors, ...urls.flatMap((url, index) => validateUrl(url, `${at}[${index}]`))];
}

function validateRule(rule: PolicyRulesWithSubjects, path: string): FieldError[] {
	const { subjects, resourceRules = [], nonResourceRules = [] } = rule;
	const errors = subjects?.length
		? subjects.flatMap((subject, index) => validateSubject(subject, `${path}.subjects[${index}]`))
		: [required(`${path}.subjects`, "subjects must contain at least one value")];
	if (resourceRules.length === 0 && nonResourceRules.length === 0) {
		errors.push(required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"));
	}
	errors.push(...resourceRules.flatMap((entry, index) => validateResourceRule(entry, `${path}.resourceRules[${index}]`)));
	return [...errors, ...nonResourceRules.flatMap((entry, index) => validateNonResourceRule(entry, `${path}.nonResourceRules[${index}]`))];
}

/** Conditions of a FlowSchema or a PriorityLevelConfiguration: typed, each type once. */
export function validateFlowConditions(conditions: readonly { type?: string }[] | undefined): FieldError[] {
	const all = conditions ?? [];
	return all.flatMap(({ type }, index) => {
		const path = `status.conditions[${index}].type`;
		const twice = all.slice(0, index).some((earlier) => earlier.type === type) ? [duplicate(path, type)] : [];
		return type ? twice : [...twice, required(path, "must not be empty")];
	});
}

function validatePrecedence(precedence: number, name: string): FieldError[] {
	const path = "spec.matchingPrecedence";
	if (precedence <= 0) return [invalid(path, precedence, "must be a positive value")];
	if (precedence > PRECEDENCE_MAX) return [invalid(path, precedence, `must not be greater than ${PRECEDENCE_MAX}`)];
	return precedence === 1 && name !== EXEMPT ? [invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")] : [];
}

export function validateFlowSchema({ metadata: { name = "" }, spec, status }: FlowSchema): FieldError[] {
	const level = spec?.priorityLevelConfiguration?.name;
	const path = "spec.priorityLevelConfiguration.name";
	const errors = validatePrecedence(spec?.matchingPrecedence ?? 0, name);
	const method = spec?.distinguisherMethod;
	if (method && !DISTINGUISHERS.includes(method.type)) errors.push(notSupported("spec.distinguisherMethod.type", method, DISTINGUISHERS));
	errors.push(...(level ? validateWith(dns1123Subdomain, level, path) : [required(path, "must reference a priority level")]));
	errors.push(...(spec?.rules ?? []).flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`)));
	if (Object.hasOwn(MANDATORY, name) && !semanticEqual(spec, MANDATORY[name])) {
		errors.push(invalid("spec", spec ?? null, `spec of '${name}' must equal the fixed value`));
	}
	return [...errors, ...validateFlowConditions(status?.conditions)];
}
