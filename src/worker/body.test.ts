import { describe, expect, it } from "vitest";
import { MAX_BODY_BYTES, patchTypeOf, readJsonBody, readPatch } from "./body.ts";

const post = (body: BodyInit, type?: string) => new Request("http://x/", { method: "POST", body, headers: type ? { "content-type": type } : {} });

describe("readJsonBody", () => {
	it("passes JSON on as it is", async () => {
		expect(await readJsonBody(post('{"a": 1}', "application/json; charset=utf-8"))).toBe('{"a": 1}');
		expect(await readJsonBody(new Request("http://x/", { method: "POST" }))).toBe("");
	});

	it("turns YAML into JSON", async () => {
		expect(JSON.parse(await readJsonBody(post("metadata:\n  name: x\n", "application/yaml")))).toEqual({ metadata: { name: "x" } });
	});

	it("refuses other types with 415, broken text with 400", async () => {
		await expect(readJsonBody(post("x", "text/plain"))).rejects.toMatchObject({ status: { code: 415 } });
		await expect(readJsonBody(post(new Uint8Array([0xff]), "application/json"))).rejects.toMatchObject({ status: { code: 400 } });
		await expect(readJsonBody(post("not protobuf", "application/vnd.kubernetes.protobuf"))).rejects.toMatchObject({ status: { code: 400 } });
	});

	it("takes 3 MiB and not a byte more", async () => {
		expect(await readJsonBody(post(new Uint8Array(MAX_BODY_BYTES).fill(32), "application/json"))).toHaveLength(MAX_BODY_BYTES);
		await expect(readJsonBody(post(new Uint8Array(MAX_BODY_BYTES + 1).fill(32), "application/json"))).rejects.toMatchObject({
			status: { code: 413, message: "Request entity too large: limit is 3145728" },
		});
	});
});

describe("patches", () => {
	it("knows four kinds", () => {
		expect(patchTypeOf("application/json-patch+json")).toBe("json");
		expect(patchTypeOf("application/merge-patch+json")).toBe("merge");
		expect(patchTypeOf("application/strategic-merge-patch+json; charset=utf-8")).toBe("strategic");
		expect(patchTypeOf("application/apply-patch+yaml")).toBe("apply");
		expect(() => patchTypeOf("application/apply-patch+cbor")).toThrow("unknown format");
		expect(() => patchTypeOf(null)).toThrow("unknown format");
	});

	it("takes JSON and YAML for an apply", async () => {
		expect(await readPatch(post('{"a": 1}'), "apply")).toBe('{"a": 1}');
		expect(await readPatch(post("{a: 1}"), "apply")).toBe('{"a":1}');
		expect(await readPatch(post("a: 1"), "apply")).toBe('{"a":1}');
	});
});
