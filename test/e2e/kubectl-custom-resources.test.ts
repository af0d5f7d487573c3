/** A kind of one's own: declared, explained, used and taken away with real kubectl. */
import { beforeAll, describe, expect, it } from "vitest";
import { useControlPlane } from "./support/cluster.ts";
import { eventually } from "./support/petrel.ts";

const DEFINITION = JSON.stringify({
	apiVersion: "apiextensions.k8s.io/v1",
	kind: "CustomResourceDefinition",
	metadata: { name: "widgets.example.com" },
	spec: {
		group: "example.com",
		scope: "Namespaced",
		names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
		versions: [
			{
				name: "v1",
				served: true,
				storage: true,
				subresources: { status: {}, scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" } },
				additionalPrinterColumns: [
					{ name: "Size", type: "string", jsonPath: ".spec.size" },
					{ name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
				],
				schema: {
					openAPIV3Schema: {
						type: "object",
						properties: {
							spec: {
								type: "object",
								description: "What is wanted.",
								"x-kubernetes-validations": [{ rule: "self.size != 'none' || self.replicas == 0", message: "nothing has no replicas" }],
								properties: { size: { type: "string", enum: ["none", "small", "large"] }, replicas: { type: "integer", default: 1 } },
							},
							status: { type: "object", properties: { replicas: { type: "integer" } } },
						},
					},
				},
			},
		],
	},
});
/** No Deployment has more replicas than its namespace's Widget "limit". */
const POLICY = JSON.stringify({
	apiVersion: "admissionregistration.k8s.io/v1",
	kind: "ValidatingAdmissionPolicy",
	metadata: { name: "few.example.com" },
	spec: {
		paramKind: { apiVersion: "example.com/v1", kind: "Widget" },
		matchConstraints: { resourceRules: [{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["deployments"] }] },
		validations: [
			{
				expression: "object.spec.replicas <= params.spec.replicas",
				messageExpression: "'%d replicas are more than %s has'.format([dyn(object.spec.replicas), params.metadata.name])",
			},
		],
	},
});
const BINDING = JSON.stringify({
	apiVersion: "admissionregistration.k8s.io/v1",
	kind: "ValidatingAdmissionPolicyBinding",
	metadata: { name: "few" },
	spec: { policyName: "few.example.com", validationActions: ["Deny"], paramRef: { name: "limit", parameterNotFoundAction: "Deny" } },
});
const widget = (name: string, spec: object): string => JSON.stringify({ apiVersion: "example.com/v1", kind: "Widget", metadata: { name }, spec });

describe("kubectl and custom resources", () => {
	const { kubectl } = useControlPlane();

	beforeAll(async () => {
		await kubectl.pipe(DEFINITION, "apply", "-f", "-");
		await kubectl.run("wait", "--for=condition=Established", "crd/widgets.example.com");
	});

	it("creates, defaults, prints and scales", async () => {
		expect(await kubectl.pipe(widget("one", { size: "small" }), "apply", "-f", "-")).toBe("widget.example.com/one created\n");
		expect(await kubectl.run("get", "wd", "one")).toMatch(/^NAME +SIZE +REPLICAS\none +small +1\n$/);
		expect(await kubectl.run("scale", "widget/one", "--replicas=3")).toBe("widget.example.com/one scaled\n");
		expect(await kubectl.run("get", "widgets", "-o", "jsonpath={.items[*].spec.replicas}")).toBe("3");
	});

	it("refuses what the schema and its rules refuse", async () => {
		expect(await kubectl.fails(["create", "-f", "-"], widget("two", { size: "huge" }))).toContain(
			'spec.size: Unsupported value: "huge": supported values: "none", "small", "large"',
		);
		expect(await kubectl.fails(["create", "-f", "-"], widget("two", { size: "none" }))).toContain("spec: Invalid value: nothing has no replicas");
		expect(await kubectl.fails(["create", "-f", "-"], widget("two", { colour: "red" }))).toContain('unknown field "spec.colour"');
	});

	it("patches and applies", async () => {
		await kubectl.pipe(widget("three", { size: "small" }), "apply", "--server-side", "-f", "-");
		await kubectl.run("patch", "widget", "three", "--type=merge", "-p", '{"spec":{"size":"large"}}');
		expect(await kubectl.fails(["apply", "--server-side", "-f", "-"], widget("three", { size: "none" }))).toContain('conflict with "kubectl-patch"');
		await kubectl.run("patch", "widget", "three", "--subresource=status", "--type=merge", "-p", '{"status":{"replicas":2}}');
		expect(await kubectl.run("get", "widget", "three", "-o", "jsonpath={.spec.size} {.status.replicas}")).toBe("large 2");
	});

	it("explains", async () => {
		expect(await kubectl.run("explain", "widget.spec")).toMatch(/What is wanted\.[\s\S]*replicas\t<integer>[\s\S]*size\t<string>/);
	});

	it("takes parameters of a policy from them", async () => {
		await kubectl.pipe(widget("limit", { size: "small", replicas: 2 }), "apply", "-f", "-");
		await kubectl.pipe(POLICY, "apply", "-f", "-");
		await kubectl.run("wait", "--for=jsonpath={.status.observedGeneration}=1", "validatingadmissionpolicy/few.example.com");
		expect(await kubectl.run("get", "validatingadmissionpolicies")).toMatch(/few\.example\.com +1 +example\.com\/v1\/Widget/);
		await kubectl.pipe(BINDING, "apply", "-f", "-");
		const create = ["create", "deployment", "many", "--image=example", "--replicas=3", "--dry-run=server"];
		const refusal = await eventually("the policy is known to the namespace", async () => {
			const { code, stderr } = await kubectl.try(create);
			return code === 0 ? undefined : stderr;
		});
		expect(refusal).toContain("ValidatingAdmissionPolicy 'few.example.com' with binding 'few' denied request: 3 replicas are more than limit has");
		expect(await kubectl.run("create", "deployment", "few", "--image=example", "--replicas=2", "--dry-run=server")).toContain("created (server dry run)");
		await kubectl.run("delete", "validatingadmissionpolicy", "few.example.com");
	});

	it("takes the objects away with their definition", async () => {
		await kubectl.run("delete", "crd", "widgets.example.com");
		expect(await kubectl.fails(["get", "widgets"])).toMatch(/NotFound|doesn't have a resource type/);
	});
});
