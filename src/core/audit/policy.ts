/** The audit policy (audit.k8s.io/v1 Policy): which requests are told of, at which level (k8s.io/apiserver/pkg/audit/policy). */
import { type FieldError, fieldErrorText, invalid, notSupported } from "../errors/field-error.ts";
import type { UserInfo } from "../api/request.ts";

export const LEVELS = ["None", "Metadata", "Request", "RequestResponse"] as const;
export type Level = (typeof LEVELS)[number];
export const STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type Stage = (typeof STAGES)[number];

export interface AuditPolicy {
	omitStages?: Stage[];
	omitManagedFields?: boolean;
	rules: AuditRule[];
}

export interface AuditRule {
	level: Level;
	users?: string[];
	userGroups?: string[];
	verbs?: string[];
	resources?: { group?: string; resources?: string[]; resourceNames?: string[] }[];
	namespaces?: string[];
	nonResourceURLs?: string[];
	omitStages?: Stage[];
	omitManagedFields?: boolean;
}

/** What rules are matched against. */
export interface AuditedRequest {
	user: UserInfo;
	verb: string;
	/** Undefined for a request that speaks of no resource. */
	resource: { group: string; resource: string; subresource: string; namespace: string; name: string } | undefined;
	path: string;
}

export interface AuditDecision {
	level: Level;
	omitStages: ReadonlySet<Stage>;
	omitManagedFields: boolean;
}

/** @throws Error that lists what is wrong. */
export function readAuditPolicy(value: unknown): AuditPolicy {
	const policy = value as (Partial<AuditPolicy> & { kind?: string; apiVersion?: string }) | null;
	if (policy?.kind !== "Policy" || policy.apiVersion !== "audit.k8s.io/v1") throw new Error("the audit policy must be a Policy of audit.k8s.io/v1");
	const errors = validate(policy);
	if (errors.length > 0) throw new Error(errors.map(fieldErrorText).join(", "));
	return policy as AuditPolicy;
}

function validateStages(stages: readonly string[] | undefined, path: string): FieldError[] {
	return (stages ?? []).flatMap((stage, i) => (STAGES.includes(stage as Stage) ? [] : [notSupported(`${path}[${i}]`, stage, STAGES)]));
}

function validate({ rules = [], omitStages }: Partial<AuditPolicy>): FieldError[] {
	const errors = validateStages(omitStages, "omitStages");
	if (rules.length === 0) errors.push(invalid("rules", "", "a policy needs at least one rule"));
	rules.forEach((rule, i) => {
		const path = `rules[${i}]`;
		if (!LEVELS.includes(rule.level)) errors.push(notSupported(`${path}.level`, rule.level ?? "", LEVELS));
		if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length))
			errors.push(invalid(`${path}.nonResourceURLs`, rule.nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"));
		rule.nonResourceURLs?.forEach((url, j) => {
			const at = `${path}.nonResourceURLs[${j}]`;
			if (url !== "*" && !url.startsWith("/")) errors.push(invalid(at, url, 'non-resource URL rules must begin with a "/" character'));
			if (url !== "*" && url.slice(0, -1).includes("*"))
				errors.push(invalid(at, url, "non-resource URL wildcards '*' must be the final character of the rule"));
		});
		errors.push(...validateStages(rule.omitStages, `${path}.omitStages`));
	});
	return errors;
}

const among = (wanted: readonly string[] | undefined, value: string): boolean => !wanted?.length || wanted.includes(value);

function matchesResource(rule: AuditRule, { group, resource, subresource, namespace, name }: NonNullable<AuditedRequest["resource"]>): boolean {
	if (!among(rule.namespaces, namespace)) return false;
	if (!rule.resources?.length) return true;
	const combined = subresource === "" ? resource : `${resource}/${subresource}`;
	return rule.resources.some((wanted) => {
		if ((wanted.group ?? "") !== group) return false;
		if (!wanted.resources?.length) return true;
		return wanted.resources.some((one) => {
			const isNamed = among(wanted.resourceNames, name);
			return (one === "*" || one === combined || (subresource !== "" && (one === `*/${subresource}` || one === `${resource}/*`))) && isNamed;
		});
	});
}

const matchesPath = (urls: readonly string[], path: string): boolean =>
	urls.some((url) => url === "*" || url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1))));

function matches(rule: AuditRule, { user, verb, resource, path }: AuditedRequest): boolean {
	if (!among(rule.users, user.name) || !among(rule.verbs, verb)) return false;
	if (rule.userGroups?.length && !rule.userGroups.some((group) => user.groups.includes(group))) return false;
	if (rule.namespaces?.length || rule.resources?.length) return resource !== undefined && matchesResource(rule, resource);
	if (rule.nonResourceURLs?.length) return resource === undefined && matchesPath(rule.nonResourceURLs, path);
	return true;
}

/** The first rule that matches decides; none means that nothing is told. */
export function auditDecision(policy: AuditPolicy, request: AuditedRequest): AuditDecision {
	const rule = policy.rules.find((one) => matches(one, request));
	return {
		level: rule?.level ?? "None",
		omitStages: new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]),
		omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
	};
}

/** Enough to see who changed what, without anybody's secrets and without what every client does all the time. */
export const DEFAULT_AUDIT_POLICY: AuditPolicy = {
	omitStages: ["RequestReceived"],
	omitManagedFields: true,
	rules: [
		{
			level: "None",
			nonResourceURLs: [
				"/healthz*",
				"/livez*",
				"/readyz*",
				"/version*",
				"/openapi*",
				"/api",
				"/api/*",
				"/apis",
				"/apis/*",
				"/.well-known/*",
				"/openid/*",
				"/metrics",
				"/agent/*",
			],
		},
		{ level: "None", userGroups: ["system:nodes"], verbs: ["get", "list", "watch"] },
		{
			level: "None",
			userGroups: ["system:nodes"],
			resources: [
				{ group: "", resources: ["events", "nodes/status", "pods/status"] },
				{ group: "coordination.k8s.io", resources: ["leases"] },
			],
		},
		{
			level: "None",
			resources: [
				{ group: "", resources: ["events"] },
				{ group: "events.k8s.io", resources: ["events"] },
			],
		},
		{ level: "None", resources: [{ group: "authorization.k8s.io" }, { group: "authentication.k8s.io", resources: ["selfsubjectreviews"] }] },
		{
			level: "Metadata",
			resources: [
				{ group: "", resources: ["secrets", "configmaps", "serviceaccounts/token"] },
				{ group: "authentication.k8s.io", resources: ["tokenreviews"] },
			],
		},
		{ level: "Metadata", verbs: ["get", "list", "watch"] },
		{ level: "Request" },
	],
};
