/** Reads messages. Each length is checked against its bounds, each field against its wire type. */
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
	WIRE_FIXED32,
	WIRE_FIXED64,
	WIRE_GROUP_END,
	WIRE_GROUP_START,
	WIRE_OF_SCALAR,
	WIRE_VARINT,
	zeroOf,
} from "./message-type.ts";

const MAX_VARINT_BYTES = 10;

const utf8Decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

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
	if (typeof type !== "string" && "map" in type) {
		readEntry(reader, field, type, target, end, depth);
		return;
	}
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
