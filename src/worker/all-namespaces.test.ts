import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ApiRequest } from "../core/api/request.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import { podKind } from "../core/kinds/pod.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { AT_LEAST_HEADER, IF_CHANGED_SINCE_HEADER, ITEM_COUNT_HEADER, ITEMS_ONLY_HEADER, REQUEST_HEADER, VERSION_HEADER } from "../objects/rpc.ts";
import { decodePosition, encodePosition, listAllNamespaces } from "./all-namespaces.ts";

/** What the Worker has and Node.js has not. */
vi.stubGlobal("IdentityTransformStream", TransformStream);

/** A Namespace object as far as lists go: names, a clock, and what it was asked. */
class FakeNamespace {
	readonly names: string[];
	version: number;
	asked = 0;

	constructor(names: string[], version: number) {
		this.names = names;
		this.version = version;
	}

	fetch = async (_url: string, init: { headers: Record<string, string> }): Promise<Response> => {
		this.asked++;
		const { query } = JSON.parse(init.headers[REQUEST_HEADER] ?? "{}") as ApiRequest;
		this.version = Math.max(this.version, Number(init.headers[AT_LEAST_HEADER] ?? 0));
		if (init.headers[IF_CHANGED_SINCE_HEADER] !== undefined) return new Response(null, { status: 304 });
		const after = this.names.filter((name) => name > (query.continue ?? ""));
		const shown = after.slice(0, query.limit ?? after.length);
		const next = shown.length < after.length ? { continue: shown.at(-1) } : {};
		const items = shown.map((name) => ({ metadata: { name } }));
		if (init.headers[ITEMS_ONLY_HEADER] === "1") {
			const headers = { [ITEM_COUNT_HEADER]: String(items.length), [VERSION_HEADER]: String(this.version) };
			return new Response(items.map((item) => JSON.stringify(item)).join(","), { headers });
		}
		return Response.json({ kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: String(this.version), ...next }, items });
	};
}

let objects: Map<string, FakeNamespace>;
let refusal: unknown;
let env: WorkerEnv;

beforeEach(() => {
	refusal = null;
	objects = new Map([
		["c/a", new FakeNamespace(["a1", "a2", "a3"], 10)],
		["c/b", new FakeNamespace([], 4)],
		["c/d", new FakeNamespace(["d1", "d2"], 8)],
	]);
	const cluster = { authorizeCluster: async () => refusal, namespaces: async () => ["d", "a", "b"] };
	const lookup = (get: (id: string) => unknown) => ({ idFromName: (name: string) => name, get });
	env = { CLUSTER: lookup(() => cluster), NAMESPACE: lookup((id) => objects.get(id)) } as unknown as WorkerEnv;
});

async function list(query: Partial<ApiRequest["query"]> = {}) {
	const request = {
		verb: "list",
		group: "",
		version: "v1",
		resource: "pods",
		query: { raw: [], ...query },
		user: { name: "u", groups: [] },
		body: "",
	} as unknown as ApiRequest;
	const response = await listAllNamespaces(env, "c", request, podKind as unknown as KindDefinition);
	const { kind, metadata, items } = (await response.json()) as {
		kind: string;
		metadata: { resourceVersion: string; continue?: string };
		items: { metadata: { name: string } }[];
	};
	return { kind, metadata, names: items.map((item) => item.metadata.name) };
}

describe("listAllNamespaces", () => {
	it("lists in order of namespace and name, at the highest version, to which it advances the others", async () => {
		expect(await list()).toEqual({ kind: "PodList", metadata: { resourceVersion: "10" }, names: ["a1", "a2", "a3", "d1", "d2"] });
		expect([...objects.values()].map((object) => [object.version, object.asked])).toEqual([
			[10, 1],
			[10, 2],
			[10, 2],
		]);
	});

	it.each([1, 2, 3, 4, 5, 6])("gives each object once in pages of %i, all of one version", async (limit) => {
		const names: string[] = [];
		let next: string | undefined;
		do {
			const page = await list({ limit, ...(next ? { continue: next } : {}) });
			expect(page.names.length).toBeLessThanOrEqual(limit);
			expect(page.metadata.resourceVersion).toBe("10");
			names.push(...page.names);
			next = page.metadata.continue;
		} while (next);
		expect(names).toEqual(["a1", "a2", "a3", "d1", "d2"]);
	});

	it("asks the cluster's leave first", async () => {
		refusal = { kind: "Status", code: 403, reason: "Forbidden", message: "no" };
		await expect(list()).rejects.toMatchObject({ status: { code: 403, message: "no" } });
	});

	it("passes on what one object refuses", async () => {
		const gone = objects.get("c/d") as FakeNamespace;
		gone.fetch = async () => Response.json({ code: 410 }, { status: 410 });
		const request = {
			verb: "list",
			group: "",
			version: "v1",
			resource: "pods",
			query: { raw: [] },
			user: { name: "u", groups: [] },
			body: "",
		} as unknown as ApiRequest;
		expect((await listAllNamespaces(env, "c", request, podKind as unknown as KindDefinition)).status).toBe(410);
	});
});

describe("continue tokens", () => {
	it("come back as they were", () => {
		const position = { version: "10", namespace: "a", inner: "x/y+z" };
		expect(decodePosition(encodePosition(position))).toEqual(position);
	});

	it.each(["", "%%%", btoa("{}"), btoa('{"format":"petrel.dev/all-namespaces/v1","version":"x"}')])("refuses %j", (token) => {
		expect(() => decodePosition(token)).toThrow("continue key is not valid");
	});
});
