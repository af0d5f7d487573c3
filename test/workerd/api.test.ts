/** The API through the front door and the objects, in workerd: verbs, refusals, limits, who may do what. */
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/core/meta/object.ts";
import { MAX_BODY_BYTES } from "../../src/worker/body.ts";
import { MAX_IN_FLIGHT } from "../../src/worker/load-shedding.ts";
import { fetchWorker } from "./support/bindings.ts";
import { type ConfigMap, configMap, configMaps, type List, pod, pods } from "./support/objects.ts";
import { TestCluster } from "./support/test-cluster.ts";

describe("objects", () => {
	it("are created, read, listed, updated, patched and deleted", async () => {
		const cluster = await TestCluster.create();
		const created = await cluster.call<ConfigMap>("POST", configMaps(), configMap("settings", { colour: "blue" }));
		expect(created).toMatchObject({
			kind: "ConfigMap",
			metadata: { name: "settings", namespace: "default", uid: expect.any(String) },
			data: { colour: "blue" },
		});
		expect(await cluster.call("GET", `${configMaps()}/settings`)).toEqual(created);

		const updated = await cluster.call<ConfigMap>("PUT", `${configMaps()}/settings`, { ...created, data: { colour: "red" } });
		expect(Number(updated.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
		const patched = await cluster.call<ConfigMap>(
			"PATCH",
			`${configMaps()}/settings`,
			{ data: { size: "big" } },
			{ contentType: "application/merge-patch+json" },
		);
		expect(patched.data).toEqual({ colour: "red", size: "big" });
		const operations = [{ op: "remove", path: "/data/size" }];
		const removed = await cluster.call<ConfigMap>("PATCH", `${configMaps()}/settings`, operations, { contentType: "application/json-patch+json" });
		expect(removed.data).toEqual({ colour: "red" });

		const list = await cluster.call<List<ConfigMap>>("GET", `${configMaps()}?fieldSelector=metadata.name%3Dsettings`);
		expect(list).toMatchObject({ kind: "ConfigMapList", items: [{ metadata: { name: "settings" }, data: { colour: "red" } }] });
		expect(await cluster.call("DELETE", `${configMaps()}/settings`)).toMatchObject({ kind: "Status", status: "Success", details: { name: "settings" } });
		expect(await cluster.refused("GET", `${configMaps()}/settings`)).toMatchObject({
			code: 404,
			reason: "NotFound",
			message: 'configmaps "settings" not found',
		});
	});

	it("are applied by the server, and owned field by field", async () => {
		const cluster = await TestCluster.create();
		const apply = (manager: string, data: Record<string, string>, refused = false) =>
			cluster[refused ? "refused" : "call"]("PATCH", `${configMaps()}/owned?fieldManager=${manager}`, configMap("owned", data), {
				contentType: "application/apply-patch+yaml",
			});
		expect(await apply("one", { a: "1" })).toMatchObject({ data: { a: "1" } });
		expect(await apply("two", { b: "2" })).toMatchObject({ data: { a: "1", b: "2" } });
		expect(await apply("two", { a: "2" }, true)).toMatchObject({ code: 409, reason: "Conflict", message: expect.stringContaining('conflict with "one"') });
	});

	it("are refused with the Status that Kubernetes gives", async () => {
		const cluster = await TestCluster.create();
		const created = await cluster.call<ConfigMap>("POST", configMaps(), configMap("taken"));
		await cluster.call("PUT", `${configMaps()}/taken`, { ...created, data: { a: "1" } });
		expect(await cluster.refused("POST", configMaps(), configMap("taken"))).toMatchObject({ code: 409, reason: "AlreadyExists" });
		expect(await cluster.refused("PUT", `${configMaps()}/taken`, created)).toMatchObject({ code: 409, reason: "Conflict" });
		expect(await cluster.refused("POST", configMaps(), configMap("Not_A_Name"))).toMatchObject({
			code: 422,
			reason: "Invalid",
			details: { causes: [{ field: "metadata.name" }] },
		});
		expect(await cluster.refused("POST", configMaps(), undefined, { raw: "{" })).toMatchObject({ code: 400, reason: "BadRequest" });
		expect(await cluster.refused("POST", configMaps("nowhere"), configMap("a"))).toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' });
		expect(await cluster.refused("GET", "/api/v1/nothings")).toMatchObject({ code: 404 });
		expect(await cluster.refused("POST", "/version/x")).toMatchObject({ code: 404 });
	});
});

describe("who may do what", () => {
	it("is nothing without a token that this cluster's key signed", async () => {
		const cluster = await TestCluster.create();
		expect(await cluster.refused("GET", configMaps(), undefined, { token: "" })).toMatchObject({ code: 401, reason: "Unauthorized" });
		const [header, , signature] = cluster.adminToken.split(".");
		const forged = `${header}.${btoa('{"iss":"petrel","aud":"default","sub":"x","groups":["system:masters"]}')}.${signature}`;
		expect(await cluster.refused("GET", configMaps(), undefined, { token: forged })).toMatchObject({ code: 401 });
	});

	it("is what RBAC says", async () => {
		const cluster = await TestCluster.create();
		const token = await cluster.user("anna");
		const refusal = {
			code: 403,
			reason: "Forbidden",
			message: 'configmaps is forbidden: User "anna" cannot list resource "configmaps" in API group "" in the namespace "default"',
		};
		expect(await cluster.refused("GET", configMaps(), undefined, { token })).toMatchObject(refusal);
		const binding = {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRoleBinding",
			metadata: { name: "anna" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
			subjects: [{ kind: "User", name: "anna", apiGroup: "rbac.authorization.k8s.io" }],
		};
		await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding);
		const allowed = await cluster.fetch("GET", configMaps(), undefined, { token });
		expect(allowed.status).toBe(200);
		await allowed.body?.cancel();
		expect(await cluster.refused("DELETE", `${configMaps()}/kube-root-ca.crt`, undefined, { token })).toMatchObject({ code: 403 });
	});

	it("ends at the cluster: what one cluster's token opens, another's does not", async () => {
		const [one, other] = [await TestCluster.create(), await TestCluster.create()];
		await one.call("POST", configMaps(), configMap("mine"));
		expect(await other.refused("GET", `${configMaps()}/mine`, undefined, { token: one.adminToken })).toMatchObject({ code: 401 });
		expect(await other.refused("GET", `${configMaps()}/mine`)).toMatchObject({ code: 404 });
		const bare = await fetchWorker(configMaps(), { headers: { authorization: `Bearer ${one.adminToken}` } });
		expect(bare.status).toBe(401);
		await bare.body?.cancel();
		const join = { version: 1, nodeName: "n", instanceId: "i" };
		expect(await other.refused("POST", "/agent/v1/join", join, { token: await one.joinToken() })).toMatchObject({ code: 401 });
	});

	it("is a ServiceAccount's own affair with the token made for it", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", "/api/v1/namespaces/default/serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "reader" } });
		const role = { metadata: { name: "reader" }, rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }] };
		const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
		await cluster.call("POST", `${rbac}/roles`, { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", ...role });
		await cluster.call("POST", `${rbac}/rolebindings`, {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "RoleBinding",
			metadata: { name: "reader" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
			subjects: [{ kind: "ServiceAccount", name: "reader", namespace: "default" }],
		});
		const asked = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
		const { status } = await cluster.call<{ status: { token: string } }>("POST", "/api/v1/namespaces/default/serviceaccounts/reader/token", asked);
		expect(await cluster.call<List<KubeObject>>("GET", configMaps(), undefined, { token: status.token })).toMatchObject({ kind: "ConfigMapList" });
		expect(await cluster.refused("GET", pods(), undefined, { token: status.token })).toMatchObject({
			code: 403,
			message: expect.stringContaining('User "system:serviceaccount:default:reader" cannot list resource "pods"'),
		});
		const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token: status.token } };
		expect(await cluster.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)).toMatchObject({
			status: { authenticated: true, user: { username: "system:serviceaccount:default:reader" } },
		});
	});

	it("ends a token with the pod that it is bound to", async () => {
		const cluster = await TestCluster.create();
		const made = await cluster.call<KubeObject>("POST", pods(), pod("holder"));
		const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: "holder", uid: made.metadata.uid };
		const asked = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { boundObjectRef } };
		const { status } = await cluster.call<{ status: { token: string } }>("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", asked);
		await cluster.call("DELETE", `${pods("holder")}?gracePeriodSeconds=0`);
		expect(await cluster.refused("GET", pods(), undefined, { token: status.token })).toMatchObject({ code: 401 });
	});
});

describe("limits", () => {
	it("hold for bodies", async () => {
		const cluster = await TestCluster.create();
		const large = JSON.stringify(configMap("large", { a: "x".repeat(MAX_BODY_BYTES) }));
		expect(await cluster.refused("POST", configMaps(), undefined, { raw: large })).toMatchObject({ code: 413, reason: "RequestEntityTooLarge" });
		const streamed = new ReadableStream({
			start(controller) {
				for (let i = 0; i < 4; i++) controller.enqueue(new Uint8Array(1024 * 1024));
				controller.close();
			},
		});
		expect(await cluster.refused("POST", configMaps(), undefined, { raw: streamed })).toMatchObject({ code: 413 });
		expect(await cluster.refused("POST", configMaps(), undefined, { raw: "a=b", contentType: "application/x-www-form-urlencoded" })).toMatchObject({
			code: 415,
			reason: "UnsupportedMediaType",
		});
		expect(await cluster.refused("PATCH", `${configMaps()}/a`, {}, { contentType: "application/json" })).toMatchObject({ code: 415 });
		expect(await cluster.refused("GET", configMaps(), undefined, { accept: "image/png" })).toMatchObject({ code: 406, reason: "NotAcceptable" });
	});

	it("hold for requests at the same time, and pass", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("GET", configMaps());
		const answers = await Promise.all(Array.from({ length: MAX_IN_FLIGHT + 100 }, () => cluster.fetch("GET", `${configMaps()}?limit=1`)));
		const texts = await Promise.all(answers.map((answer) => answer.text()));
		expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200, 429]));
		const shed = answers.findIndex((answer) => answer.status === 429);
		expect(answers[shed]?.headers.get("retry-after")).toBe("1");
		expect(JSON.parse(texts[shed] ?? "")).toMatchObject({ kind: "Status", code: 429, reason: "TooManyRequests" });
		expect((await cluster.fetch("GET", configMaps())).status).toBe(200);
	});

	it("let only those who may read the metrics, which count the objects' wakes", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("GET", configMaps());
		expect(await cluster.refused("GET", "/metrics", undefined, { token: await cluster.user("anna") })).toMatchObject({ code: 403 });
		const text = await (await cluster.fetch("GET", "/metrics")).text();
		expect(text).toMatch(/^petrel_object_wakes_total\{class="Namespace"\} [1-9]\d*$/m);
		expect(text).toMatch(/^petrel_object_alarms_total\{class="Session"\} 0$/m);
	});
});
