/** One HTTP request of a tunnel: bodies stream in both directions, each as fast as its receiver takes it. */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { ANSWER_BYTES_MAX, type Header, type RequestHead, type ResponseHead } from "../../core/tunnel/frame.ts";
import { HOP_BY_HOP } from "../hop-by-hop.ts";
import { type Place, type PlaceAgent, type PlaceArgs, TargetError } from "./target-connection.ts";
import type { TunnelStream } from "./tunnel-stream.ts";

/** Requests that may be sent again when a kept connection turns out to be closed. */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export function passedHeaders(raw: readonly string[]): Header[] {
	const headers: Header[] = [];
	for (let i = 0; i + 1 < raw.length; i += 2) if (!HOP_BY_HOP.has((raw[i] as string).toLowerCase())) headers.push([raw[i] as string, raw[i + 1] as string]);
	return headers;
}

export async function exchangeHttp(stream: TunnelStream, head: RequestHead, place: Place, agent: PlaceAgent): Promise<void> {
	let request = open(stream, head, place, agent);
	if (head.hasBody) sendBody(stream, request);
	else request.end();
	let response: IncomingMessage;
	try {
		response = await answered(request);
	} catch (error) {
		if (!request.reusedSocket || head.hasBody || !REPEATABLE.has(head.method)) throw asTargetError(error);
		request = open(stream, head, place, agent);
		request.end();
		response = await answered(request).catch((again: unknown) => {
			throw asTargetError(again);
		});
	}
	const answer: ResponseHead = { status: response.statusCode ?? 0, statusText: response.statusMessage ?? "", headers: passedHeaders(response.rawHeaders) };
	if (head.wholeAnswer && isShort(response, head.method)) return stream.answer(answer, await wholeBody(response));
	stream.head(answer);
	for await (const chunk of response as AsyncIterable<Buffer>) if (!(await stream.data(chunk))) break;
	if (!response.complete) throw new TargetError("lost", "unexpected EOF");
	stream.end();
}

/** Whether the answer says that it is short: nobody waits for the end of one that does not. */
function isShort({ headers, statusCode = 0 }: IncomingMessage, method: string): boolean {
	return method === "HEAD" || statusCode === 204 || statusCode === 304 || Number(headers["content-length"] ?? Number.NaN) <= ANSWER_BYTES_MAX;
}

async function wholeBody(response: IncomingMessage): Promise<Buffer> {
	const chunks: Buffer[] = [];
	for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
	if (!response.complete) throw new TargetError("lost", "unexpected EOF");
	return Buffer.concat(chunks);
}

function open(stream: TunnelStream, head: RequestHead, place: Place, agent: PlaceAgent): ClientRequest {
	const headers = head.headers.flat();
	// A body whose length nobody said: node:http would send it unframed with methods that seldom have one.
	if (head.hasBody && !head.headers.some(([name]) => name.toLowerCase() === "content-length")) headers.push("Transfer-Encoding", "chunked");
	const options: PlaceArgs = {
		method: head.method,
		path: head.path,
		headers: headers as unknown as PlaceArgs["headers"],
		agent,
		setHost: false,
		signal: stream.signal,
		place,
		tls: head.tls,
	};
	return httpRequest(options);
}

function sendBody(stream: TunnelStream, request: ClientRequest): void {
	stream.listen({
		data: (bytes, taken) => request.write(bytes, taken),
		end: () => request.end(),
		message: () => request.destroy(),
		close: () => request.destroy(),
	});
}

function answered(request: ClientRequest): Promise<IncomingMessage> {
	return new Promise((resolve, reject) => {
		request.on("error", reject);
		request.once("response", resolve);
	});
}

function asTargetError(error: unknown): TargetError {
	if (error instanceof TargetError) return error;
	const code = (error as NodeJS.ErrnoException).code ?? "";
	return new TargetError("lost", code === "ECONNRESET" ? "EOF" : (error as Error).message);
}
