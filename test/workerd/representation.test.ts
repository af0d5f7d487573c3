/** What the front door makes of an answer: tables, metadata alone, YAML, protobuf, gzip, and the refusals of what it cannot make. */
import { describe, expect, it } from "vitest";
import { decodeProtobuf } from "../../src/core/codec/kubernetes-protobuf.ts";
import { builtinSchema } from "../../src/core/schema/builtin-schema.ts";
import { fetchWorker } from "./support/bindings.ts";
import { configMap, configMaps, pod, pods } from "./support/objects.ts";
import { TestCluster } from "./support/test-cluster.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const BIG_BYTES = 300_000;

async function lines(cluster: TestCluster, path: string, accept: string, count: number): Promise<Record<string, unknown>[]> {
	const response = await cluster.fetch("GET", path, undefined, { accept });
	const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
	let text = "";
	while (text.split("\n").filter((line) => line !== "").length < count) text += (await reader.read()).value ?? "";
	await reader.cancel();
	return text
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line));
}

describe("an answer", () => {
	it("is a table, for one, for many and for a watch", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps(), configMap("a", { x: "1" }));
		for (const path of [`${configMaps()}/a`, `${configMaps()}?fieldSelector=metadata.name%3Da`]) {
			const table = await cluster.call<Record<string, unknown>>("GET", path, undefined, { accept: TABLE });
			expect(table).toMatchObject({ kind: "Table", apiVersion: "meta.k8s.io/v1", rows: [{ cells: ["a", 1, expect.any(String)] }] });
		}
		const [first, second] = await lines(cluster, `${configMaps()}?watch=1&fieldSelector=metadata.name%3Da&timeoutSeconds=1`, TABLE, 1);
		expect(first).toMatchObject({ type: "ADDED", object: { kind: "Table", columnDefinitions: [{ name: "Name" }, {}, {}], rows: [{}] } });
		expect(second).toBeUndefined();
	});

	it("is metadata alone, for one, for many and for a watch", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps(), configMap("a", { x: "1" }));
		const as = (kind: string) => `application/json;as=${kind};v=v1;g=meta.k8s.io`;
		const one = await cluster.call<Record<string, unknown>>("GET", `${configMaps()}/a`, undefined, { accept: as("PartialObjectMetadata") });
		expect(Object.keys(one).sort()).toEqual(["apiVersion", "kind", "metadata"]);
		const many = await cluster.call("GET", configMaps(), undefined, { accept: as("PartialObjectMetadataList") });
		expect(many).toMatchObject({ kind: "PartialObjectMetadataList", items: [{ kind: "PartialObjectMetadata", metadata: { name: "a" } }, {}] });
		const path = `${configMaps()}?watch=1&fieldSelector=metadata.name%3Da`;
		expect(await lines(cluster, path, as("PartialObjectMetadata"), 1)).toMatchObject([{ type: "ADDED", object: { kind: "PartialObjectMetadata" } }]);
		expect(await cluster.refused("GET", configMaps(), undefined, { accept: as("PartialObjectMetadata") })).toMatchObject({
			code: 406,
			reason: "NotAcceptable",
			message: "you requested PartialObjectMetadata, but the requested object is a list",
		});
	});

	it("is YAML, indented JSON or protobuf, as it is asked for", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", pods(), pod("p"));
		const text = async (path: string, accept?: string) => (await cluster.fetch("GET", path, undefined, accept ? { accept } : {})).text();
		expect(await text(`${pods()}/p`, "application/yaml")).toMatch(/^apiVersion: v1\nkind: Pod\nmetadata:\n/);
		expect(await text(`${pods()}/p?pretty=true`)).toMatch(/^\{\n {2}"\w+": /);
		const response = await cluster.fetch("GET", `${pods()}/p`, undefined, { accept: `${PROTOBUF},application/json` });
		expect(response.headers.get("content-type")).toBe(PROTOBUF);
		expect(decodeProtobuf(builtinSchema, new Uint8Array(await response.arrayBuffer()))).toMatchObject({ kind: "Pod", object: { metadata: { name: "p" } } });
	});

	it("is a protobuf frame for each event of a watch", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps(), configMap("a"));
		const path = `${configMaps()}?watch=1&fieldSelector=metadata.name%3Da`;
		const response = await cluster.fetch("GET", path, undefined, { accept: `${PROTOBUF};stream=watch` });
		expect(response.headers.get("content-type")).toBe(`${PROTOBUF};stream=watch`);
		const reader = (response.body as ReadableStream<Uint8Array>).getReader();
		const { value = new Uint8Array() } = await reader.read();
		await reader.cancel();
		expect(new DataView(value.buffer, value.byteOffset).getUint32(0)).toBe(value.length - 4);
		expect(new TextDecoder().decode(value)).toContain("ADDED");
	});

	it("is compressed when it is big, one object as well as a list", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", configMaps(), configMap("big", { text: "x".repeat(BIG_BYTES) }));
		for (const path of [`${configMaps()}/big`, configMaps()]) {
			const headers = { authorization: `Bearer ${cluster.adminToken}`, "accept-encoding": "gzip" };
			const response = await fetchWorker(`/clusters/${cluster.name}${path}`, { headers });
			expect(response.headers.get("vary")).toBe("Accept-Encoding");
			expect((await response.text()).length).toBeGreaterThan(BIG_BYTES);
		}
	});

	it("is refused for types that nobody knows", async () => {
		const cluster = await TestCluster.create();
		expect(await cluster.refused("GET", configMaps(), undefined, { accept: "text/html" })).toMatchObject({
			code: 406,
			message: "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
		});
		expect(await cluster.refused("POST", configMaps(), undefined, { raw: "a=b", contentType: "application/x-www-form-urlencoded" })).toMatchObject({
			code: 415,
			reason: "UnsupportedMediaType",
			message:
				"the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
		});
		expect(await cluster.refused("PATCH", `${configMaps()}/a`, { a: "b" }, { contentType: "application/json" })).toMatchObject({ code: 415 });
	});
});

describe("a deprecated or second version", () => {
	it("says that it is deprecated", async () => {
		const cluster = await TestCluster.create();
		const response = await cluster.fetch("GET", "/api/v1/componentstatuses");
		expect(response.headers.get("warning")).toBe('299 - "v1 ComponentStatus is deprecated in v1.19+"');
	});

	it("is watched like the first", async () => {
		const cluster = await TestCluster.create();
		const autoscalers = (version: string) => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
		const spec = { scaleTargetRef: { kind: "Deployment", name: "d" }, maxReplicas: 3, targetCPUUtilizationPercentage: 50 };
		await cluster.call("POST", autoscalers("v1"), { apiVersion: "autoscaling/v1", kind: "HorizontalPodAutoscaler", metadata: { name: "h" }, spec });
		const accept = "application/json";
		expect(await lines(cluster, `${autoscalers("v1")}?watch=1`, accept, 1)).toMatchObject([{ object: { apiVersion: "autoscaling/v1", spec } }]);
		expect(await lines(cluster, `${autoscalers("v2")}?watch=1`, accept, 1)).toMatchObject([{ object: { spec: { metrics: [{ type: "Resource" }] } } }]);
		const table = await cluster.call<{ rows: { cells: unknown[] }[] }>("GET", autoscalers("v1"), undefined, { accept: TABLE });
		expect(table.rows[0]?.cells.slice(0, 3)).toEqual(["h", "Deployment/d", "cpu: <unknown>/50%"]);
	});
});

describe("bindings", () => {
	it("are written to the collection, and a namespace's finalize is no place to read", async () => {
		const cluster = await TestCluster.create();
		const spec = { schedulerName: "mine", containers: [{ name: "c", image: "i" }] };
		await cluster.call("POST", pods(), { ...pod("p"), spec });
		const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "p" }, target: { kind: "Node", name: "n1" } };
		await cluster.call("POST", "/api/v1/namespaces/default/bindings", binding);
		expect(await cluster.call("GET", `${pods()}/p`)).toMatchObject({ spec: { nodeName: "n1" } });
		expect(await cluster.refused("GET", "/api/v1/namespaces/default/finalize")).toMatchObject({ code: 405 });
	});
});
