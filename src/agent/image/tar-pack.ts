/** Writes tar archives (POSIX ustar with pax records for long names), in memory and the same bytes for the same input. */

const BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;

export interface PackEntry {
	/** Without a leading slash. */
	path: string;
	mode: number;
	/** A file's bytes. */
	content?: Uint8Array;
	/** A symbolic link's target. */
	linkPath?: string;
	/** Neither content nor linkPath: a directory. */
}

function octal(value: number, length: number): string {
	return `${value.toString(8).padStart(length - 1, "0")}\0`;
}

function header(name: string, mode: number, size: number, type: string, link: string): Buffer {
	const block = Buffer.alloc(BLOCK_BYTES);
	block.write(name, 0, NAME_BYTES_MAX, "utf8");
	block.write(octal(mode & 0o7777, 8), 100, "latin1");
	block.write(octal(0, 8), 108, "latin1");
	block.write(octal(0, 8), 116, "latin1");
	block.write(octal(size, 12), 124, "latin1");
	block.write(octal(0, 12), 136, "latin1");
	block.write("        ", 148, "latin1");
	block.write(type, 156, "latin1");
	block.write(link, 157, NAME_BYTES_MAX, "utf8");
	block.write("ustar\u000000", 257, "latin1");
	let sum = 0;
	for (const byte of block) sum += byte;
	block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
	return block;
}

function padded(content: Uint8Array): Uint8Array[] {
	const rest = content.length % BLOCK_BYTES;
	return rest === 0 ? [content] : [content, Buffer.alloc(BLOCK_BYTES - rest)];
}

/** One pax record: its length counts itself. */
function paxRecord(key: string, value: string): string {
	const body = ` ${key}=${value}\n`;
	const bytes = Buffer.byteLength(body);
	let length = bytes + String(bytes).length;
	if (bytes + String(length).length !== length) length = bytes + String(length).length;
	return `${length}${body}`;
}

function packEntry(entry: PackEntry): Uint8Array[] {
	const directory = entry.content === undefined && entry.linkPath === undefined;
	const name = directory && !entry.path.endsWith("/") ? `${entry.path}/` : entry.path;
	const link = entry.linkPath ?? "";
	const content = entry.content ?? Buffer.alloc(0);
	const type = directory ? "5" : entry.linkPath === undefined ? "0" : "2";
	let pax = "";
	if (Buffer.byteLength(name) > NAME_BYTES_MAX) pax += paxRecord("path", name);
	if (Buffer.byteLength(link) > NAME_BYTES_MAX) pax += paxRecord("linkpath", link);
	const extended = pax === "" ? [] : [header("pax", 0o644, Buffer.byteLength(pax), "x", ""), ...padded(Buffer.from(pax))];
	return [...extended, header(name, entry.mode, content.length, type, link), ...padded(content)];
}

export function packTar(entries: readonly PackEntry[]): Buffer {
	return Buffer.concat([...entries.flatMap(packEntry), Buffer.alloc(2 * BLOCK_BYTES)]);
}
