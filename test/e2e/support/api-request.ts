/** Requests to the API as no kubectl makes them: any method, streamed bodies, WebSockets. */
import type { IncomingMessage, RequestOptions } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import type { Petrel } from "./petrel.ts";

export interface Answer {
	code: number;
	headers: IncomingMessage["headers"];
	text: string;
}

export class ApiRequests {
	readonly #petrel: Petrel;

	constructor(petrel: Petrel) {
		this.#petrel = petrel;
	}

	get server(): string {
		return this.#petrel.data.runState()?.server ?? "";
	}

	#options(token: string | undefined): RequestOptions & { ca: string } {
		const own = /^ *token: (.+)$/m.exec(this.#petrel.data.read("kubeconfig") ?? "")?.[1] ?? "";
		return { ca: this.#petrel.data.read("ca.crt") ?? "", headers: { authorization: `Bearer ${token ?? own}` } };
	}

	/** The answer as it begins; its body is still to be read. */
	open(
		method: string,
		path: string,
		options: { headers?: Record<string, string>; body?: string | NodeJS.ReadableStream; token?: string } = {},
	): Promise<IncomingMessage> {
		const { ca, headers } = this.#options(options.token);
		return new Promise((resolve, reject) => {
			const call = request(`${this.server}${path}`, { method, ca, headers: { ...(headers as Record<string, string>), ...options.headers } }, resolve);
			call.on("error", reject);
			if (options.body === undefined || typeof options.body === "string") call.end(options.body);
			else options.body.pipe(call);
		});
	}

	async send(method: string, path: string, options: Parameters<ApiRequests["open"]>[2] = {}): Promise<Answer> {
		const response = await this.open(method, path, options);
		return { code: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
	}

	webSocket(path: string, protocols: string[] = [], more: Record<string, string> = {}): Promise<WebSocket> {
		const { ca, headers } = this.#options(undefined);
		const given = { ...(headers as Record<string, string>), ...more };
		const socket = new WebSocket(`${this.server.replace(/^http/, "ws")}${path}`, protocols, { ca, headers: given });
		return new Promise((resolve, reject) => {
			socket.once("open", () => resolve(socket));
			socket.once("error", reject);
		});
	}
}
