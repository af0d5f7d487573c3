import { describe, expect, it } from "vitest";
import { type AdmissionInputs, admissionVariables } from "./admission-environment.ts";
import { compileMatchConditions, type MatchResult } from "./match-conditions.ts";

const INPUTS: AdmissionInputs = {
	object: { metadata: { name: "web", labels: { app: "web" } }, spec: { replicas: 3 } },
	oldObject: null,
	request: { operation: "CREATE", name: "web", namespace: "shop", userInfo: { username: "jane", groups: ["dev"] } },
	authorizer: {
		user: { name: "jane", groups: ["dev"] },
		decide: (user, attributes) => ({ allowed: "resource" in attributes && attributes.verb === "update", reason: `${user.name} asked` }),
		resource: { group: "apps", resource: "deployments", subresource: "", namespace: "shop", name: "web" },
	},
};

function match(expressions: readonly string[], failurePolicy = "Fail"): MatchResult {
	const conditions = expressions.map((expression, index) => ({ name: `c${index}`, expression }));
	return compileMatchConditions(conditions, failurePolicy).match(admissionVariables(INPUTS));
}

describe("match conditions", () => {
	it.each([
		[[]],
		[["object.spec.replicas > 2", "request.operation == 'CREATE'", "oldObject == null"]],
		[["'dev' in request.userInfo.groups && !request.namespace.startsWith('kube-')"]],
		[["authorizer.requestResource.check('update').allowed()"]],
		[["!authorizer.path('/healthz').check('get').allowed()"]],
		[["authorizer.serviceAccount('a', 'b').group('').resource('pods').check('update').reason() == 'system:serviceaccount:a:b asked'"]],
	])("%j match", (expressions) => {
		expect(match(expressions)).toEqual({ matches: true });
	});

	it("name the one that says no, whatever went wrong before", () => {
		expect(match(["object.nothing == 1", "object.spec.replicas == 2"])).toEqual({ matches: false, failedCondition: "c1" });
	});

	it("that fail are an error, or a no where failures are to be ignored", () => {
		expect(match(["object.nothing == 1"])).toEqual({ matches: false, error: "expression 'object.nothing == 1' resulted in error: no such key: nothing" });
		expect(match(["object.nothing == 1"], "Ignore")).toEqual({ matches: false });
	});

	it("have a budget", () => {
		const check = "authorizer.requestResource.check('update').allowed()";
		const result = match([`${check} && ${check} && ${check}`]);
		expect(result.error).toContain("operation cancelled: actual cost limit exceeded");
		expect(match(Array.from({ length: 8 }, () => check)).error).toContain("running out of cost budget");
	});
});
