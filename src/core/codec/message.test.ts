import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES, MAX_MESSAGE_DEPTH, MessageError, type MessageType } from "./message.ts";

const inner: MessageType = {
	name: "Inner",
	fields: [
		{ number: 1, name: "text", type: "string" },
		{ number: 2, name: "child", type: { message: () => inner } },
	],
};
const all: MessageType = {
	name: "All",
	fields: [
		{ number: 1, name: "text", type: "string" },
		{ number: 2, name: "bytes", type: "bytes" },
		{ number: 3, name: "flag", type: "bool" },
		{ number: 4, name: "int32", type: "int32" },
		{ number: 5, name: "int64", type: "int64" },
		{ number: 6, name: "uint32", type: "uint32" },
		{ number: 7, name: "uint64", type: "uint64" },
		{ number: 8, name: "sint32", type: "sint32" },
		{ number: 9, name: "sint64", type: "sint64" },
		{ number: 10, name: "double", type: "double" },
		{ number: 11, name: "fixed64", type: "fixed64" },
		{ number: 12, name: "fixed32", type: "fixed32" },
		{ number: 16, name: "inner", type: { message: () => inner } },
		{ number: 17, name: "list", type: "string", repeated: true },
		{ number: 18, name: "packed", type: "int64", repeated: true, packed: true },
		{ number: 19, name: "unpacked", type: "int32", repeated: true },
		{ number: 20, name: "labels", type: { map: { key: "string", value: "string" } } },
		{ number: 21, name: "inners", type: { map: { key: "string", value: { message: () => inner } } } },
		{ number: 2000, name: "far", type: "bool" },
	],
};
const hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

describe("the message codec", () => {
	it("writes the bytes of the protobuf specification's examples", () => {
		expect(encodeMessage(all, { int32: 150 })).toEqual(hex("209601"));
		expect(encodeMessage(all, { text: "testing" })).toEqual(hex("0a0774657374696e67"));
		expect(encodeMessage(all, { int32: -2 })).toEqual(hex("20feffffffffffffffff01"));
		expect(encodeMessage(all, { sint32: -2 })).toEqual(hex("4003"));
		expect(encodeMessage(all, { packed: [3, 270, 86942] })).toEqual(hex("920106038e029ea705"));
	});

	it("reads back whatever it wrote", () => {
		const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n));
		const value = fc.record(
			{
				text: fc.string({ unit: "grapheme" }),
				bytes: fc.uint8Array(),
				flag: fc.boolean(),
				int32: fc.integer(),
				int64,
				uint32: fc.nat(0xffffffff),
				uint64: fc.bigInt({ min: 2n ** 60n, max: 2n ** 64n - 1n }),
				sint32: fc.integer(),
				sint64: int64,
				double: fc.double(),
				fixed32: fc.nat(0xffffffff),
				inner: fc.record({ text: fc.string() }),
				list: fc.array(fc.string(), { minLength: 1 }),
				packed: fc.array(int64, { minLength: 1 }),
				unpacked: fc.array(fc.integer(), { minLength: 1 }),
				labels: fc.dictionary(fc.string(), fc.string(), { minKeys: 1, noNullPrototype: true }),
				inners: fc.dictionary(fc.string(), fc.record({ text: fc.string() }), { minKeys: 1, noNullPrototype: true }),
				far: fc.boolean(),
			},
			{ requiredKeys: [], noNullPrototype: true },
		);
		fc.assert(
			fc.property(value, (given) => void expect(decodeMessage(all, encodeMessage(all, given))).toEqual(given)),
			{ numRuns: 300 },
		);
	});

	it("grows past its first buffer at whatever field that falls on", () => {
		for (const size of [1, 1020, 1021, 1022, 1023, 1024, 5000]) {
			for (const rest of [{ double: 1.5 }, { fixed32: 7 }, { fixed64: 8 }, { int64: -1 }, { text: "x" }]) {
				const given = { ...rest, list: ["y".repeat(size)] };
				expect(decodeMessage(all, encodeMessage(all, given))).toEqual(given);
			}
		}
	});

	it("never does more than throw MessageError on bytes from anyone", () => {
		const check = (bytes: Uint8Array) => {
			try {
				decodeMessage(all, bytes);
			} catch (error) {
				expect(error).toBeInstanceOf(MessageError);
			}
		};
		fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), check), { numRuns: 2000 });
	});

	it.each([
		["a length past the end", "0a05616263", /points past/],
		["a varint cut short", "2096", /unexpected end/],
		["an endless varint", "20ffffffffffffffffffffff01", /longer than 10/],
		["a wrong wire type", "0801", /wrong wire type 0 for field text/],
		["a length of 2^63", "0affffffffffffffff7f", /points past/],
		["field number 0", "0001", /illegal tag/],
	])("refuses %s", (_name, bytes, message) => {
		expect(() => decodeMessage(all, hex(bytes))).toThrow(message);
	});

	it("passes over unknown fields of each wire type, groups included", () => {
		expect(decodeMessage(inner, hex("f80701f9070000000000000000fa0701ff" + "fb0718010b0cfc07" + "fd0700000000" + "0a0161"))).toEqual({ text: "a" });
	});

	it("stops at the nesting limit, for reading and for writing", () => {
		let value: Record<string, unknown> = {};
		for (let i = 0; i < MAX_MESSAGE_DEPTH; i++) value = { child: value };
		const bytes = encodeMessage(inner, value);
		expect(decodeMessage(inner, bytes)).toEqual(value);
		expect(() => encodeMessage(inner, { child: value })).toThrow(/nested deeper/);
		const deeper = new Uint8Array([0x12, 0x80 | (bytes.length & 0x7f), bytes.length >> 7, ...bytes]);
		expect(() => decodeMessage(inner, deeper)).toThrow(/nested deeper/);
	});

	it("takes no message above the size limit", () => {
		expect(() => decodeMessage(inner, new Uint8Array(MAX_MESSAGE_BYTES + 1))).toThrow(/larger than/);
		expect(() => encodeMessage(all, { bytes: new Uint8Array(MAX_MESSAGE_BYTES) })).toThrow(/larger than/);
		expect(encodeMessage(all, { bytes: new Uint8Array(MAX_MESSAGE_BYTES - 5) }).length).toBe(MAX_MESSAGE_BYTES);
	});

	it("keeps a map key named __proto__ as a key", () => {
		const labels = JSON.parse('{"__proto__": "x"}');
		expect(Object.keys(decodeMessage(all, encodeMessage(all, { labels })).labels as object)).toEqual(["__proto__"]);
	});

	it("writes map entries in the byte order of their keys and zeros where a field is marked always", () => {
		const type: MessageType = {
			name: "T",
			fields: [{ number: 1, name: "n", type: "int32", always: true }, ...all.fields.slice(16, 17).map((f) => ({ ...f, number: 2 }))],
		};
		expect(encodeMessage(type, { labels: { b: "2", a: "1" } })).toEqual(hex("0800" + "12060a01611201" + "31" + "12060a01621201" + "32"));
	});

	it("names the field that a bad value was given for", () => {
		expect(() => encodeMessage(all, { inner: { text: 5 } })).toThrow("inner: text: a string is expected");
	});
});
