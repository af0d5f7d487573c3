import { describe, expect, it } from "vitest";
import { tinyRegistry } from "../../../test/support/tiny-registry.ts";
import { decodeMessage, type MessageType } from "../codec/message.ts";
import type { JsonObject } from "../meta/object.ts";
import { openApiV2Json, openApiV2Protobuf, openApiV3Document, openApiV3Index } from "./documents.ts";

interface Document {
	paths: Record<string, Record<string, { parameters: { name: string }[]; operationId: string } & JsonObject>>;
	definitions: Record<string, JsonObject & { properties: Record<string, JsonObject> }>;
	components: { schemas: Record<string, JsonObject & { properties: Record<string, JsonObject> }> };
}

const v2 = JSON.parse(openApiV2Json(tinyRegistry)) as Document;
const v3 = (path: string): Document => JSON.parse(openApiV3Document(tinyRegistry, path) ?? "null") as Document;

/** The references that lead nowhere. */
function broken(document: unknown): string[] {
	const found = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] ?? "");
	const resolve = (path: string) => path.split("/").reduce<unknown>((at, part) => (at as JsonObject | undefined)?.[part], document);
	return found.filter((path) => resolve(path) === undefined);
}

describe("OpenAPI v3", () => {
	it("tells where each group version's document lies, under a hash that stays", () => {
		const { paths } = JSON.parse(openApiV3Index(tinyRegistry)) as { paths: Record<string, { serverRelativeURL: string }> };
		expect(Object.keys(paths)).toEqual(["api/v1", "apis/apps/v1", "apis/authorization.k8s.io/v1", "apis/rbac.authorization.k8s.io/v1"]);
		expect(paths["apis/apps/v1"]?.serverRelativeURL).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{16}$/);
		expect(new Set(Object.values(paths).map((entry) => entry.serverRelativeURL.slice(-16))).size).toBe(4);
	});

	it("has no reference that leads nowhere", () => {
		for (const path of ["api/v1", "apis/apps/v1", "apis/authorization.k8s.io/v1", "apis/rbac.authorization.k8s.io/v1"]) expect(broken(v3(path))).toEqual([]);
		expect(broken(v2)).toEqual([]);
		expect(openApiV3Document(tinyRegistry, "apis/none/v1")).toBeUndefined();
	});

	it("describes a kind in upstream's form", () => {
		const { schemas } = v3("apis/apps/v1").components;
		expect(schemas["io.k8s.api.apps.v1.Deployment"]).toMatchObject({
			description: "Deployment enables declarative updates for Pods and ReplicaSets.",
			type: "object",
			"x-kubernetes-group-version-kind": [{ group: "apps", kind: "Deployment", version: "v1" }],
			properties: { metadata: { allOf: [{ $ref: "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" }], default: {} } },
		});
		expect(schemas["io.k8s.api.apps.v1.DeploymentSpec"]).toMatchObject({
			required: ["selector", "template"],
			properties: { replicas: { type: "integer", format: "int32" } },
		});
		expect(schemas["io.k8s.api.core.v1.PodSpec"]?.properties.containers).toMatchObject({
			type: "array",
			items: { allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.Container" }], default: {} },
			"x-kubernetes-list-map-keys": ["name"],
			"x-kubernetes-list-type": "map",
			"x-kubernetes-patch-merge-key": "name",
			"x-kubernetes-patch-strategy": "merge",
		});
		expect(schemas["io.k8s.api.core.v1.ContainerPort"]?.properties).toMatchObject({
			protocol: { type: "string", default: "TCP", enum: ["SCTP", "TCP", "UDP"] },
			containerPort: { default: 0 },
		});
		expect(schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]).toMatchObject({
			format: "int-or-string",
			oneOf: [{ type: "integer" }, { type: "string" }],
		});
		expect(schemas["io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"]).toMatchObject({ "x-kubernetes-map-type": "atomic" });
		expect(schemas["io.k8s.api.core.v1.Volume"]?.properties).toHaveProperty("emptyDir");
	});

	it.each(["get", "put", "patch", "delete"])("has the operation %s of one object", (method) => {
		const operation = v3("apis/apps/v1").paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?.[method];
		expect(operation).toMatchObject({ "x-kubernetes-group-version-kind": { group: "apps", kind: "Deployment", version: "v1" } });
	});

	it("tells kubectl that patch and create take dryRun and fieldValidation", () => {
		const names = (document: Document, path: string, method: string) => (document.paths[path]?.[method]?.parameters ?? []).map(({ name }) => name);
		for (const document of [v3("apis/apps/v1"), v2]) {
			expect(names(document, "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch")).toEqual(
				expect.arrayContaining(["dryRun", "fieldManager", "fieldValidation", "force"]),
			);
			expect(names(document, "/apis/apps/v1/namespaces/{namespace}/deployments", "post")).toEqual(
				expect.arrayContaining(["dryRun", "fieldManager", "fieldValidation"]),
			);
		}
	});

	it("names the operations as upstream does", () => {
		const ids = Object.values(v2.paths).flatMap((item) => Object.values(item).flatMap((operation) => operation.operationId ?? []));
		expect(ids).toEqual(
			expect.arrayContaining([
				"listAppsV1NamespacedDeployment",
				"listAppsV1DeploymentForAllNamespaces",
				"readAppsV1NamespacedDeploymentScale",
				"deleteCoreV1CollectionNamespacedPod",
				"connectCoreV1GetNamespacedPodExec",
				"readCoreV1NamespacedPodLog",
				"createCoreV1NamespacedPodEviction",
				"patchCoreV1Namespace",
				"createAuthorizationV1SubjectAccessReview",
				"listRbacAuthorizationV1RoleForAllNamespaces",
			]),
		);
		expect(new Set(ids).size).toBe(ids.length);
	});
});

describe("OpenAPI v2", () => {
	it("writes references and descriptions side by side and no defaults", () => {
		const spec = v2.definitions["io.k8s.api.apps.v1.Deployment"]?.properties.spec;
		expect(spec).toMatchObject({ $ref: "#/definitions/io.k8s.api.apps.v1.DeploymentSpec" });
		expect(v2.definitions["io.k8s.api.core.v1.ContainerPort"]?.properties.protocol).not.toHaveProperty("default");
		expect(v2.definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]).toMatchObject({ type: "string" });
	});

	it("says the same as gnostic's protobuf", () => {
		const any: MessageType = { name: "Any", fields: [{ number: 2, name: "yaml", type: "string" }] };
		const extension: MessageType = {
			name: "NamedAny",
			fields: [
				{ number: 1, name: "name", type: "string" },
				{ number: 2, name: "value", type: { message: () => any } },
			],
		};
		const schema: MessageType = { name: "Schema", fields: [{ number: 31, name: "extensions", type: { message: () => extension }, repeated: true }] };
		const named: MessageType = {
			name: "NamedSchema",
			fields: [
				{ number: 1, name: "name", type: "string" },
				{ number: 2, name: "value", type: { message: () => schema } },
			],
		};
		const definitions: MessageType = { name: "Definitions", fields: [{ number: 1, name: "entries", type: { message: () => named }, repeated: true }] };
		const document: MessageType = {
			name: "Document",
			fields: [
				{ number: 1, name: "swagger", type: "string" },
				{ number: 9, name: "definitions", type: { message: () => definitions } },
			],
		};
		const read = decodeMessage(document, openApiV2Protobuf(tinyRegistry)) as {
			swagger: string;
			definitions: { entries: { name: string; value: { extensions?: unknown } }[] };
		};
		expect(read.swagger).toBe("2.0");
		expect(read.definitions.entries.map(({ name }) => name)).toEqual(Object.keys(v2.definitions));
		expect(read.definitions.entries.find(({ name }) => name === "io.k8s.api.apps.v1.Deployment")?.value.extensions).toEqual([
			{ name: "x-kubernetes-group-version-kind", value: { yaml: '[{"group":"apps","kind":"Deployment","version":"v1"}]' } },
		]);
	});
});
