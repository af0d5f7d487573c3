/** Reads tar archives as a stream: ustar, pax (x, g) and GNU long names (L, K). */

const BLOCK_BYTES = 512;
/** A header that claims a longer extended record than this is refused, in bytes. */
const EXTENDED_BYTES_MAX = 1 << 20;

export interface TarEntry {
	path: string;
	type: "file" | "directory" | "symlink" | "hardlink" | "other";
	mode: number;
	size: number;
	linkPath: string;
	/** Must be read to its end, or left alone: then the reader skips it. */
	body: AsyncIterable<Uint8Array>;
}

/** Hands out exact numbers of bytes of a stream of chunks. */
class ByteReader {
	#source: AsyncIterator<Uint8Array>;
	#chunk: Uint8Array = Buffer.alloc(0);

	constructor(source: AsyncIterable<Uint8Array>) {
		this.#source = source[Symbol.asyncIterator]();
	}

	/** Up to `limit` bytes, at least one; undefined at the end. */
	async some(limit: number): Promise<Uint8Array | undefined> {
		while (this.#chunk.length === 0) {
			const next = await this.#source.next();
			if (next.done === true) return undefined;
			this.#chunk = next.value;
		}
		const part = this.#chunk.subarray(0, limit);
		this.#chunk = this.#chunk.subarray(part.length);
		return part;
	}

	async exactly(length: number): Promise<Buffer | undefined> {
		const parts: Uint8Array[] = [];
		let missing = length;
		while (missing > 0) {
			const part = await this.some(missing);
			if (part === undefined) {
				if (missing === length) return undefined;
				throw new Error("the tar archive ends in the middle of an entry");
			}
			parts.push(part);
			missing -= part.length;
		}
		return Buffer.concat(parts);
	}
}

function text(block: Buffer, start: number, length: number): string {
	const field = block.subarray(start, start + length);
	const end = field.indexOf(0);
	return field.toString("utf8", 0, end < 0 ? length : end);
}

/** Octal, or GNU's base 256 when the first bit is set. */
function number(block: Buffer, start: number, length: number): number {
	if ((block[start] ?? 0) & 0x80) return Number(block.readBigUInt64BE(start + length - 8));
	const value = Number.parseInt(text(block, start, length).trim() || "0", 8);
	if (!Number.isSafeInteger(value)) throw new Error("the tar archive has a damaged header");
	return value;
}

function checkSum(block: Buffer): void {
	let sum = 8 * 32;
	for (let i = 0; i < BLOCK_BYTES; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
	if (sum !== number(block, 148, 8)) throw new Error("this is not a tar archive, or it is damaged");
}

function paxRecords(data: Buffer): Map<string, string> {
	const records = new Map<string, string>();
	let at = 0;
	while (at < data.length) {
		const space = data.indexOf(32, at);
		const length = Number(data.toString("latin1", at, space));
		if (space < 0 || !Number.isInteger(length) || length <= 0) break;
		const record = data.toString("utf8", space + 1, at + length - 1);
		const equals = record.indexOf("=");
		records.set(record.slice(0, equals), record.slice(equals + 1));
		at += length;
	}
	return records;
}

const TYPES: Record<string, TarEntry["type"]> = { "0": "file", "\0": "file", "7": "file", "5": "directory", "2": "symlink", "1": "hardlink" };

async function* bodyOf(reader: ByteReader, state: { left: number }): AsyncGenerator<Uint8Array> {
	while (state.left > 0) {
		const part = await reader.some(state.left);
		if (part === undefined) throw new Error("the tar archive ends in the middle of a file");
		state.left -= part.length;
		yield part;
	}
}

async function extendedOf(reader: ByteReader, size: number): Promise<Buffer> {
	if (size > EXTENDED_BYTES_MAX) throw new Error("the tar archive has an oversized header");
	const data = await reader.exactly(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES);
	return (data ?? Buffer.alloc(0)).subarray(0, size);
}

function entryOf(block: Buffer, extended: Map<string, string>, state: { left: number }, body: AsyncIterable<Uint8Array>): TarEntry {
	const prefix = text(block, 257, 5) === "ustar" ? text(block, 345, 155) : "";
	const name = text(block, 0, 100);
	const path = extended.get("path") ?? (prefix === "" ? name : `${prefix}/${name}`);
	const type = TYPES[String.fromCharCode(block[156] ?? 0)] ?? "other";
	return {
		path: path.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, ""),
		type: type === "file" && path.endsWith("/") ? "directory" : type,
		mode: number(block, 100, 8) & 0o7777,
		size: state.left,
		linkPath: extended.get("linkpath") ?? text(block, 157, 100),
		body,
	};
}

export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
	const reader = new ByteReader(source);
	let extended = new Map<string, string>();
	for (;;) {
		const block = await reader.exactly(BLOCK_BYTES);
		if (block === undefined || block.every((byte) => byte === 0)) return;
		checkSum(block);
		const type = String.fromCharCode(block[156] ?? 0);
		const size = number(block, 124, 12);
		if (type === "x" || type === "g") {
			const records = paxRecords(await extendedOf(reader, size));
			if (type === "x") extended = new Map([...extended, ...records]);
			continue;
		}
		if (type === "L" || type === "K") {
			extended.set(type === "L" ? "path" : "linkpath", (await extendedOf(reader, size)).toString("utf8").replace(/\0.*$/s, ""));
			continue;
		}
		const bytes = Number(extended.get("size") ?? size);
		const state = { left: type === "5" || type === "2" || type === "1" ? 0 : bytes };
		const padding = (BLOCK_BYTES - (state.left % BLOCK_BYTES)) % BLOCK_BYTES;
		const body = bodyOf(reader, state);
		yield entryOf(block, extended, state, body);
		extended = new Map();
		while (state.left > 0) state.left -= (await reader.some(state.left))?.length ?? state.left;
		await reader.exactly(padding);
	}
}
