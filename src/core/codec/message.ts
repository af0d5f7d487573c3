/**
 * Protocol Buffers by table: a `MessageType` says what the fields are, `encodeMessage` and `decodeMessage` do the rest.
 * Serves the Kubernetes protobuf encoding and the agent's CRI client. The input may come from anyone: each length is
 * checked against its bounds, each field against its wire type, nesting and size against a limit.
 */

export type ScalarKind = "string" | "bytes" | "bool" | "int32" | "int64" | "uint32" | "uint64" | "sint32" | "sint64" | "double" | "float" | "fixed32" | "fixed64" | "enum";

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
const MAX_VARINT_BYTES = 10;
const INITIAL_BUFFER_BYTES = 1024;

/** The bytes are not a message of the type, or the value does not fit it. */
export class MessageError extends Error {
	override readonly name = "MessageError";
}

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_GROUP_START = 3;
const WIRE_GROUP_END = 4;
const WIRE_FIXED32 = 5;

const WIRE_OF_SCALAR: Record<ScalarKind, number> = {
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

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

interface TypeTable {
	byNumber: Map<number, MessageField>;
	/** Highest number first: the writer works from the end. */
	descending: readonly MessageField[];
}

const tables = new WeakMap<MessageType, TypeTable>();

function tableOf(type: MessageType): TypeTable {
	let table = tables.get(type);
	if (!table) {
		const byNumber = new Map(type.fields.map((field) => [field.number, field]));
		if (byNumber.size !== type.fields.length) throw new MessageError(`${type.name} gives a field number twice`);
		table = { byNumber, descending: [...type.fields].sort((a, b) => b.number - a.number) };
		tables.set(type, table);
	}
	return table;
}

/** Assigns an own property whatever the key, `__proto__` too. */
function setOwn(target: Message, key: string, value: unknown): void {
	if (key === "__proto__") Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
	else target[key] = value;
}

const asNumberIfExact = (value: bigint): number | bigint =>
	value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;

/** A cursor over the bytes of one message or of a part of it. */
class Reader {
	readonly bytes: Uint8Array;
	readonly view: DataView;
	offset: number;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
		this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.offset = 0;
	}

	/** A varint as an unsigned 32-bit number; higher bits are read and dropped, as protobuf asks for. */
	varint32(end: number): number {
		let result = 0;
		for (let i = 0; i < MAX_VARINT_BYTES; i++) {
			if (this.offset >= end) throw new MessageError("unexpected end of message in a varint");
			const byte = this.bytes[this.offset++] as number;
			if (i < 5) result |= (byte & 0x7f) << (7 * i);
			if (byte < 0x80) return result >>> 0;
		}
		throw new MessageError("a varint is longer than 10 bytes");
	}

	/** A varint as a length: one that 32 bits cannot hold is an error rather than cut short. */
	length(end: number): number {
		const value = this.varint64(end);
		if (value > BigInt(end - this.offset)) throw new MessageError("unexpected end of message: a length points past it");
		return Number(value);
	}

	varint64(end: number): bigint {
		const first = this.bytes[this.offset];
		if (this.offset < end && first !== undefined && first < 0x80) {
			this.offset++;
			return BigInt(first);
		}
		let low = 0;
		let high = 0;
		for (let i = 0; i < MAX_VARINT_BYTES; i++) {
			if (this.offset >= end) throw new MessageError("unexpected end of message in a varint");
			const byte = this.bytes[this.offset++] as number;
			const bits = byte & 0x7f;
			if (i < 4) low |= bits << (7 * i);
			else if (i === 4) {
				low |= bits << 28;
				high |= bits >> 4;
			} else if (i < 9) high |= bits << (7 * i - 32);
			else high |= (bits & 1) << 31;
			if (byte < 0x80) return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
		}
		throw new MessageError("a varint is longer than 10 bytes");
	}

	take(count: number, end: number): number {
		const start = this.offset;
		if (count > end - start) throw new MessageError("unexpected end of message");
		this.offset = start + count;
		return start;
	}

	text(start: number, end: number): string {
		if (end - start < 32) {
			let result = "";
			let at = start;
			for (; at < end; at++) {
				const byte = this.bytes[at] as number;
				if (byte >= 0x80) break;
				result += String.fromCharCode(byte);
			}
			if (at === end) return result;
		}
		return utf8Decoder.decode(this.bytes.subarray(start, end));
	}
}

function readScalar(reader: Reader, kind: ScalarKind, end: number): unknown {
	switch (kind) {
		case "string": {
			const length = reader.length(end);
			const start = reader.take(length, end);
			return reader.text(start, start + length);
		}
		case "bytes": {
			const length = reader.length(end);
			const start = reader.take(length, end);
			return reader.bytes.slice(start, start + length);
		}
		case "bool":
			return reader.varint64(end) !== 0n;
		case "int32":
		case "enum":
			return reader.varint32(end) | 0;
		case "uint32":
			return reader.varint32(end);
		case "sint32": {
			const raw = reader.varint32(end);
			return (raw >>> 1) ^ -(raw & 1);
		}
		case "int64":
			return asNumberIfExact(BigInt.asIntN(64, reader.varint64(end)));
		case "uint64":
			return asNumberIfExact(reader.varint64(end));
		case "sint64": {
			const raw = reader.varint64(end);
			return asNumberIfExact((raw >> 1n) ^ -(raw & 1n));
		}
		case "double":
			return reader.view.getFloat64(reader.take(8, end), true);
		case "float":
			return reader.view.getFloat32(reader.take(4, end), true);
		case "fixed32":
			return reader.view.getUint32(reader.take(4, end), true);
		case "fixed64":
			return asNumberIfExact(reader.view.getBigUint64(reader.take(8, end), true));
	}
}

function skipField(reader: Reader, wire: number, end: number, depth: number): void {
	if (wire === WIRE_VARINT) reader.varint64(end);
	else if (wire === WIRE_FIXED64) reader.take(8, end);
	else if (wire === WIRE_FIXED32) reader.take(4, end);
	else if (wire === WIRE_BYTES) reader.take(reader.length(end), end);
	else if (wire === WIRE_GROUP_START) {
		if (depth >= MAX_MESSAGE_DEPTH) throw new MessageError(`messages are nested deeper than ${MAX_MESSAGE_DEPTH}`);
		for (;;) {
			const inner = reader.varint32(end) & 7;
			if (inner === WIRE_GROUP_END) return;
			skipField(reader, inner, end, depth + 1);
		}
	} else throw new MessageError(`illegal wire type ${wire}`);
}

function readNested(reader: Reader, type: NestedType, end: number, depth: number): unknown {
	const length = reader.length(end);
	const value = readMessage(reader, type.message(), reader.offset + length, depth + 1, {});
	return type.fromWire ? type.fromWire(value) : value;
}

const entryTables = new WeakMap<MapType, MessageType>();

function entryType(type: MapType): MessageType {
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

function zeroOf(type: ScalarKind | NestedType): unknown {
	if (typeof type !== "string") return type.fromWire ? type.fromWire({}) : {};
	if (type === "string") return "";
	if (type === "bytes") return new Uint8Array(0);
	return type === "bool" ? false : 0;
}

function readEntry(reader: Reader, field: MessageField, type: MapType, target: Message, end: number, depth: number): void {
	const length = reader.length(end);
	const entry = readMessage(reader, entryType(type), reader.offset + length, depth + 1, {});
	const known = target[field.name];
	const map = Object.hasOwn(target, field.name) ? (known as Message) : {};
	setOwn(map, String(entry.key ?? zeroOf(type.map.key)), entry.value ?? zeroOf(type.map.value));
	target[field.name] = map;
}

function listIn(target: Message, name: string): unknown[] {
	if (!Object.hasOwn(target, name)) target[name] = [];
	return target[name] as unknown[];
}

function readField(reader: Reader, field: MessageField, wire: number, target: Message, end: number, depth: number): void {
	const { type } = field;
	const expected = typeof type === "string" ? WIRE_OF_SCALAR[type] : WIRE_BYTES;
	if (wire !== expected) {
		if (typeof type === "string" && field.repeated && wire === WIRE_BYTES) {
			const length = reader.length(end);
			const packedEnd = reader.offset + length;
			const list = listIn(target, field.name);
			while (reader.offset < packedEnd) list.push(readScalar(reader, type, packedEnd));
			return;
		}
		throw new MessageError(`wrong wire type ${wire} for field ${field.name}`);
	}
	if (typeof type !== "string" && "map" in type) return readEntry(reader, field, type, target, end, depth);
	const value = typeof type === "string" ? readScalar(reader, type, end) : readNested(reader, type, end, depth);
	if (field.repeated) listIn(target, field.name).push(value);
	else target[field.name] = value;
}

function readMessage(reader: Reader, type: MessageType, end: number, depth: number, target: Message): Message {
	if (depth > MAX_MESSAGE_DEPTH) throw new MessageError(`messages are nested deeper than ${MAX_MESSAGE_DEPTH}`);
	const { byNumber } = tableOf(type);
	while (reader.offset < end) {
		const tag = reader.varint32(end);
		const number = tag >>> 3;
		if (number === 0) throw new MessageError(`${type.name}: illegal tag 0`);
		const field = byNumber.get(number);
		if (field) readField(reader, field, tag & 7, target, end, depth);
		else skipField(reader, tag & 7, end, depth);
	}
	return target;
}

/** Reads one message. Fields that the type does not know are passed over. Throws MessageError. */
export function decodeMessage(type: MessageType, bytes: Uint8Array): Message {
	if (bytes.length > MAX_MESSAGE_BYTES) throw new MessageError(`${type.name} is larger than ${MAX_MESSAGE_BYTES} bytes`);
	try {
		return readMessage(new Reader(bytes), type, bytes.length, 0, {});
	} catch (error) {
		if (error instanceof MessageError) throw new MessageError(`proto: ${type.name}: ${error.message}`, { cause: error });
		throw error;
	}
}

/** Writes from the end to the start, so that each length is known when it is due. */
class Writer {
	bytes: Uint8Array = new Uint8Array(INITIAL_BUFFER_BYTES);
	view: DataView = new DataView(this.bytes.buffer);
	start: number = INITIAL_BUFFER_BYTES;

	get length(): number {
		return this.bytes.length - this.start;
	}

	/** Makes room and returns where the `count` bytes go. */
	reserve(count: number): number {
		if (count > this.start) {
			const needed = this.length + count;
			if (needed > MAX_MESSAGE_BYTES) throw new MessageError(`the message is larger than ${MAX_MESSAGE_BYTES} bytes`);
			const grown = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
			grown.set(this.bytes.subarray(this.start), grown.length - this.length);
			this.start = grown.length - this.length;
			this.bytes = grown;
			this.view = new DataView(grown.buffer);
		}
		this.start -= count;
		return this.start;
	}

	varint(value: number): void {
		let count = 1;
		for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
		let at = this.reserve(count);
		let rest = value;
		for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.bytes[at++] = (rest % 0x80) | 0x80;
		this.bytes[at] = rest;
	}

	varintBig(value: bigint): void {
		const unsigned = BigInt.asUintN(64, value);
		let count = 1;
		for (let rest = unsigned >> 7n; rest > 0n; rest >>= 7n) count++;
		let at = this.reserve(count);
		let rest = unsigned;
		for (; rest >= 0x80n; rest >>= 7n) this.bytes[at++] = Number(rest & 0x7fn) | 0x80;
		this.bytes[at] = Number(rest);
	}

	integer(value: number | bigint): void {
		if (typeof value === "number" && value >= 0) this.varint(value);
		else this.varintBig(BigInt(value));
	}

	raw(bytes: Uint8Array): void {
		const at = this.reserve(bytes.length);
		this.bytes.set(bytes, at);
		this.varint(bytes.length);
	}

	/** The buffer may be replaced when room is made: `write` gets the new one. */
	fixed(count: number, write: (view: DataView, at: number) => void): void {
		const at = this.reserve(count);
		write(this.view, at);
	}

	text(value: string): void {
		this.raw(utf8Encoder.encode(value));
	}
}

function wholeNumber(value: unknown, kind: ScalarKind): number | bigint {
	if (typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))) return value;
	throw new MessageError(`a ${kind} must be a whole number`);
}

function realNumber(value: unknown, kind: ScalarKind): number {
	if (typeof value === "number") return value;
	throw new MessageError(`a ${kind} must be a number`);
}

const zigZag = (value: bigint): bigint => (value << 1n) ^ (value >> 63n);

function writeScalar(writer: Writer, kind: ScalarKind, value: unknown): void {
	switch (kind) {
		case "string":
			if (typeof value !== "string") throw new MessageError("a string is expected");
			return writer.text(value);
		case "bytes":
			if (!(value instanceof Uint8Array)) throw new MessageError("bytes must be a Uint8Array");
			return writer.raw(value);
		case "bool":
			if (typeof value !== "boolean" && value !== 0) throw new MessageError("a boolean is expected");
			return writer.varint(value ? 1 : 0);
		case "sint32":
		case "sint64":
			return writer.varintBig(zigZag(BigInt(wholeNumber(value, kind))));
		case "double":
			return writer.fixed(8, (view, at) => view.setFloat64(at, realNumber(value, kind), true));
		case "float":
			return writer.fixed(4, (view, at) => view.setFloat32(at, realNumber(value, kind), true));
		case "fixed32":
			return writer.fixed(4, (view, at) => view.setUint32(at, Number(wholeNumber(value, kind)), true));
		case "fixed64":
			return writer.fixed(8, (view, at) => view.setBigUint64(at, BigInt(wholeNumber(value, kind)), true));
		default:
			return writer.integer(wholeNumber(value, kind));
	}
}

function writeNested(writer: Writer, type: NestedType, value: unknown, depth: number): void {
	const end = writer.length;
	writeMessage(writer, type.message(), type.toWire ? type.toWire(value) : (value as Message), depth + 1);
	writer.varint(writer.length - end);
}

function writeMap(writer: Writer, field: MessageField, type: MapType, value: unknown, depth: number): void {
	const entry: NestedType = { message: () => entryType(type) };
	const map = value as Message;
	const numeric = type.map.key !== "string" && type.map.key !== "bool";
	for (const key of Object.keys(map).sort(numeric ? undefined : byCodePoint).reverse()) {
		const typedKey = type.map.key === "string" ? key : type.map.key === "bool" ? key === "true" : BigInt(key);
		writeNested(writer, entry, { key: typedKey, value: map[key] }, depth);
		writer.varint(field.number * 8 + WIRE_BYTES);
	}
}

/** UTF-8's order, which Go sorts by; it differs from UTF-16's above the basic plane. */
function byCodePoint(a: string, b: string): number {
	const length = Math.min(a.length, b.length);
	for (let i = 0; i < length; i++) {
		const x = a.charCodeAt(i);
		const y = b.charCodeAt(i);
		if (x !== y) return x >= 0xd800 && y >= 0xd800 ? (a.codePointAt(i) as number) - (b.codePointAt(i) as number) : x - y;
	}
	return a.length - b.length;
}

function writePacked(writer: Writer, field: MessageField, kind: ScalarKind, list: readonly unknown[]): void {
	if (list.length === 0) return;
	const end = writer.length;
	for (let i = list.length - 1; i >= 0; i--) writeScalar(writer, kind, list[i]);
	writer.varint(writer.length - end);
	writer.varint(field.number * 8 + WIRE_BYTES);
}

function writeField(writer: Writer, field: MessageField, value: unknown, depth: number): void {
	const { type } = field;
	if (typeof type !== "string" && "map" in type) return writeMap(writer, field, type, value, depth);
	const values = field.repeated ? (value as readonly unknown[]) : [value];
	if (!Array.isArray(values)) throw new MessageError("a list is expected");
	if (field.packed && field.repeated && typeof type === "string") return writePacked(writer, field, type, values);
	const tag = field.number * 8 + (typeof type === "string" ? WIRE_OF_SCALAR[type] : WIRE_BYTES);
	for (let i = values.length - 1; i >= 0; i--) {
		if (typeof type === "string") writeScalar(writer, type, values[i]);
		else writeNested(writer, type, values[i] ?? zeroOf(type), depth);
		writer.varint(tag);
	}
}

function writeMessage(writer: Writer, type: MessageType, value: Message, depth: number): void {
	if (depth > MAX_MESSAGE_DEPTH) throw new MessageError(`messages are nested deeper than ${MAX_MESSAGE_DEPTH}`);
	if (typeof value !== "object" || value === null) throw new MessageError(`${type.name}: an object is expected`);
	for (const field of tableOf(type).descending) {
		let fieldValue = value[field.name];
		if (fieldValue === undefined || fieldValue === null) {
			if (!field.always || field.repeated || (typeof field.type !== "string" && "map" in field.type)) continue;
			fieldValue = zeroOf(field.type);
		}
		try {
			writeField(writer, field, fieldValue, depth);
		} catch (error) {
			throw error instanceof MessageError ? new MessageError(`${field.name}: ${error.message}`, { cause: error }) : error;
		}
	}
}

/** Writes one message: fields by ascending number, map entries by key. Absent and null fields are left out. Throws MessageError. */
export function encodeMessage(type: MessageType, value: Message): Uint8Array {
	const writer = new Writer();
	writeMessage(writer, type, value, 0);
	return writer.bytes.slice(writer.start);
}
