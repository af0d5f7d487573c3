/** SPDY/3.1 header blocks: names and values behind 32-bit lengths, deflated with one dictionary for the whole connection. */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from "node:zlib";

/** A block that inflates to more is no honest one. */
export const MAX_HEADER_BYTES = 64 * 1024;

const WORDS = [
	"options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization",
	"cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range",
	"content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified",
	"location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding",
	"upgrade user-agent vary via warning www-authenticate method get status",
]
	.join(" ")
	.split(" ");
const MORE_WORDS = ["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"];
const TAIL =
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505" +
	"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found" +
	"500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 " +
	"Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml," +
	"text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

function lengthPrefixed(text: string): Buffer {
	const bytes = Buffer.from(text);
	const prefix = Buffer.alloc(4);
	prefix.writeUInt32BE(bytes.length);
	return Buffer.concat([prefix, bytes]);
}

/** The dictionary of the SPDY/3 specification, section 2.6.10.1. */
export const SPDY_DICTIONARY = Buffer.concat([...[...WORDS, ...MORE_WORDS].map(lengthPrefixed), Buffer.from(TAIL)]);

export class HeaderDecoder {
	readonly #inflate: Inflate = createInflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH });
	#chunks: Buffer[] = [];
	#size = 0;

	constructor() {
		this.#inflate.on("data", (chunk: Buffer) => {
			this.#size += chunk.length;
			if (this.#size <= MAX_HEADER_BYTES) this.#chunks.push(chunk);
		});
	}

	/** Blocks must be decoded in the order in which they came. Names are lower case. Rejects on a broken block. */
	async decode(block: Buffer): Promise<Map<string, string>> {
		this.#chunks = [];
		this.#size = 0;
		await new Promise<void>((resolve, reject) => {
			this.#inflate.once("error", reject);
			this.#inflate.write(block, () => {
				this.#inflate.off("error", reject);
				resolve();
			});
		});
		if (this.#size > MAX_HEADER_BYTES) throw new Error("a SPDY header block is too large");
		return parseHeaders(Buffer.concat(this.#chunks));
	}

	close(): void {
		this.#inflate.on("error", () => undefined);
		this.#inflate.close();
	}
}

function parseHeaders(bytes: Buffer): Map<string, string> {
	const headers = new Map<string, string>();
	let offset = 4;
	const text = (): string => {
		const length = bytes.readUInt32BE(offset);
		const end = offset + 4 + length;
		if (end > bytes.length) throw new Error("a SPDY header block is cut short");
		const value = bytes.toString("utf8", offset + 4, end);
		offset = end;
		return value;
	};
	const count = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
	for (let i = 0; i < count; i++) {
		const name = text().toLowerCase();
		headers.set(name, text());
	}
	return headers;
}

export class HeaderEncoder {
	readonly #deflate: Deflate = createDeflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH });
	#chunks: Buffer[] = [];

	constructor() {
		this.#deflate.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
	}

	/** Blocks must be sent in the order in which they were encoded. */
	async encode(headers: ReadonlyMap<string, string>): Promise<Buffer> {
		const count = Buffer.alloc(4);
		count.writeUInt32BE(headers.size);
		this.#chunks = [];
		await new Promise<void>((resolve) =>
			this.#deflate.write(Buffer.concat([count, ...[...headers].flatMap((pair) => pair.map(lengthPrefixed))]), () => resolve()),
		);
		return Buffer.concat(this.#chunks);
	}

	close(): void {
		this.#deflate.on("error", () => undefined);
		this.#deflate.close();
	}
}
