/** What a message is: the tables that message-reader.ts and message-writer.ts work from. */

export type ScalarKind =
	| "string"
	| "bytes"
	| "bool"
	| "int32"
	| "int64"
	| "uint32"
	| "uint64"
	| "sint32"
	| "sint64"
	| "double"
	| "float"
	| "fixed32"
	| "fixed64"
	| "enum";

/**
 * A nested message, named lazily so that types may refer to each other. `fromWire` and `toWire` turn the plain message
 * into the value that the caller works with and back (a Timestamp into text, say).
 */
export interface NestedType {
	message: () => MessageType;
	fromWire?(value: Message): unknown;
	toWire?(value: unknown): Message;
}

export interface MapType {
	map: { key: "string" | "int32" | "int64" | "uint32" | "uint64" | "bool"; value: ScalarKind | NestedType };
}

export interface MessageField {
	number: number;
	name: string;
	type: ScalarKind | NestedType | MapType;
	repeated?: boolean;
	/** A repeated scalar is written packed (proto3's default). Both forms are read. */
	packed?: boolean;
	/** Written even when the value is absent, as its zero (gogo's non-nullable fields). */
	always?: boolean;
}

export interface MessageType {
	/** For error messages. */
	name: string;
	fields: readonly MessageField[];
}

/**
 * A message as a plain object by field name. 64-bit integers are numbers where these are exact, else bigints (both are
 * accepted for writing); bytes are Uint8Array; maps are plain objects. A field that the message lacks is absent.
 */
export type Message = Record<string, unknown>;

/** What no honest message exceeds. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
export const MAX_MESSAGE_DEPTH = 128;

/** The bytes are not a message of the type, or the value does not fit it. */
export class MessageError extends Error {
	override readonly name = "MessageError";
}

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_GROUP_START = 3;
export const WIRE_GROUP_END = 4;
export const WIRE_FIXED32 = 5;

export const WIRE_OF_SCALAR: Record<ScalarKind, number> = {
	string: WIRE_BYTES,
	bytes: WIRE_BYTES,
	bool: WIRE_VARINT,
	int32: WIRE_VARINT,
	int64: WIRE_VARINT,
	uint32: WIRE_VARINT,
	uint64: WIRE_VARINT,
	sint32: WIRE_VARINT,
	sint64: WIRE_VARINT,
	enum: WIRE_VARINT,
	double: WIRE_FIXED64,
	fixed64: WIRE_FIXED64,
	float: WIRE_FIXED32,
	fixed32: WIRE_FIXED32,
};

interface TypeTable {
	byNumber: Map<number, MessageField>;
	/** Highest number first: the writer works from the end. */
	descending: readonly MessageField[];
}

const tables = new WeakMap<MessageType, TypeTable>();

export function tableOf(type: MessageType): TypeTable {
	let table = tables.get(type);
	if (!table) {
		const byNumber = new Map(type.fields.map((field) => [field.number, field]));
		if (byNumber.size !== type.fields.length) throw new MessageError(`${type.name} gives a field number twice`);
		table = { byNumber, descending: [...type.fields].sort((a, b) => b.number - a.number) };
		tables.set(type, table);
	}
	return table;
}

const entryTables = new WeakMap<MapType, MessageType>();

export function entryType(type: MapType): MessageType {
	let entry = entryTables.get(type);
	if (!entry) {
		entry = {
			name: "map entry",
			fields: [
				{ number: 1, name: "key", type: type.map.key, always: true },
				{ number: 2, name: "value", type: type.map.value, always: true },
			],
		};
		entryTables.set(type, entry);
	}
	return entry;
}

export function zeroOf(type: ScalarKind | NestedType): unknown {
	if (typeof type !== "string") return type.fromWire ? type.fromWire({}) : {};
	if (type === "string") return "";
	if (type === "bytes") return new Uint8Array(0);
	return type === "bool" ? false : 0;
}
