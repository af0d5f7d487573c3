/** Writes messages. */
import {
	entryType,
	type MapType,
	MAX_MESSAGE_BYTES,
	MAX_MESSAGE_DEPTH,
	type Message,
	MessageError,
	type MessageField,
	type MessageType,
	type NestedType,
	type ScalarKind,
	tableOf,
	WIRE_BYTES,
	WIRE_OF_SCALAR,
	zeroOf,
} from "./message-type.ts";

const INITIAL_BUFFER_BYTES = 1024;

const utf8Encoder = new TextEncoder();

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
			writer.text(value);
			break;
		case "bytes":
			if (!(value instanceof Uint8Array)) throw new MessageError("bytes must be a Uint8Array");
			writer.raw(value);
			break;
		case "bool":
			if (typeof value !== "boolean" && value !== 0) throw new MessageError("a boolean is expected");
			writer.varint(value ? 1 : 0);
			break;
		case "sint32":
		case "sint64":
			writer.varintBig(zigZag(BigInt(wholeNumber(value, kind))));
			break;
		case "double":
			writer.fixed(8, (view, at) => view.setFloat64(at, realNumber(value, kind), true));
			break;
		case "float":
			writer.fixed(4, (view, at) => view.setFloat32(at, realNumber(value, kind), true));
			break;
		case "fixed32":
			writer.fixed(4, (view, at) => view.setUint32(at, Number(wholeNumber(value, kind)), true));
			break;
		case "fixed64":
			writer.fixed(8, (view, at) => view.setBigUint64(at, BigInt(wholeNumber(value, kind)), true));
			break;
		default:
			writer.integer(wholeNumber(value, kind));
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
	for (const key of Object.keys(map)
		.sort(numeric ? undefined : byCodePoint)
		.reverse()) {
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
	if (typeof type !== "string" && "map" in type) {
		writeMap(writer, field, type, value, depth);
		return;
	}
	const values = field.repeated ? (value as readonly unknown[]) : [value];
	if (!Array.isArray(values)) throw new MessageError("a list is expected");
	if (field.packed && field.repeated && typeof type === "string") {
		writePacked(writer, field, type, values);
		return;
	}
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
