import { describe, expect, it } from "vitest";
import { type AuditedRequest, auditDecision, type AuditRule, DEFAULT_AUDIT_POLICY, readAuditPolicy } from "./policy.ts";

const pods = { group: "", resource: "pods", subresource: "", namespace: "default", name: "p" };
const request = (more: Partial<AuditedRequest> = {}): AuditedRequest => ({
	user: { name: "jane", groups: ["dev"] },
	verb: "get",
	resource: pods,
	path: "/api/v1/x",
	...more,
});
const levelOf = (rules: Partial<AuditRule>[], more: Partial<AuditedRequest> = {}): string =>
	auditDecision({ rules: rules.map((rule) => ({ level: "Metadata", ...rule })) }, request(more)).level;

describe("the first rule that matches decides", () => {
	it.each<[Partial<AuditRule>, Partial<AuditedRequest>, boolean]>([
		[{}, {}, true],
		[{ users: ["jane"] }, {}, true],
		[{ users: ["joe"] }, {}, false],
		[{ userGroups: ["dev", "ops"] }, {}, true],
		[{ userGroups: ["ops"] }, {}, false],
		[{ verbs: ["get"] }, {}, true],
		[{ verbs: ["list"] }, {}, false],
		[{ namespaces: ["default"] }, {}, true],
		[{ namespaces: [""] }, {}, false],
		[{ resources: [{ group: "" }] }, {}, true],
		[{ resources: [{ group: "apps" }] }, {}, false],
		[{ resources: [{ resources: ["pods"], resourceNames: ["p"] }] }, {}, true],
		[{ resources: [{ resources: ["pods"], resourceNames: ["q"] }] }, {}, false],
		[{ resources: [{ resources: ["pods"] }] }, { resource: { ...pods, subresource: "log" } }, false],
		[{ resources: [{ resources: ["pods/log"] }] }, { resource: { ...pods, subresource: "log" } }, true],
		[{ resources: [{ resources: ["pods/*"] }] }, { resource: { ...pods, subresource: "log" } }, true],
		[{ resources: [{ resources: ["*/log"] }] }, { resource: { ...pods, subresource: "log" } }, true],
		[{ nonResourceURLs: ["/healthz*"] }, { resource: undefined, path: "/healthz/ping" }, true],
		[{ nonResourceURLs: ["/healthz"] }, { resource: undefined, path: "/healthz/ping" }, false],
		[{ nonResourceURLs: ["*"] }, {}, false],
	])("%j for %j: %s", (rule, more, matches) => expect(levelOf([rule], more)).toBe(matches ? "Metadata" : "None"));

	it("with the stages and fields that it leaves out", () => {
		const policy = {
			omitStages: ["RequestReceived" as const],
			omitManagedFields: true,
			rules: [{ level: "Request" as const, omitStages: ["Panic" as const], omitManagedFields: false }],
		};
		expect(auditDecision(policy, request())).toEqual({ level: "Request", omitStages: new Set(["RequestReceived", "Panic"]), omitManagedFields: false });
		expect(levelOf([{ level: "None", users: ["jane"] }, { level: "Request" }])).toBe("None");
	});
});

it("tells of nobody's secrets by default", () => {
	const level = (resource: AuditedRequest["resource"], verb = "create"): string => auditDecision(DEFAULT_AUDIT_POLICY, request({ resource, verb })).level;
	for (const resource of ["secrets", "configmaps"]) expect(level({ ...pods, resource })).toBe("Metadata");
	expect(level({ ...pods, resource: "serviceaccounts", subresource: "token" })).toBe("Metadata");
	expect(level({ ...pods, group: "authentication.k8s.io", resource: "tokenreviews" })).toBe("Metadata");
	expect(level(pods)).toBe("Request");
	expect(level(pods, "list")).toBe("Metadata");
	expect(level(undefined, "get")).toBe("None");
});

it.each([
	[{}, "must be a Policy of audit.k8s.io/v1"],
	[{ kind: "Policy", apiVersion: "audit.k8s.io/v1" }, "rules: Invalid value"],
	[{ kind: "Policy", apiVersion: "audit.k8s.io/v1", rules: [{ level: "All" }] }, 'rules[0].level: Unsupported value: "All"'],
	[{ kind: "Policy", apiVersion: "audit.k8s.io/v1", rules: [{ level: "None", nonResourceURLs: ["x"] }] }, 'must begin with a "/" character'],
	[
		{ kind: "Policy", apiVersion: "audit.k8s.io/v1", rules: [{ level: "None", nonResourceURLs: ["/x"], namespaces: ["a"] }] },
		"rules cannot apply to both regular resources and non-resource URLs",
	],
	[{ kind: "Policy", apiVersion: "audit.k8s.io/v1", omitStages: ["Never"], rules: [{ level: "None" }] }, 'omitStages[0]: Unsupported value: "Never"'],
])("refuses %j", (value, message) => expect(() => readAuditPolicy(value)).toThrow(message));
