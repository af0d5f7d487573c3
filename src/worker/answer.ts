/** Makes the client's Response: headers that every answer has, warnings, compression, errors as a Status. */
import type { ApiRequest } from "../core/api/request.ts";
import { internalError, type Status, StatusError } from "../core/errors/status-error.ts";
import { WARNINGS_HEADER } from "../objects/rpc.ts";
import { goneStatus } from "../objects/tenancy.ts";
import { parseWarnings, warningHeader } from "./header-text.ts";
import { acceptsGzip, compressIfLarge } from "./large-body.ts";
import { negotiateError, type Representation } from "./negotiate.ts";
import { shownPath } from "./shown-path.ts";
import { isPassThrough, represent, serialize, type Target } from "./represent.ts";

export const CACHE_CONTROL = "no-cache, private";

export interface AnswerOptions extends Target {
	/** The request's own headers. */
	headers: Headers;
	verb: ApiRequest["verb"];
}

function answerHeaders(representation: Representation, warnings: readonly string[]): Headers {
	const headers = new Headers({ "content-type": representation.mediaType, "cache-control": CACHE_CONTROL });
	for (const warning of warnings) headers.append("warning", warningHeader(warning));
	return headers;
}

/** What is read may be big enough to be worth compressing. */
async function send(answered: Response, options: AnswerOptions, headers: Headers): Promise<Response> {
	const { status } = answered;
	const body = answered.body as ReadableStream<Uint8Array> | null;
	if ((options.verb !== "list" && options.verb !== "get") || !body || !acceptsGzip(options.headers)) return new Response(answered.body, { status, headers });
	headers.set("vary", "Accept-Encoding");
	const { body: sent, gzip } = await compressIfLarge(body);
	if (!gzip) return new Response(sent, { status, headers });
	headers.set("content-encoding", "gzip");
	return new Response(sent, { status, headers, encodeBody: "manual" });
}

/** An object's answer, as the client wants it. */
export async function answer(response: Response, options: AnswerOptions): Promise<Response> {
	const warnings = [...(options.kind?.deprecation ? [options.kind.deprecation] : []), ...parseWarnings(response.headers.get(WARNINGS_HEADER))];
	const target = response.ok ? options : { ...options, kind: undefined, representation: { mediaType: options.representation.mediaType } };
	const headers = answerHeaders(target.representation, warnings);
	if (isPassThrough(target)) return send(response, options, headers);
	return send(new Response(represent(await response.text(), target), { status: response.status }), options, headers);
}

/** A new object that the front door has put the last hand to (a review, a token), as the owning object would answer it. */
export const madeAnswer = (value: unknown, warnings: string | null): Response =>
	new Response(JSON.stringify(value), {
		status: 201,
		headers: { "content-type": "application/json", ...(warnings === null ? {} : { [WARNINGS_HEADER]: warnings }) },
	});

/** A value of the front door's own as an answer. */
export function answerValue(value: unknown, status: number, representation: Representation, pretty = false): Response {
	return new Response(serialize(value, representation, pretty), { status, headers: answerHeaders(representation, []) });
}

export function statusResponse(status: Status, accept: string | null): Response {
	const representation = negotiateError(accept);
	const headers = answerHeaders(representation, []);
	const retryAfterSeconds = status.details?.retryAfterSeconds;
	if (retryAfterSeconds !== undefined) headers.set("retry-after", String(retryAfterSeconds));
	return new Response(serialize(status, representation, false), { status: status.code, headers });
}

/** What a thrown value tells the client; a fault's cause goes to the log with the request it belongs to. */
export function errorResponse(error: unknown, request: Request): Response {
	const gone = goneStatus(error);
	const known = gone ? StatusError.from(gone) : error instanceof StatusError ? error : internalError(error);
	if (known.code >= 500 && known.reason === "InternalError") logFault(known.cause ?? known, request);
	return statusResponse(known.status, request.headers.get("accept"));
}

/** One JSON line in the log. */
export function logFault(cause: unknown, request: Request): void {
	const stack = cause instanceof Error ? cause.stack : String(cause);
	console.error(
		JSON.stringify({ level: "error", message: "internal fault", method: request.method, path: shownPath(new URL(request.url).pathname), cause: stack }),
	);
}
