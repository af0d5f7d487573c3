/** A small client of the Kubernetes API for the commands: JSON in, JSON out, one CA, one token. */
import { Agent, request } from "node:https";

export interface ApiServer {
	url: string;
	/** PEM; undefined trusts the system's. */
	ca?: string;
	token?: string;
}

export interface ApiAnswer<T> {
	code: number;
	body: T;
}

const REQUEST_TIMEOUT_MS = 10_000;

export class ApiClient {
	readonly #server: ApiServer;
	readonly #agent: Agent;

	constructor(server: ApiServer) {
		this.#server = server;
		this.#agent = new Agent({ keepAlive: false, ...(server.ca === undefined ? {} : { ca: server.ca }) });
	}

	/** Sends one request. `body` is sent as JSON. Rejects when no answer comes. */
	send<T>(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<ApiAnswer<T>> {
		const headers: Record<string, string> = { accept: "application/json", "user-agent": "petrel" };
		if (this.#server.token !== undefined) headers["authorization"] = `Bearer ${this.#server.token}`;
		const payload = body === undefined ? undefined : JSON.stringify(body);
		if (payload !== undefined) headers["content-type"] = contentType;
		return new Promise((resolve, reject) => {
			const call = request(`${this.#server.url}${path}`, { method, headers, agent: this.#agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
				const chunks: Buffer[] = [];
				response.on("data", (chunk: Buffer) => chunks.push(chunk));
				response.on("error", reject);
				response.on("end", () => resolve({ code: response.statusCode ?? 0, body: parse<T>(Buffer.concat(chunks).toString()) }));
			});
			call.on("timeout", () => call.destroy(new Error(`no answer from ${this.#server.url} within ${REQUEST_TIMEOUT_MS} ms`)));
			call.on("error", reject);
			call.end(payload);
		});
	}

	/** Like `send`, but rejects with the Status message of an answer that is not a success. */
	async call<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
		const answer = await this.send<T>(method, path, body, contentType);
		if (answer.code >= 300) throw new Error(`${method} ${path}: ${(answer.body as { message?: string }).message ?? `HTTP ${answer.code}`}`);
		return answer.body;
	}

	/** Server-side apply: creates the object or makes it so. */
	apply<T>(path: string, object: unknown): Promise<T> {
		return this.call<T>("PATCH", `${path}?fieldManager=petrel&force=true`, object, "application/apply-patch+yaml");
	}
}

/** Health endpoints answer plain text. */
function parse<T>(text: string): T {
	try {
		return JSON.parse(text) as T;
	} catch {
		return text as T;
	}
}
