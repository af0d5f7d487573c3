/** DNS messages (RFC 1035, RFC 6891), as far as the cluster's zone needs them. What is forwarded passes as bytes. */

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const CLASS_IN = 1;
const HEADER_BYTES = 12;
const POINTER = 0xc0;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** Compression pointers followed in one name: more are a loop. */
const POINTERS_MAX = 64;
/** What a client takes over UDP when it says nothing else. */
export const PLAIN_UDP_BYTES = 512;
/** What is sent over UDP at most: larger answers would be cut into fragments. */
export const UDP_BYTES_MAX = 1232;

export interface Question {
	/** Without the final dot, as it was written. */
	name: string;
	type: number;
	class: number;
}

export interface Query {
	id: number;
	opcode: number;
	recursionDesired: boolean;
	question: Question;
	/** Bytes that the client takes over UDP; undefined without EDNS. */
	ednsBytes: number | undefined;
}

export type RecordData =
	| { type: typeof TYPE.A; address: string }
	| { type: typeof TYPE.AAAA; address: string }
	| { type: typeof TYPE.CNAME | typeof TYPE.PTR | typeof TYPE.NS; target: string }
	| { type: typeof TYPE.SRV; priority: number; weight: number; port: number; target: string }
	| { type: typeof TYPE.TXT; text: string }
	| { type: typeof TYPE.SOA; primary: string; mailbox: string; serial: number; refresh: number; retry: number; expire: number; minimum: number };

export interface ResourceRecord {
	name: string;
	/** Seconds. */
	ttl: number;
	data: RecordData;
}

export interface Reply {
	rcode: number;
	authoritative: boolean;
	answers: ResourceRecord[];
	authorities: ResourceRecord[];
	additionals: ResourceRecord[];
}

/** A name at an offset, and where it ends. Undefined when it is malformed. */
export function readName(bytes: Buffer, start: number): { name: string; end: number } | undefined {
	const labels: string[] = [];
	let [at, end, jumps, length] = [start, -1, 0, 0];
	for (;;) {
		const size = bytes[at];
		if (size === undefined) return undefined;
		if ((size & POINTER) === POINTER) {
			const next = bytes[at + 1];
			if (next === undefined || ++jumps > POINTERS_MAX) return undefined;
			if (end < 0) end = at + 2;
			at = ((size & ~POINTER) << 8) | next;
			continue;
		}
		if (size > LABEL_BYTES_MAX) return undefined;
		at++;
		if (size === 0) break;
		length += size + 1;
		if (length > NAME_BYTES_MAX || at + size > bytes.length) return undefined;
		labels.push(bytes.toString("latin1", at, at + size));
		at += size;
	}
	return { name: labels.join("."), end: end < 0 ? at : end };
}

/** The only question of a query; undefined for anything else. */
export function readQuery(bytes: Buffer): Query | undefined {
	if (bytes.length < HEADER_BYTES) return undefined;
	const flags = bytes.readUInt16BE(2);
	const isAnswer = (flags & 0x8000) !== 0;
	if (isAnswer || bytes.readUInt16BE(4) !== 1) return undefined;
	const read = readName(bytes, HEADER_BYTES);
	if (!read || read.end + 4 > bytes.length) return undefined;
	const question = { name: read.name, type: bytes.readUInt16BE(read.end), class: bytes.readUInt16BE(read.end + 2) };
	return {
		id: bytes.readUInt16BE(0),
		opcode: (flags >> 11) & 0xf,
		recursionDesired: (flags & 0x0100) !== 0,
		question,
		ednsBytes: ednsOf(bytes, read.end + 4),
	};
}

function ednsOf(bytes: Buffer, start: number): number | undefined {
	let at = start;
	const others = bytes.readUInt16BE(6) + bytes.readUInt16BE(8);
	for (let index = 0; index < others + bytes.readUInt16BE(10); index++) {
		const record = readRecord(bytes, at);
		if (!record) return undefined;
		if (record.type === TYPE.OPT) return record.class;
		at = record.end;
	}
	return undefined;
}

export interface RawRecord {
	type: number;
	class: number;
	ttl: number;
	/** Where its time to live stands in the message. */
	ttlAt: number;
	end: number;
}

export function readRecord(bytes: Buffer, start: number): RawRecord | undefined {
	const name = readName(bytes, start);
	if (!name || name.end + 10 > bytes.length) return undefined;
	const end = name.end + 10 + bytes.readUInt16BE(name.end + 8);
	if (end > bytes.length) return undefined;
	const ttlAt = name.end + 4;
	return { type: bytes.readUInt16BE(name.end), class: bytes.readUInt16BE(name.end + 2), ttl: bytes.readUInt32BE(ttlAt), ttlAt, end };
}

/** All records of an answer but OPT; undefined when it is malformed. */
export function readRecords(bytes: Buffer): RawRecord[] | undefined {
	if (bytes.length < HEADER_BYTES) return undefined;
	let at = HEADER_BYTES;
	for (let left = bytes.readUInt16BE(4); left > 0; left--) {
		const name = readName(bytes, at);
		if (!name) return undefined;
		at = name.end + 4;
	}
	const records: RawRecord[] = [];
	for (let left = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10); left > 0; left--) {
		const record = readRecord(bytes, at);
		if (!record) return undefined;
		if (record.type !== TYPE.OPT) records.push(record);
		at = record.end;
	}
	return records;
}

export const rcodeOf = (bytes: Buffer): number => bytes.readUInt16BE(2) & 0xf;
export const isTruncated = (bytes: Buffer): boolean => (bytes.readUInt16BE(2) & 0x0200) !== 0;

/** Writes names that were written before as pointers to them. */
class Writer {
	readonly #parts: Buffer[] = [];
	readonly #names = new Map<string, number>();
	length = 0;

	bytes(part: Buffer): void {
		this.#parts.push(part);
		this.length += part.length;
	}

	uint16(...values: number[]): void {
		const part = Buffer.alloc(2 * values.length);
		for (const [index, value] of values.entries()) part.writeUInt16BE(value, 2 * index);
		this.bytes(part);
	}

	uint32(...values: number[]): void {
		const part = Buffer.alloc(4 * values.length);
		for (const [index, value] of values.entries()) part.writeUInt32BE(value, 4 * index);
		this.bytes(part);
	}

	/** `whole`: not as a pointer, which some records may not hold (RFC 2782). */
	name(name: string, whole = false): void {
		let rest = name;
		while (rest !== "") {
			const known = whole ? undefined : this.#names.get(rest.toLowerCase());
			if (known !== undefined) return this.uint16((POINTER << 8) | known);
			if (this.length < 0x4000) this.#names.set(rest.toLowerCase(), this.length);
			const [label = ""] = rest.split(".", 1);
			this.bytes(Buffer.concat([Buffer.from([label.length]), Buffer.from(label, "latin1")]));
			rest = rest.slice(label.length + 1);
		}
		this.bytes(Buffer.from([0]));
	}

	record({ name, ttl, data }: ResourceRecord): void {
		this.name(name);
		this.uint16(data.type, CLASS_IN);
		this.uint32(ttl);
		const inner = new Writer();
		// Names within the data count from the message's beginning.
		inner.length = this.length + 2;
		for (const [known, at] of this.#names) inner.#names.set(known, at);
		writeData(inner, data);
		const body = Buffer.concat(inner.#parts);
		this.uint16(body.length);
		this.bytes(body);
	}

	finish(): Buffer {
		return Buffer.concat(this.#parts);
	}
}

function writeData(writer: Writer, data: RecordData): void {
	switch (data.type) {
		case TYPE.A:
			return writer.bytes(Buffer.from(data.address.split(".").map(Number)));
		case TYPE.AAAA:
			return writer.bytes(ipv6Bytes(data.address));
		case TYPE.SRV:
			writer.uint16(data.priority, data.weight, data.port);
			return writer.name(data.target, true);
		case TYPE.TXT:
			return writer.bytes(Buffer.concat([Buffer.from([Buffer.byteLength(data.text)]), Buffer.from(data.text)]));
		case TYPE.SOA:
			writer.name(data.primary);
			writer.name(data.mailbox);
			return writer.uint32(data.serial, data.refresh, data.retry, data.expire, data.minimum);
		default:
			return writer.name(data.target);
	}
}

function ipv6Bytes(address: string): Buffer {
	const [head = "", tail] = address.split("::") as [string, string | undefined];
	const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
	const [left, right] = [groups(head), groups(tail ?? "")];
	const middle = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => 0);
	const bytes = Buffer.alloc(16);
	for (const [index, group] of [...left, ...middle, ...right].slice(0, 8).entries()) bytes.writeUInt16BE(group & 0xffff, 2 * index);
	return bytes;
}

/** The answer to a query, cut to `limit` bytes: a client that sees the mark asks again over TCP. */
export function writeReply(query: Query, reply: Reply, limit: number): Buffer {
	const whole = encode(query, reply, false);
	return whole.length <= limit ? whole : encode(query, { ...reply, answers: [], authorities: [], additionals: [] }, true);
}

function encode({ id, opcode, recursionDesired, question, ednsBytes }: Query, reply: Reply, truncated: boolean): Buffer {
	const writer = new Writer();
	const flags =
		0x8000 | (opcode << 11) | (reply.authoritative ? 0x0400 : 0) | (truncated ? 0x0200 : 0) | (recursionDesired ? 0x0100 : 0) | 0x0080 | reply.rcode;
	const edns = ednsBytes === undefined ? 0 : 1;
	writer.uint16(id, flags, 1, reply.answers.length, reply.authorities.length, reply.additionals.length + edns);
	writer.name(question.name);
	writer.uint16(question.type, question.class);
	for (const record of [...reply.answers, ...reply.authorities, ...reply.additionals]) writer.record(record);
	if (edns === 1) {
		writer.bytes(Buffer.from([0]));
		writer.uint16(TYPE.OPT, UDP_BYTES_MAX);
		writer.uint32(0);
		writer.uint16(0);
	}
	return writer.finish();
}

/** A query for a server: ours, for what the cluster's zone points out of itself. */
export function writeQuery(id: number, name: string, type: number): Buffer {
	const writer = new Writer();
	writer.uint16(id, 0x0100, 1, 0, 0, 1);
	writer.name(name);
	writer.uint16(type, CLASS_IN);
	writer.bytes(Buffer.from([0]));
	writer.uint16(TYPE.OPT, UDP_BYTES_MAX);
	writer.uint32(0);
	writer.uint16(0);
	return writer.finish();
}

/** The addresses and aliases among an answer's records: what an alias of the zone is completed with. */
export function readAnswers(bytes: Buffer): ResourceRecord[] {
	const found: ResourceRecord[] = [];
	let at = (readName(bytes, HEADER_BYTES)?.end ?? bytes.length) + 4;
	for (let left = bytes.readUInt16BE(6); left > 0; left--) {
		const [name, record] = [readName(bytes, at), readRecord(bytes, at)];
		if (!name || !record) break;
		const data = dataOf(bytes, record, name.end + 10);
		if (data) found.push({ name: name.name, ttl: record.ttl, data });
		at = record.end;
	}
	return found;
}

function dataOf(bytes: Buffer, { type, end }: RawRecord, start: number): RecordData | undefined {
	if (type === TYPE.A && end - start === 4) return { type, address: [...bytes.subarray(start, end)].join(".") };
	if (type === TYPE.AAAA && end - start === 16) {
		const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(start + 2 * index).toString(16));
		return { type, address: groups.join(":") };
	}
	const target = type === TYPE.CNAME ? readName(bytes, start)?.name : undefined;
	return target === undefined ? undefined : { type: TYPE.CNAME, target };
}
