/** Admission policies across the objects of a cluster: what one object holds decides what another may write. */
import { describe, expect, it } from "vitest";
import { configMap, namespace } from "./support/objects.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

const group = "/apis/admissionregistration.k8s.io/v1";
const configMaps = (where: string): string => `/api/v1/namespaces/${where}/configmaps`;

/** ConfigMaps of the namespace "shop" have at most as many entries as the parameters say. */
async function limitEntries(cluster: TestCluster, paramRef: object): Promise<void> {
	await cluster.call("POST", "/api/v1/namespaces", namespace("shop"));
	await cluster.call("POST", "/api/v1/namespaces", namespace("rules"));
	await cluster.call("POST", configMaps("rules"), configMap("limit", { max: "1" }));
	await cluster.call("POST", `${group}/validatingadmissionpolicies`, {
		apiVersion: "admissionregistration.k8s.io/v1",
		kind: "ValidatingAdmissionPolicy",
		metadata: { name: "limit.example.com" },
		spec: {
			paramKind: { apiVersion: "v1", kind: "ConfigMap" },
			matchConstraints: { resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }] },
			validations: [{ expression: "object.?data.orValue({}).size() <= int(params.data.max)", message: "too many entries" }],
		},
	});
	await cluster.call("POST", `${group}/validatingadmissionpolicybindings`, {
		apiVersion: "admissionregistration.k8s.io/v1",
		kind: "ValidatingAdmissionPolicyBinding",
		metadata: { name: "limit" },
		spec: {
			policyName: "limit.example.com",
			validationActions: ["Deny"],
			paramRef,
			matchResources: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "shop" } } },
		},
	});
}

describe("a policy's parameters", () => {
	it("may be another namespace's", async () => {
		const cluster = await TestCluster.create();
		await limitEntries(cluster, { namespace: "rules", name: "limit", parameterNotFoundAction: "Deny" });
		const two = configMap("two", { a: "1", b: "2" });
		const refusal = await eventually(async () => {
			const answer = await cluster.fetch("POST", `${configMaps("shop")}?dryRun=All`, two);
			return answer.ok ? undefined : ((await answer.json()) as { message: string });
		});
		expect(refusal.message).toContain("denied request: too many entries");
		expect(await cluster.call("POST", configMaps("shop"), configMap("one", { a: "1" }))).toMatchObject({ data: { a: "1" } });
		await cluster.call("PUT", `${configMaps("rules")}/limit`, configMap("limit", { max: "2" }));
		await cluster.call("POST", configMaps("shop"), two);
		await cluster.call("DELETE", `${configMaps("rules")}/limit`);
		expect((await cluster.refused("POST", configMaps("shop"), configMap("none"))).message).toContain("no params found for policy binding");
	});
});

describe("an expression", () => {
	it("may ask what a user may do in another namespace", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", "/api/v1/namespaces", namespace("other"));
		await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/other/rolebindings", {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "RoleBinding",
			metadata: { name: "worker" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
			subjects: [{ kind: "ServiceAccount", name: "worker", namespace: "default" }],
		});
		await cluster.call("POST", `${group}/validatingadmissionpolicies`, {
			apiVersion: "admissionregistration.k8s.io/v1",
			kind: "ValidatingAdmissionPolicy",
			metadata: { name: "owner.example.com" },
			spec: {
				matchConstraints: { resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }] },
				variables: [{ name: "worker", expression: "authorizer.serviceAccount('default', object.metadata.name)" }],
				validations: [{ expression: "variables.worker.group('').resource('pods').namespace('other').check('create').allowed()" }],
			},
		});
		await cluster.call("POST", `${group}/validatingadmissionpolicybindings`, {
			apiVersion: "admissionregistration.k8s.io/v1",
			kind: "ValidatingAdmissionPolicyBinding",
			metadata: { name: "owner" },
			spec: {
				policyName: "owner.example.com",
				validationActions: ["Deny"],
				matchResources: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "default" } } },
			},
		});
		await eventually(async () => ((await cluster.fetch("POST", `${configMaps("default")}?dryRun=All`, configMap("stranger"))).ok ? undefined : true));
		expect((await cluster.fetch("POST", configMaps("default"), configMap("worker"))).status).toBe(201);
	});
});
