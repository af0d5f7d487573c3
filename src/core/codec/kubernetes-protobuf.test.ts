import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StatusError } from "../errors/status-error.ts";
import type { JsonObject } from "../meta/object.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import { builtinTypeName } from "../schema/builtin-table.ts";
import { decodeObject } from "../schema/decode.ts";
import { decodeProtobuf, encodeProtobuf } from "./kubernetes-protobuf.ts";

const DIRECTORY = "test/golden/roundtrip";
const cases = readdirSync(DIRECTORY)
	.filter((name) => name.endsWith(".json"))
	.map((name) => {
		const [, group = "", version = "", kind = ""] = /^(.+)\.(v\d+)\.(\w+)\.json$/.exec(name) ?? [];
		const typeName = builtinTypeName(group === "core" ? "" : group, version, kind) ?? "";
		return {
			name,
			typeName,
			json: readFileSync(`${DIRECTORY}/${name}`, "utf8").trim(),
			bytes: new Uint8Array(readFileSync(`${DIRECTORY}/${name.replace(".json", ".pb")}`)),
		};
	});
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").replace(/.{64}/g, "$&\n");

describe("the Kubernetes protobuf codec", () => {
	it("has all 36 golden objects", () => expect(cases).toHaveLength(36));

	it.each(cases)("reads $name and writes it byte for byte", ({ typeName, json, bytes }) => {
		const { object } = decodeProtobuf(builtinSchema, bytes, typeName);
		expect(JSON.stringify(object, null, 2)).toBe(json);
		expect(hex(encodeProtobuf(builtinSchema, typeName, object))).toBe(hex(bytes));
	});

	it.each(cases)("takes $name through JSON, protobuf and JSON again", ({ typeName, json, bytes }) => {
		const { object, unknownFields } = decodeObject(builtinSchema, typeName, JSON.parse(json), { defaults: false });
		expect(unknownFields).toEqual([]);
		expect(JSON.stringify(object, null, 2)).toBe(json);
		const encoded = encodeProtobuf(builtinSchema, typeName, object);
		expect(hex(encoded)).toBe(hex(bytes));
		expect(JSON.stringify(decodeProtobuf(builtinSchema, encoded, typeName).object, null, 2)).toBe(json);
	});

	it("carries a sparse object: zeros, empty structs and nil pointers stay apart", () => {
		const given: JsonObject = {
			kind: "Pod",
			apiVersion: "v1",
			metadata: { name: "p" },
			spec: { volumes: [{ name: "v", emptyDir: {} }], containers: [{ name: "c", resources: {}, securityContext: { runAsUser: 0 } }] },
			status: {},
		};
		const bytes = encodeProtobuf(builtinSchema, "core/v1.Pod", given);
		expect(decodeProtobuf(builtinSchema, bytes)).toEqual({ apiVersion: "v1", kind: "Pod", object: given });
	});

	it("answers nothing but 400 to a damaged body", () => {
		const pod = cases.find(({ typeName }) => typeName === "core/v1.Pod")?.bytes ?? new Uint8Array();
		const check = (at: number, byte: number) => {
			const damaged = pod.slice();
			damaged[at % damaged.length] = byte;
			try {
				decodeProtobuf(builtinSchema, damaged);
			} catch (error) {
				expect(error).toBeInstanceOf(StatusError);
				expect((error as StatusError).code).toBe(400);
			}
		};
		fc.assert(fc.property(fc.nat(), fc.nat(255), check), { numRuns: 500 });
	});

	it.each([
		["no marker", new Uint8Array([1, 2, 3, 4])],
		["a broken envelope", new Uint8Array([0x6b, 0x38, 0x73, 0, 0x0a, 0xff])],
		["an unknown kind", encodeProtobuf(builtinSchema, "core/v1.Pod", { apiVersion: "example.com/v1", kind: "Thing" })],
	])("answers 400 to %s", (_name, bytes) => {
		expect(() => decodeProtobuf(builtinSchema, bytes)).toThrow(StatusError);
	});
});
