/** Reads of a custom kind in another version than the stored one: one object, lists, tables, watches, across namespaces. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Asked, conversionOf } from "../support/webhook-answers.ts";
import { namespace } from "./support/objects.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

const WEBHOOK = "https://convert.example/ropes";
const FIELDS = { v1: "size", v2: "length" };
const realFetch = globalThis.fetch;

const version = (name: "v1" | "v2") => ({
	name,
	served: true,
	storage: name === "v1",
	additionalPrinterColumns: [{ name: "Long", type: "integer", jsonPath: `.spec.${FIELDS[name]}` }],
	schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { [FIELDS[name]]: { type: "integer" } } } } } },
});
const DEFINITION = {
	apiVersion: "apiextensions.k8s.io/v1",
	kind: "CustomResourceDefinition",
	metadata: { name: "ropes.example.com" },
	spec: {
		group: "example.com",
		scope: "Namespaced",
		names: { plural: "ropes", kind: "Rope" },
		conversion: { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { url: WEBHOOK } } },
		versions: [version("v1"), version("v2")],
	},
};
const ropes = (of: "v1" | "v2", where = "default"): string => `/apis/example.com/${of}${where === "" ? "" : `/namespaces/${where}`}/ropes`;
const rope = (name: string, size: number) => ({ apiVersion: "example.com/v1", kind: "Rope", metadata: { name }, spec: { size } });

describe("a custom kind with a conversion webhook", () => {
	/** How many objects each review asked about. */
	let reviewed: number[];
	let broken: boolean;

	beforeEach(() => {
		reviewed = [];
		broken = false;
		vi.stubGlobal("fetch", async (input: RequestInfo, init?: RequestInit) => {
			const request = new Request(input, init);
			if (!request.url.startsWith(WEBHOOK)) return realFetch(request);
			const { apiVersion, kind, request: asked } = (await request.json()) as { apiVersion: string; kind: string; request: Asked["request"] };
			reviewed.push((asked["objects"] as unknown[]).length);
			const response = conversionOf(asked, broken ? { status: { message: "out of rope" } } : { fields: FIELDS });
			return Response.json({ apiVersion, kind, response });
		});
	});
	afterEach(() => void vi.unstubAllGlobals());

	async function clusterWithRopes(): Promise<TestCluster> {
		const cluster = await TestCluster.create();
		await cluster.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION);
		await eventually(async () => ((await cluster.fetch("GET", ropes("v2"))).ok ? true : undefined));
		await cluster.call("POST", "/api/v1/namespaces", namespace("other"));
		for (const [name, size] of [
			["a", 1],
			["b", 2],
		] as const)
			await cluster.call("POST", ropes("v1"), rope(name, size));
		await cluster.call("POST", ropes("v1", "other"), rope("c", 3));
		return cluster;
	}

	it("is read in each version, a list with one review", async () => {
		const cluster = await clusterWithRopes();
		expect(await cluster.call("GET", `${ropes("v2")}/a`)).toMatchObject({ apiVersion: "example.com/v2", kind: "Rope", spec: { length: 1 } });
		expect(await cluster.call("GET", `${ropes("v1")}/a`)).toMatchObject({ apiVersion: "example.com/v1", spec: { size: 1 } });
		reviewed = [];
		const list = await cluster.call("GET", ropes("v2"));
		expect(list).toMatchObject({ kind: "RopeList", apiVersion: "example.com/v2", items: [{ spec: { length: 1 } }, { spec: { length: 2 } }] });
		expect(reviewed).toEqual([2]);
		const all = await cluster.call<{ items: unknown[] }>("GET", ropes("v2", ""));
		expect(all.items).toMatchObject([{ spec: { length: 1 } }, { spec: { length: 2 } }, { metadata: { namespace: "other" }, spec: { length: 3 } }]);
		const table = await cluster.call("GET", ropes("v2"), undefined, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
		expect(table).toMatchObject({ columnDefinitions: [{ name: "Name" }, { name: "Long" }], rows: [{ cells: ["a", 1] }, { cells: ["b", 2] }] });
	});

	it("is written and deleted in the other version", async () => {
		const cluster = await clusterWithRopes();
		const path = `${ropes("v2")}/a`;
		const patched = await cluster.call("PATCH", path, { spec: { length: 10 } }, { contentType: "application/merge-patch+json" });
		expect(patched).toMatchObject({ apiVersion: "example.com/v2", spec: { length: 10 } });
		expect(await cluster.call("GET", `${ropes("v1")}/a`)).toMatchObject({ spec: { size: 10 } });
		const gone = await cluster.call("DELETE", ropes("v2"));
		expect(gone).toMatchObject({ kind: "RopeList", items: [{ apiVersion: "example.com/v2", spec: { length: 10 } }, { spec: { length: 2 } }] });
	});

	it.each(["default", ""])("is watched in the other version (namespace %j)", async (where) => {
		const cluster = await clusterWithRopes();
		const watch = await cluster.watch(`${ropes("v2", where)}?watch=1`);
		expect(await watch.next()).toMatchObject({ type: "ADDED", object: { apiVersion: "example.com/v2", spec: { length: 1 } } });
		expect(await watch.next()).toMatchObject({ type: "ADDED", object: { spec: { length: 2 } } });
		if (where === "") expect(await watch.next()).toMatchObject({ object: { metadata: { name: "c" } } });
		await cluster.call("PUT", `${ropes("v1")}/b`, rope("b", 20));
		expect(await watch.next()).toMatchObject({ type: "MODIFIED", object: { apiVersion: "example.com/v2", spec: { length: 20 } } });
		await cluster.call("DELETE", `${ropes("v1")}/b`);
		expect(await watch.next()).toMatchObject({ type: "DELETED", object: { apiVersion: "example.com/v2", spec: { length: 20 } } });
		broken = true;
		await cluster.call("PUT", `${ropes("v1")}/a`, rope("a", 9));
		expect(await watch.next()).toMatchObject({
			type: "ERROR",
			object: { code: 410, message: "conversion webhook for example.com/v1, Kind=Rope failed: out of rope" },
		});
	});

	it("is refused in upstream's words when the webhook fails", async () => {
		const cluster = await clusterWithRopes();
		broken = true;
		const message = "conversion webhook for example.com/v1, Kind=Rope failed: out of rope";
		for (const path of [`${ropes("v2")}/a`, ropes("v2"), ropes("v2", "")]) expect(await cluster.refused("GET", path)).toMatchObject({ code: 500, message });
		expect(await cluster.call("GET", `${ropes("v1")}/a`)).toMatchObject({ spec: { size: 1 } });
	});
});
