/** A client of the edge's HTTP port that names any host, over connections that are kept. */
import { once } from "node:events";
import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Readable } from "node:stream";
import { WebSocket } from "ws";

/** Idle connections go before the server closes them, which workerd does after 5 s. */
const KEPT = { keepAlive: true, timeout: 4_000 };

export interface EdgeAnswer {
	code: number;
	headers: IncomingHttpHeaders;
	text: string;
}

export interface EdgeRequest {
	method?: string;
	headers?: Record<string, string>;
	body?: string | Readable;
}

export class EdgeClient {
	readonly #base: URL;
	readonly #agent: HttpAgent;
	readonly #ca: string | undefined;

	/** `url` as `petrel status` says it; `ca` trusts the edge's certificates. */
	constructor(url: string, ca?: string) {
		this.#base = new URL(url);
		this.#ca = ca;
		this.#agent = ca === undefined ? new HttpAgent(KEPT) : new HttpsAgent(KEPT);
	}

	/** What TLS needs to ask for a host that no DNS knows. */
	#tls(host: string): { ca?: string; servername?: string } {
		return this.#ca === undefined ? {} : { ca: this.#ca, servername: host };
	}

	/** The answer, once it has begun. */
	async open(host: string, path: string, { method = "GET", headers = {}, body }: EdgeRequest = {}): Promise<IncomingMessage> {
		const { hostname, port } = this.#base;
		const options: RequestOptions = { hostname, port, path, method, agent: this.#agent, headers: { host, ...headers }, ...this.#tls(host) };
		const sent = this.#ca === undefined ? httpRequest(options) : httpsRequest(options);
		const answered = once(sent, "response");
		// After the answer has begun it is the response that fails.
		sent.on("error", () => undefined);
		if (typeof body === "string" || body === undefined) sent.end(body);
		else body.pipe(sent);
		return (await answered)[0] as IncomingMessage;
	}

	async send(host: string, path: string, wanted: EdgeRequest = {}): Promise<EdgeAnswer> {
		const response = await this.open(host, path, wanted);
		let text = "";
		for await (const chunk of response) text += String(chunk);
		return { code: response.statusCode ?? 0, headers: response.headers, text };
	}

	async webSocket(host: string, path: string, protocols: string[] = []): Promise<WebSocket> {
		const socket = new WebSocket(`${this.#base.href.replace(/^http/, "ws").replace(/\/$/, "")}${path}`, protocols, { headers: { host }, ...this.#tls(host) });
		await once(socket, "open");
		return socket;
	}

	close(): void {
		this.#agent.destroy();
	}
}
