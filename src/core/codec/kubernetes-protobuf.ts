/**
 * The Kubernetes protobuf encoding (`application/vnd.kubernetes.protobuf`): a runtime.Unknown behind four magic bytes,
 * with the object's own message inside. The messages follow gogo's rules: plain fields are always written, pointers
 * when they are set, map entries in the order of their keys.
 */
import { badRequest } from "../errors/status-error.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import { builtinTypeName, type GoField, goStruct, isNamedList, MAP_TYPE, underlyingType } from "../schema/builtin-table.ts";
import { decodeObject, kindOfTypeName } from "../schema/decode.ts";
import { parseDuration, durationText } from "../schema/duration-text.ts";
import { timeToUnix, UnmarshalError, unixToTime } from "../schema/scalar-text.ts";
import type { Schema } from "../schema/types.ts";
import { base64ToBytes, bytesToBase64 } from "./base64.ts";
import { decodeMessage, encodeMessage, type Message, MessageError, type MessageField, type MessageType, type NestedType, type ScalarKind } from "./message.ts";

export const PROTOBUF_MEDIA_TYPE = "application/vnd.kubernetes.protobuf";
/** "k8s" and a zero byte. */
const MAGIC: readonly number[] = [0x6b, 0x38, 0x73, 0x00];

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

const TYPE_META: MessageType = {
	name: "runtime.TypeMeta",
	fields: [
		{ number: 1, name: "apiVersion", type: "string", always: true },
		{ number: 2, name: "kind", type: "string", always: true },
	],
};
const UNKNOWN: MessageType = {
	name: "runtime.Unknown",
	fields: [
		{ number: 1, name: "typeMeta", type: { message: () => TYPE_META }, always: true },
		{ number: 2, name: "raw", type: "bytes" },
		{ number: 3, name: "contentEncoding", type: "string", always: true },
		{ number: 4, name: "contentType", type: "string", always: true },
	],
};

const message = (name: string, fields: readonly MessageField[]): (() => MessageType) => {
	const type: MessageType = { name, fields };
	return () => type;
};

/** google.protobuf.Timestamp as Time writes it: an empty message is the zero time. */
function timeType(micro: boolean): NestedType {
	const fields: MessageField[] = [
		{ number: 1, name: "seconds", type: "int64" },
		{ number: 2, name: "nanos", type: "int32" },
	];
	return {
		message: message(micro ? "MicroTime" : "Time", fields),
		fromWire: ({ seconds, nanos }) =>
			seconds === undefined && nanos === undefined ? null : unixToTime(Number(seconds ?? 0), micro ? Number(nanos ?? 0) : 0, micro),
		toWire: (value) => {
			if (typeof value !== "string") return {};
			const { seconds, nanos } = timeToUnix(value);
			return { seconds, nanos: micro ? nanos : 0 };
		},
	};
}

/** JSON text inside bytes: RawExtension and FieldsV1. */
function rawType(name: string, fieldName: string): NestedType {
	return {
		message: message(name, [{ number: 1, name: fieldName, type: "bytes" }]),
		fromWire: (value) => {
			const raw = value[fieldName] as Uint8Array | undefined;
			if (raw === undefined || raw.length === 0) return null;
			try {
				return JSON.parse(utf8Decoder.decode(raw)) as unknown;
			} catch (error) {
				throw new MessageError(`${name} holds no JSON`, { cause: error });
			}
		},
		toWire: (value) => (value === null || value === undefined ? {} : { [fieldName]: utf8Encoder.encode(JSON.stringify(value)) }),
	};
}

const JSON_SCHEMA_TYPE = "apiextensions/v1.JSONSchemaProps";
/** Named lazily: the table of leaves comes before what structs are made of. */
const JSON_SCHEMA: NestedType = {
	message: () => messageOf(JSON_SCHEMA_TYPE),
	fromWire: (value) => fromMessage(JSON_SCHEMA_TYPE, value),
	toWire: (value) => toMessage(JSON_SCHEMA_TYPE, value as JsonObject),
};

const LEAVES: Readonly<Record<string, ScalarKind | NestedType>> = {
	string: "string",
	"types.UID": "string",
	bool: "bool",
	int32: "int32",
	int64: "int64",
	float64: "double",
	"meta/v1.Time": timeType(false),
	"meta/v1.MicroTime": timeType(true),
	"resource.Quantity": {
		message: message("Quantity", [{ number: 1, name: "string", type: "string", always: true }]),
		fromWire: (value) => value.string ?? "0",
		toWire: (value) => ({ string: typeof value === "string" ? value : "0" }),
	},
	"intstr.IntOrString": {
		message: message("IntOrString", [
			{ number: 1, name: "type", type: "int64", always: true },
			{ number: 2, name: "intVal", type: "int32", always: true },
			{ number: 3, name: "strVal", type: "string", always: true },
		]),
		fromWire: (value) => (value.type === 1 ? (value.strVal ?? "") : (value.intVal ?? 0)),
		toWire: (value) => (typeof value === "string" ? { type: 1, strVal: value } : { type: 0, intVal: typeof value === "number" ? value : 0 }),
	},
	"meta/v1.Duration": {
		message: message("Duration", [{ number: 1, name: "duration", type: "int64", always: true }]),
		fromWire: (value) => durationText(BigInt((value.duration as number | bigint | undefined) ?? 0)),
		toWire: (value) => ({ duration: (typeof value === "string" ? parseDuration(value) : undefined) ?? 0n }),
	},
	"meta/v1.FieldsV1": rawType("FieldsV1", "Raw"),
	"runtime.RawExtension": rawType("RawExtension", "raw"),
	"apiextensions/v1.JSON": rawType("JSON", "raw"),
	"apiextensions/v1.JSONSchemaPropsOrBool": {
		message: message("JSONSchemaPropsOrBool", [
			{ number: 1, name: "allows", type: "bool", always: true },
			{ number: 2, name: "schema", type: JSON_SCHEMA },
		]),
		fromWire: (value) => value.schema ?? value.allows ?? false,
		toWire: (value) => (typeof value === "boolean" ? { allows: value } : { allows: true, schema: value }),
	},
	"apiextensions/v1.JSONSchemaPropsOrArray": {
		message: message("JSONSchemaPropsOrArray", [
			{ number: 1, name: "schema", type: JSON_SCHEMA },
			{ number: 2, name: "jSONSchemas", type: JSON_SCHEMA, repeated: true },
		]),
		fromWire: (value) => value.schema ?? value.jSONSchemas ?? null,
		toWire: (value) => (Array.isArray(value) ? { jSONSchemas: value } : { schema: value }),
	},
	"apiextensions/v1.JSONSchemaPropsOrStringArray": {
		message: message("JSONSchemaPropsOrStringArray", [
			{ number: 1, name: "schema", type: JSON_SCHEMA },
			{ number: 2, name: "property", type: "string", repeated: true },
		]),
		fromWire: (value) => value.schema ?? value.property ?? null,
		toWire: (value) => (Array.isArray(value) ? { property: value } : { schema: value }),
	},
};

const messages = new Map<string, MessageType>();

/** The message of a struct type of the table. */
function messageOf(name: string): MessageType {
	const known = messages.get(name);
	if (known) return known;
	const fields: MessageField[] = [];
	for (const field of goStruct(name).fields) if (field.number > 0) fields.push(messageField(field));
	const type: MessageType = { name, fields };
	messages.set(name, type);
	return type;
}

/** An inlined struct is a message of its own, under a name that no JSON field has. */
const inlineName = (field: GoField): string => `+${field.goType}`;

function nestedStruct(goType: string): NestedType {
	const name = underlyingType(goType);
	return { message: () => messageOf(name), fromWire: (value) => fromMessage(name, value), toWire: (value) => toMessage(name, value as JsonObject) };
}

/** The message that wraps a named list: Verbs, ExtraValue. */
function namedList(goType: string): NestedType {
	const field = { ...fieldType(underlyingType(goType).slice(2)), number: 1, name: "items", repeated: true };
	return {
		message: message(goType, [field]),
		fromWire: (value) => value.items ?? [],
		toWire: (value) => ({ items: Array.isArray(value) ? value : [] }),
	};
}

/** []byte travels as base64 in JSON. A field, a map's value and a list's element all take this form. */
const BYTES = "[]byte";

function elementType(goType: string): ScalarKind | NestedType {
	const plain = goType.startsWith("*") ? goType.slice(1) : goType;
	if (isNamedList(plain)) return namedList(plain);
	const type = underlyingType(plain);
	return type === BYTES ? "bytes" : (LEAVES[type] ?? nestedStruct(type));
}

function fieldType(goType: string): { type: MessageField["type"]; repeated: boolean } {
	const plain = goType.startsWith("*") ? goType.slice(1) : goType;
	if (isNamedList(plain)) return { type: namedList(plain), repeated: false };
	const type = underlyingType(plain);
	const map = MAP_TYPE.exec(type);
	if (map) return { type: { map: { key: "string", value: elementType(type.slice(map[0].length)) } }, repeated: false };
	if (type.startsWith("[]") && type !== BYTES) return { type: elementType(type.slice(2)), repeated: true };
	return { type: elementType(type), repeated: false };
}

function messageField(field: GoField): MessageField {
	const nilable = field.pointer || underlyingType(field.goType) === BYTES || isNamedList(field.goType);
	return { number: field.number, name: field.name || inlineName(field), ...fieldType(field.goType), always: !nilable };
}

/** Turns bytes to base64 or back wherever the Go type has []byte. */
function mapBytes(goType: string, value: unknown, convert: (value: unknown) => unknown): unknown {
	const type = underlyingType(goType.startsWith("*") ? goType.slice(1) : goType);
	if (type === BYTES) return convert(value);
	if (value === null || value === undefined) return value;
	if (type.startsWith("[]")) return (value as unknown[]).map((item) => convert(item));
	return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]));
}

const hasBytes = (goType: string): boolean => underlyingType(goType.replace(/^\*/, "")).endsWith(BYTES);
const toBase64 = (value: unknown): unknown => (value instanceof Uint8Array ? bytesToBase64(value) : value);
const fromBase64 = (value: unknown): unknown => (typeof value === "string" ? base64ToBytes(value) : value === null ? new Uint8Array(0) : value);

/** The message's value as the JSON object that has inlined structs flattened. */
function fromMessage(name: string, value: Message): JsonObject {
	const out: JsonObject = {};
	for (const field of goStruct(name).fields) {
		if (field.number === 0) continue;
		const key = field.name || inlineName(field);
		const part = value[key];
		if (part === undefined || part === null) continue;
		if (field.name === "") Object.assign(out, part);
		else out[key] = (hasBytes(field.goType) ? mapBytes(field.goType, part, toBase64) : part) as Json;
	}
	return out;
}

/** The reverse: each inlined struct picks its own fields from the object. */
function toMessage(name: string, object: JsonObject): Message {
	const out: Message = {};
	for (const field of goStruct(name).fields) {
		if (field.number === 0) continue;
		if (field.name === "") out[inlineName(field)] = object;
		else {
			const value = object[field.name];
			if (value === undefined || value === null) continue;
			out[field.name] = hasBytes(field.goType) ? mapBytes(field.goType, value, fromBase64) : value;
		}
	}
	return out;
}

export const isProtobuf = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

function unwrap(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
	if (!isProtobuf(bytes)) throw badRequest("the body is not in the Kubernetes protobuf encoding: it does not start with the k8s marker");
	const unknown = decodeMessage(UNKNOWN, bytes.subarray(MAGIC.length));
	const meta = (unknown.typeMeta ?? {}) as { apiVersion?: string; kind?: string };
	if (unknown.contentEncoding || unknown.contentType)
		throw new MessageError(`the object is wrapped as ${String(unknown.contentType || unknown.contentEncoding)}`);
	return { apiVersion: meta.apiVersion ?? "", kind: meta.kind ?? "", raw: (unknown.raw as Uint8Array | undefined) ?? new Uint8Array(0) };
}

function typeNameFor(apiVersion: string, kind: string): string {
	const slash = apiVersion.lastIndexOf("/");
	const name = builtinTypeName(slash < 0 ? "" : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
	if (name === undefined) throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in the protobuf encoding`);
	return name;
}

/**
 * The object that an enveloped message holds, as its JSON form (without defaults). `typeName` says what is expected
 * where the envelope does not (a WatchEvent). Throws 400 BadRequest on anything that is no such message.
 */
export function decodeProtobuf(schema: Schema, bytes: Uint8Array, typeName?: string): { apiVersion: string; kind: string; object: JsonObject } {
	try {
		const { apiVersion, kind, raw } = unwrap(bytes);
		const type = kind === "" && typeName !== undefined ? typeName : typeNameFor(apiVersion, kind);
		const body = fromMessage(type, decodeMessage(messageOf(goStruct(type).name), raw));
		const { object } = decodeObject(schema, type, kind === "" ? body : { kind, apiVersion, ...body }, { defaults: false });
		return { apiVersion, kind, object };
	} catch (error) {
		if (error instanceof MessageError || error instanceof UnmarshalError) throw badRequest(error.message);
		throw error;
	}
}

/** The enveloped message of an object, which must be as decodeObject leaves it. The envelope takes apiVersion and kind from it. */
export function encodeProtobuf(_schema: Schema, typeName: string, object: JsonObject): Uint8Array {
	const name = goStruct(typeName).name;
	const hasTypeMeta = goStruct(name).fields.some((field) => field.goType === "meta/v1.TypeMeta");
	const raw = encodeMessage(messageOf(name), toMessage(name, object));
	const typeMeta = hasTypeMeta ? { apiVersion: object.apiVersion, kind: object.kind ?? kindOfTypeName(typeName).kind } : {};
	const body = encodeMessage(UNKNOWN, { typeMeta, raw });
	const out = new Uint8Array(MAGIC.length + body.length);
	out.set(MAGIC);
	out.set(body, MAGIC.length);
	return out;
}
