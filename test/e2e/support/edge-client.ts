/** A client of the edge's HTTP port that names any host, over connections that are kept. */
import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request, type RequestOptions } from "node:http";
import type { Readable } from "node:stream";
import { WebSocket } from "ws";

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
	readonly #agent = new Agent({ keepAlive: true });

	/** `url` as `petrel status` says it. */
	constructor(url: string) {
		this.#base = new URL(url);
	}

	/** The answer, once it has begun. */
	async open(host: string, path: string, { method = "GET", headers = {}, body }: EdgeRequest = {}): Promise<IncomingMessage> {
		const { hostname, port } = this.#base;
		const options: RequestOptions = { hostname, port, path, method, agent: this.#agent, headers: { host, ...headers } };
		const sent = request(options);
		const answered = once(sent, "response");
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
		const socket = new WebSocket(`ws://${this.#base.host}${path}`, protocols, { headers: { host } });
		await once(socket, "open");
		return socket;
	}

	close(): void {
		this.#agent.destroy();
	}
}
