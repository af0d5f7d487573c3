/** One HTTP/1.1 request over a connection of its own: what the platform's fetch cannot do over a connection that it has not made. */
import type { Duplex } from "./tls/tls-client.ts";
import { concat } from "./tls/tls-bytes.ts";

/** An answer's head may be this long, in bytes (Go's DefaultMaxHeaderBytes). */
const HEAD_BYTES_MAX = 1024 * 1024;
const CR_LF = "\r\n";
const NOTHING = new Uint8Array() as Uint8Array;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Headers that are the connection's own. */
const HOP_BY_HOP = ["connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "proxy-connection", "content-length"];
const WITHOUT_BODY = [101, 204, 205, 304];

/** What comes over a connection, by bytes and by lines. */
export class Incoming {
	readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
	#buffer = NOTHING;

	constructor(readable: ReadableStream<Uint8Array>) {
		this.#reader = readable.getReader();
	}

	/** What comes next, at most `limit` bytes of it; undefined at the end. */
	async some(limit = Number.POSITIVE_INFINITY): Promise<Uint8Array | undefined> {
		if (this.#buffer.length === 0 && !(await this.#more())) return undefined;
		const taken = this.#buffer.subarray(0, limit);
		this.#buffer = this.#buffer.subarray(taken.length);
		return taken;
	}

	async line(): Promise<string> {
		for (let from = 0; ; ) {
			const end = this.#buffer.indexOf(0x0a, from);
			if (end >= 0) {
				const line = decoder.decode(this.#buffer.subarray(0, end));
				this.#buffer = this.#buffer.subarray(end + 1);
				return line.replace(/\r$/, "");
			}
			from = this.#buffer.length;
			if (from > HEAD_BYTES_MAX) throw new Error("net/http: HTTP/1.x transport connection broken: a header is too long");
			if (!(await this.#more())) throw new Error("EOF");
		}
	}

	cancel(reason?: unknown): Promise<void> {
		return this.#reader.cancel(reason);
	}

	async #more(): Promise<boolean> {
		const { done, value } = await this.#reader.read();
		if (done) return false;
		this.#buffer = this.#buffer.length === 0 ? value : concat(this.#buffer, value);
		return true;
	}
}

async function readHead(incoming: Incoming): Promise<{ status: number; headers: Headers }> {
	for (;;) {
		const first = await incoming.line();
		const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
		if (status === 0) throw new Error(`net/http: HTTP/1.x transport connection broken: malformed HTTP response ${JSON.stringify(first.slice(0, 100))}`);
		const headers = new Headers();
		for (let line = await incoming.line(), length = 0; line !== ""; line = await incoming.line()) {
			length += line.length;
			if (length > HEAD_BYTES_MAX) throw new Error("net/http: server response headers exceeded 1048576 bytes; aborted");
			const colon = line.indexOf(":");
			if (colon > 0) headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
		}
		// 100 Continue and its like come before the answer.
		if (status >= 200 || status === 101) return { status, headers };
	}
}

/** The pieces of a body of this length; one without a length ends with the connection. */
async function* piecesOf(incoming: Incoming, given: string | null): AsyncGenerator<Uint8Array> {
	for (let left = given === null ? Number.POSITIVE_INFINITY : Number(given); left > 0; ) {
		const piece = await incoming.some(left);
		if (piece === undefined) {
			if (given !== null) throw new Error("unexpected EOF");
			return;
		}
		left -= piece.length;
		yield piece;
	}
}

async function* chunksOf(incoming: Incoming): AsyncGenerator<Uint8Array> {
	for (;;) {
		let left = Number.parseInt(await incoming.line(), 16);
		if (Number.isNaN(left)) throw new Error("invalid byte in chunk length");
		if (left === 0) return;
		while (left > 0) {
			const piece = await incoming.some(left);
			if (piece === undefined) throw new Error("unexpected EOF");
			left -= piece.length;
			yield piece;
		}
		await incoming.line();
	}
}

function bodyOf(incoming: Incoming, headers: Headers): ReadableStream<Uint8Array> {
	const isChunked = /\bchunked\b/i.test(headers.get("transfer-encoding") ?? "");
	const pieces = isChunked ? chunksOf(incoming) : piecesOf(incoming, headers.get("content-length"));
	return new ReadableStream<Uint8Array>({
		async pull(controller) {
			const { done, value } = await pieces.next();
			if (!done) return controller.enqueue(value);
			controller.close();
			await incoming.cancel();
		},
		cancel: (reason) => incoming.cancel(reason),
	});
}

/** The body as it is sent: whole where its length is known, else in chunks as it comes. */
interface Sending {
	headers: string[];
	pieces: AsyncIterable<Uint8Array>;
}

async function* chunked(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
	for await (const piece of body as unknown as AsyncIterable<Uint8Array>)
		if (piece.length > 0) yield concat(encoder.encode(`${piece.length.toString(16)}${CR_LF}`), piece, encoder.encode(CR_LF));
	yield encoder.encode(`0${CR_LF}${CR_LF}`);
}

async function sendingOf({ method, headers, body }: OutgoingRequest): Promise<Sending> {
	const nothing = { pieces: (async function* (): AsyncGenerator<Uint8Array> {})() };
	if (body === null) return { ...nothing, headers: method === "POST" || method === "PUT" ? ["content-length: 0"] : [] };
	const length = headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
	if (length !== undefined) return { headers: [`content-length: ${length}`], pieces: body as unknown as AsyncIterable<Uint8Array> };
	return { headers: ["transfer-encoding: chunked"], pieces: chunked(body) };
}

export interface OutgoingRequest {
	method: string;
	/** With its query. */
	path: string;
	headers: readonly (readonly [name: string, value: string])[];
	body: ReadableStream<Uint8Array> | null;
}

const isPassed = (name: string): boolean => !HOP_BY_HOP.includes(name.toLowerCase());

/** Sends the head; the body follows on its own, since an answer may come before it has ended. */
async function send(writable: WritableStream<Uint8Array>, request: OutgoingRequest, more: readonly string[]): Promise<void> {
	const { headers, pieces } = await sendingOf(request);
	const lines = [`${request.method} ${request.path} HTTP/1.1`, ...more];
	for (const [name, value] of request.headers) if (isPassed(name)) lines.push(`${name}: ${value}`);
	const writer = writable.getWriter();
	await writer.write(encoder.encode(`${[...lines, ...headers].join(CR_LF)}${CR_LF}${CR_LF}`));
	const sent = (async () => {
		for await (const piece of pieces) {
			const isTaken = await writer.write(piece).then(
				() => true,
				// Who takes no more has answered, or is gone: reading tells which.
				() => false,
			);
			if (!isTaken) return;
		}
		writer.releaseLock();
	})();
	// A client that breaks off ends the connection: the answer fails with it.
	sent.catch((cause: unknown) => writer.abort(cause).catch(() => {}));
}

/** Sends the request and resolves to the answer, whose body is read as it comes. The connection is used up. */
export async function exchange({ readable, writable }: Duplex, request: Request): Promise<Response> {
	const { pathname, search, host } = new URL(request.url);
	const body = request.body === null ? null : new Uint8Array(await request.arrayBuffer());
	const headers: [string, string][] = [["host", host], ...[...request.headers].filter(([name]) => name !== "host")];
	if (body !== null) headers.push(["content-length", String(body.length)]);
	const stream = body === null ? null : (new Response(body as Uint8Array<ArrayBuffer>).body as ReadableStream<Uint8Array>);
	return exchangeStreaming({ readable, writable }, { method: request.method, path: pathname + search, headers, body: stream });
}

/** The same of a request whose body is passed on as it comes. Its headers must name the host. */
export async function exchangeStreaming({ readable, writable }: Duplex, request: OutgoingRequest): Promise<Response> {
	await send(writable, request, ["connection: close"]);
	const incoming = new Incoming(readable);
	const { status, headers } = await readHead(incoming);
	const body = WITHOUT_BODY.includes(status) || request.method === "HEAD" ? null : bodyOf(incoming, headers);
	const length = request.method === "HEAD" ? headers.get("content-length") : null;
	for (const name of HOP_BY_HOP) headers.delete(name);
	if (length !== null) headers.set("content-length", length);
	return new Response(body, { status, headers, encodeBody: "manual" });
}

/** Asks for another protocol: what is said after a 101, or the answer that is none. */
export async function exchangeUpgrade(
	{ readable, writable }: Duplex,
	request: OutgoingRequest,
	upgrade: readonly string[],
): Promise<{ status: number; headers: Headers; refusal: Response; incoming: Incoming }> {
	await send(writable, request, upgrade);
	const incoming = new Incoming(readable);
	const { status, headers } = await readHead(incoming);
	const body = WITHOUT_BODY.includes(status) ? null : bodyOf(incoming, headers);
	for (const name of HOP_BY_HOP) headers.delete(name);
	// A 101 is no Response that can be made without its socket.
	return { status, headers, refusal: new Response(body, { status: status === 101 ? 502 : status, headers }), incoming };
}
