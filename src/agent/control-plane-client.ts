/** The agent's only way to the outside: HTTPS to the control plane, with the cluster's CA and the node's credential. */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { SecureContextOptions } from "node:tls";
import { AGENT_VERSION } from "./version.ts";

/** An answer larger than this is cut off: no honest one is. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** A request without an answer is given up after this long. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** Idle connections go before the other side closes them (workerd does after 5 s). */
const KEEP_ALIVE_MS = 4_000;
/** Kept connections that may turn out closed before one is given up on. */
const MAX_STALE_CONNECTIONS = 3;
const MAX_SOCKETS = 16;

export interface ApiAnswer {
	code: number;
	/** Parsed JSON; undefined when the body is none. */
	body: unknown;
}

/** The answer's body. Throws what the API said instead of it. */
export function bodyOf<T>({ code, body }: ApiAnswer): T {
	if (code < 300) return body as T;
	throw new Error((body as { message?: string } | undefined)?.message ?? `the API answered ${code}`);
}

export interface ApiClient {
	/** Resolves whatever the code; rejects with ControlPlaneError when there is no answer. */
	request(method: string, path: string, body?: unknown, contentType?: string): Promise<ApiAnswer>;
}

export type ControlPlaneErrorKind = "unreachable" | "certificate" | "timeout" | "answer";

export class ControlPlaneError extends Error {
	readonly kind: ControlPlaneErrorKind;
	constructor(kind: ControlPlaneErrorKind, message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = "ControlPlaneError";
		this.kind = kind;
	}
}

export interface RequestTuning {
	contentType?: string;
	/** No byte for this long ends the request. */
	idleTimeoutMs?: number;
	signal?: AbortSignal;
}

const CERTIFICATE_CODES = /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|ERR_TLS|CERT_|HOSTNAME_MISMATCH|INVALID_CA)/;

export class ControlPlaneClient implements ApiClient {
	readonly server: URL;
	#credential: string;
	readonly #ca: string | undefined;
	readonly #agent: HttpAgent;

	/** `server` may have a path (`https://host/clusters/name`); `ca` undefined trusts the system's authorities. */
	constructor(server: string, credential: string, ca: string | undefined) {
		this.server = new URL(server.endsWith("/") ? server : `${server}/`);
		this.#credential = credential;
		this.#ca = ca;
		const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, timeout: KEEP_ALIVE_MS, maxSockets: MAX_SOCKETS, scheduling: "lifo" as const };
		this.#agent = this.server.protocol === "https:" ? new HttpsAgent({ ...options, ...this.tlsOptions }) : new HttpAgent(options);
	}

	get credential(): string {
		return this.#credential;
	}

	/** After joining again. */
	useCredential(credential: string): void {
		this.#credential = credential;
	}

	get tlsOptions(): SecureContextOptions {
		return this.#ca ? { ca: this.#ca } : {};
	}

	/** An absolute URL below the server's own path. */
	url(path: string): URL {
		return new URL(path.replace(/^\//, ""), this.server);
	}

	close(): void {
		this.#agent.destroy();
	}

	async request(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<ApiAnswer> {
		const { code, text } = await this.send(method, path, body, { contentType, idleTimeoutMs: REQUEST_TIMEOUT_MS });
		return { code, body: parseJson(text) };
	}

	/** Sends JSON and collects the answer's text. */
	async send(method: string, path: string, body: unknown, tuning: RequestTuning = {}): Promise<{ code: number; text: string }> {
		for (let stale = 0; ; stale++) {
			try {
				return await this.#sendOnce(method, path, body, tuning);
			} catch (error) {
				// A kept-alive connection that the server closed just then: nothing of the request was read.
				if (!(error instanceof StaleConnectionError) || stale >= MAX_STALE_CONNECTIONS) throw error;
			}
		}
	}

	#sendOnce(method: string, path: string, body: unknown, tuning: RequestTuning): Promise<{ code: number; text: string }> {
		const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
		const headers: Record<string, string> = {
			Authorization: `Bearer ${this.#credential}`,
			Accept: "application/json",
			"User-Agent": `petrel-agent/${AGENT_VERSION}`,
			...(payload ? { "Content-Type": tuning.contentType ?? "application/json", "Content-Length": String(payload.length) } : {}),
		};
		const url = this.url(path);
		const options: RequestOptions = { method, headers, agent: this.#agent, ...(tuning.signal ? { signal: tuning.signal } : {}) };
		return new Promise((resolve, reject) => {
			const request = url.protocol === "https:" ? httpsRequest(url.href, options) : httpRequest(url.href, options);
			let answered = false;
			const fail = (error: unknown) => reject(this.explain(error, request.reusedSocket && !answered));
			request.once("error", fail);
			if (tuning.idleTimeoutMs)
				request.setTimeout(tuning.idleTimeoutMs, () =>
					request.destroy(new ControlPlaneError("timeout", `the control plane at ${this.server.origin} has said nothing for ${tuning.idleTimeoutMs} ms`)),
				);
			request.once("response", (response) => {
				answered = true;
				collect(response).then((text) => resolve({ code: response.statusCode ?? 0, text }), fail);
			});
			request.end(payload);
		});
	}

	/** What went wrong, as a ControlPlaneError. */
	explain(error: unknown, maybeStale = false): Error {
		if (error instanceof ControlPlaneError) return error;
		const code = (error as NodeJS.ErrnoException).code ?? "";
		const where = this.server.origin;
		if (maybeStale && (code === "ECONNRESET" || code === "EPIPE")) return new StaleConnectionError(error);
		if (CERTIFICATE_CODES.test(code)) {
			const detail = error instanceof Error ? error.message : String(error);
			return new ControlPlaneError(
				"certificate",
				`the certificate of ${where} is not the cluster's (${detail}); give the cluster's CA with --ca-file, or check the server's address`,
				{ cause: error },
			);
		}
		return new ControlPlaneError("unreachable", `the control plane at ${where} cannot be reached (${code || String(error)})`, { cause: error });
	}
}

class StaleConnectionError extends ControlPlaneError {
	constructor(cause: unknown) {
		super("unreachable", "the connection was closed", { cause });
	}
}

export async function collect(response: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of response as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > MAX_ANSWER_BYTES) throw new ControlPlaneError("answer", `the control plane's answer is larger than ${MAX_ANSWER_BYTES} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
