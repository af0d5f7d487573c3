import { describe, expect, it } from "vitest";
import { cells, created, refusals } from "../../../test/support/judged.ts";
import type { MutatingWebhookConfiguration, ValidatingAdmissionPolicy } from "../schema/kubernetes.d.ts";

const rule = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
const hook = {
	name: "a.example.com",
	clientConfig: { url: "https://hooks.example.com/x" },
	sideEffects: "None",
	admissionReviewVersions: ["v1"],
	rules: [rule],
};
const policy = (more: object) => ({ spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: "true" }], ...more } });

describe("a webhook", () => {
	it("has upstream's defaults", () => {
		const made = created<MutatingWebhookConfiguration>("MutatingWebhookConfiguration", {
			webhooks: [{ ...hook, clientConfig: { service: { namespace: "n", name: "s" } } }],
		});
		expect(made.webhooks?.[0]).toMatchObject({
			failurePolicy: "Fail",
			matchPolicy: "Equivalent",
			namespaceSelector: {},
			objectSelector: {},
			timeoutSeconds: 10,
			reinvocationPolicy: "Never",
			clientConfig: { service: { port: 443 } },
			rules: [{ scope: "*" }],
		});
	});

	it.each<[object, string[]]>([
		[{}, []],
		[{ name: "a.b" }, ['webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots']],
		[{ sideEffects: undefined }, ["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"]],
		[{ sideEffects: "Some" }, ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"']],
		[{ timeoutSeconds: 31 }, ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"]],
		[{ admissionReviewVersions: [] }, ["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"]],
		[{ admissionReviewVersions: ["v2"] }, ['webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1']],
		[{ clientConfig: {} }, ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"]],
		[
			{ clientConfig: { url: "http://u@h/x?q=1#f" } },
			[
				"webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
				'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
				'webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
				'webhooks[0].clientConfig.url: Invalid value: "q=1": query parameters are not permitted in the URL',
			],
		],
		[
			{ clientConfig: { service: { namespace: "n", name: "s", path: "/a//b" } } },
			['webhooks[0].clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty'],
		],
		[
			{ rules: [{ ...rule, operations: ["*", "CREATE"] }] },
			['webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations'],
		],
		[
			{ rules: [{ ...rule, resources: ["pods/*", "pods/log"] }] },
			["webhooks[0].rules[0].resources[1]: Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log"],
		],
		[{ matchConditions: [{ name: "a" }] }, ["webhooks[0].matchConditions[0].expression: Required value"]],
	])("with %j", (more, errors) => expect(refusals("ValidatingWebhookConfiguration", { webhooks: [{ ...hook, ...more }] })).toEqual(errors));

	it("has a name of its own", () =>
		expect(refusals("MutatingWebhookConfiguration", { webhooks: [hook, hook] })).toEqual(['webhooks[1].name: Duplicate value: "a.example.com"']));
});

describe("a policy", () => {
	it("has upstream's defaults", () =>
		expect(created<ValidatingAdmissionPolicy>("ValidatingAdmissionPolicy", policy({})).spec).toMatchObject({
			failurePolicy: "Fail",
			matchConstraints: { matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {}, resourceRules: [{ scope: "*" }] },
		}));

	it.each<[object, string[]]>([
		[{}, []],
		[{ matchConstraints: undefined }, ["spec.matchConstraints: Required value"]],
		[{ matchConstraints: {} }, ["spec.matchConstraints.resourceRules: Required value"]],
		[
			{ validations: [] },
			[
				"spec.validations: Required value: validations or auditAnnotations must contain at least one item",
				"spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
			],
		],
		[{ validations: [{ expression: " " }] }, ["spec.validations[0].expression: Required value: expression is not specified"]],
		[{ validations: [{ expression: "true", message: "a\nb" }] }, ['spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks']],
		[{ variables: [{ name: "in", expression: "1" }] }, ['spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier']],
		[{ paramKind: { apiVersion: "a/b/c", kind: "K" } }, ['spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c']],
	])("with %j", (more, errors) => expect(refusals("ValidatingAdmissionPolicy", policy(more))).toEqual(errors));

	it("that mutates says how, and not what is going", () => {
		const mutating = (mutation: object, operation = "CREATE") => ({
			spec: { reinvocationPolicy: "Never", matchConstraints: { resourceRules: [{ ...rule, operations: [operation] }] }, mutations: [mutation] },
		});
		const patch = { patchType: "JSONPatch", jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/a'}]" } };
		expect(refusals("MutatingAdmissionPolicy", mutating(patch))).toEqual([]);
		expect(refusals("MutatingAdmissionPolicy", mutating({ ...patch, patchType: "ApplyConfiguration" }))).toEqual([
			"spec.mutations[0].applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration",
			'spec.mutations[0].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
		]);
		expect(refusals("MutatingAdmissionPolicy", mutating(patch, "DELETE"))).toEqual([
			'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
		]);
	});

	it("is bound by name, with what it does and its parameters", () => {
		expect(refusals("ValidatingAdmissionPolicyBinding", { spec: { validationActions: ["Deny", "Warn"] } })).toEqual([
			"spec.policyName: Required value",
			'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
		]);
		expect(refusals("MutatingAdmissionPolicyBinding", { spec: { policyName: "p", paramRef: { name: "a", selector: {} } } })).toEqual([
			"spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
			"spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
			"spec.paramRef.parameterNotFoundAction: Required value",
		]);
		const binding = created("ValidatingAdmissionPolicyBinding", { spec: { policyName: "p", paramRef: { name: "a", namespace: "n" } } });
		expect(cells("ValidatingAdmissionPolicyBinding", binding)).toEqual({ PolicyName: "p", ParamRef: "n/a" });
	});
});
