import { describe, expect, test } from "vitest";
import type { StatusError } from "../errors/status-error.ts";
import type { JsonObject } from "../meta/object.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import { applyStrategicMergePatch } from "./strategic-merge-patch.ts";

const podPatch = (spec: JsonObject, patch: JsonObject): JsonObject => {
	const original = { spec };
	const before = structuredClone({ original, patch });
	const patched = applyStrategicMergePatch(builtinSchema, "core/v1.Pod", original, { spec: patch });
	expect({ original, patch }).toEqual(before);
	return patched["spec"] as JsonObject;
};

const names = (list: unknown): string[] => (list as { name: string }[]).map((element) => element.name);

describe("lists by key", () => {
	const containers: JsonObject[] = [
		{ name: "a", image: "a:1" },
		{ name: "b", image: "b:1", env: [{ name: "X", value: "1" }] },
	];

	test("an element is found by its key, whatever its place", () => {
		const patched = podPatch({ containers }, { containers: [{ name: "b", image: "b:2", env: [{ name: "Y", value: "2" }] }] });
		expect(patched["containers"]).toEqual([
			{ name: "a", image: "a:1" },
			{
				name: "b",
				image: "b:2",
				env: [
					{ name: "Y", value: "2" },
					{ name: "X", value: "1" },
				],
			},
		]);
	});

	test("a new element goes before those that only the server has", () => {
		expect(names(podPatch({ containers }, { containers: [{ name: "c", image: "c" }] })["containers"])).toEqual(["c", "a", "b"]);
	});

	test("$setElementOrder decides the order", () => {
		const patch = { "$setElementOrder/containers": [{ name: "b" }, { name: "c" }, { name: "a" }], containers: [{ name: "c", image: "c" }] };
		expect(names(podPatch({ containers }, patch)["containers"])).toEqual(["b", "c", "a"]);
	});

	test("$setElementOrder alone only orders", () => {
		expect(names(podPatch({ containers }, { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] })["containers"])).toEqual(["b", "a"]);
	});

	test("$patch: delete takes an element out, $patch: replace the whole list", () => {
		expect(names(podPatch({ containers }, { containers: [{ name: "a", $patch: "delete" }] })["containers"])).toEqual(["b"]);
		expect(podPatch({ containers }, { containers: [{ name: "z", image: "z" }, { $patch: "replace" }] })["containers"]).toEqual([{ name: "z", image: "z" }]);
	});

	test("an element without its key is refused in upstream's words", () => {
		expect(() => podPatch({ containers }, { containers: [{ image: "x" }] })).toThrow("map: map[image:x] does not contain declared merge key: name");
	});

	test("directives do not stay behind in what is new", () => {
		const patched = podPatch(
			{},
			{
				containers: [
					{ name: "a", "$setElementOrder/env": [], $patch: "replace" },
					{ name: "b", $patch: "delete" },
				],
			},
		);
		expect(patched["containers"]).toEqual([{ name: "a" }]);
	});

	test("lists without a merge strategy are replaced", () => {
		const patched = podPatch(
			{ containers: [{ name: "a", args: ["1", "2"] }], tolerations: [{ key: "a" }] },
			{ containers: [{ name: "a", args: ["3"] }], tolerations: [{ key: "b" }] },
		);
		expect(patched).toEqual({ containers: [{ name: "a", args: ["3"] }], tolerations: [{ key: "b" }] });
	});
});

describe("lists of scalars", () => {
	const patchMeta = (finalizers: string[] | undefined, patch: JsonObject): unknown =>
		(applyStrategicMergePatch(builtinSchema, "core/v1.Pod", { metadata: finalizers ? { finalizers } : {} }, { metadata: patch })["metadata"] as JsonObject)[
			"finalizers"
		];

	test("merge without duplicates", () => {
		expect(patchMeta(["a", "b"], { finalizers: ["b", "c"] })).toEqual(["a", "b", "c"]);
	});

	test("$deleteFromPrimitiveList takes values out", () => {
		expect(patchMeta(["a", "b", "c"], { "$deleteFromPrimitiveList/finalizers": ["b", "x"] })).toEqual(["a", "c"]);
		expect(patchMeta(undefined, { "$deleteFromPrimitiveList/finalizers": ["b"] })).toBeUndefined();
	});

	test("$setElementOrder orders them", () => {
		expect(patchMeta(["a", "b"], { "$setElementOrder/finalizers": ["c", "b", "a"], finalizers: ["c"] })).toEqual(["c", "b", "a"]);
	});
});

describe("objects", () => {
	test("null takes a member out; null in what is new is left out", () => {
		expect(podPatch({ nodeName: "n", hostNetwork: true }, { nodeName: null, securityContext: { runAsUser: null, runAsGroup: 1 } })).toEqual({
			hostNetwork: true,
			securityContext: { runAsGroup: 1 },
		});
	});

	test("$patch: replace and delete", () => {
		const spec = { securityContext: { runAsUser: 1 } };
		expect(podPatch(spec, { securityContext: { $patch: "replace", runAsGroup: 2 } })).toEqual({ securityContext: { runAsGroup: 2 } });
		expect(podPatch(spec, { securityContext: { $patch: "delete" } })).toEqual({ securityContext: {} });
		expect(() => podPatch(spec, { securityContext: { $patch: "spam" } })).toThrow("unknown patch type: spam in map: map[$patch:spam]");
	});

	test("$retainKeys keeps only what it names", () => {
		const patch = { strategy: { $retainKeys: ["type"], type: "Recreate" } };
		const original = { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } };
		expect(applyStrategicMergePatch(builtinSchema, "apps/v1.Deployment", original, { spec: patch })).toEqual({ spec: { strategy: { type: "Recreate" } } });
		const bad = { spec: { strategy: { $retainKeys: ["rollingUpdate"], type: "Recreate" } } };
		expect(() => applyStrategicMergePatch(builtinSchema, "apps/v1.Deployment", original, bad)).toThrow("invalid patch format of retainKeys");
	});

	test("an undeclared field: kept where it is new, refused where it must be merged", () => {
		expect(podPatch({}, { spam: { a: 1 } })).toEqual({ spam: { a: 1 } });
		expect(() => podPatch({ spam: { b: 1 } }, { spam: { a: 1 } })).toThrow('unable to find api field in struct PodSpec for the json field "spam"');
	});

	test("labels merge key by key", () => {
		const original = { metadata: { labels: { a: "1", b: "2" } } };
		expect(applyStrategicMergePatch(builtinSchema, "core/v1.Pod", original, { metadata: { labels: { b: null, c: "3" } } })).toEqual({
			metadata: { labels: { a: "1", c: "3" } },
		});
	});

	test("a malformed directive is a 400", () => {
		try {
			podPatch({ containers: [] }, { "$setElementOrder/containers": "x" });
			expect.unreachable();
		} catch (error) {
			expect((error as StatusError).code).toBe(400);
		}
	});
});

test("a long list takes no quadratic time", () => {
	const finalizers = Array.from({ length: 50_000 }, (_, i) => `example.com/f${i}`);
	const original = { metadata: { finalizers } };
	const patch = { metadata: { "$setElementOrder/finalizers": [...finalizers].reverse(), finalizers: ["example.com/new"] } };
	expect(() => applyStrategicMergePatch(builtinSchema, "core/v1.Pod", original, patch)).toThrow("doesn't match $setElementOrder list");
	const merged = applyStrategicMergePatch(builtinSchema, "core/v1.Pod", original, { metadata: { finalizers: [...finalizers].reverse() } });
	expect((merged["metadata"] as JsonObject)["finalizers"]).toHaveLength(50_000);
});

test("a data key called __proto__ stays a key", () => {
	const patch = JSON.parse('{"data":{"__proto__":"x"}}') as JsonObject;
	const patched = applyStrategicMergePatch(builtinSchema, "core/v1.ConfigMap", { data: { a: "1" } }, patch);
	expect(JSON.stringify(patched)).toBe('{"data":{"a":"1","__proto__":"x"}}');
});
