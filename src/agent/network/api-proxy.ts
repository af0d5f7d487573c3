/**
 * The API server as pods see it: a TLS server with a certificate of the cluster's CA that passes every request on to the
 * control plane as it is, the pod's own token included. Watches stream; WebSockets pass through as bytes.
 */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest, type RequestOptions, type ServerResponse } from "node:http";
import { Agent as HttpsAgent, createServer, request as httpsRequest, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ControlPlaneClient } from "../control-plane-client.ts";
import { HOP_BY_HOP } from "../hop-by-hop.ts";
import { errorText, type Logger } from "../log.ts";
import type { ServingCertificate } from "./serving-certificate.ts";

/** Idle connections go before the control plane closes them (workerd does after 5 s). */
const KEEP_ALIVE_MS = 4_000;
const CONNECTIONS_MAX = 4_096;

export interface ListenAddress {
	host: string;
	/** 0 for any that is free. */
	port: number;
}

export class ApiProxy {
	readonly #client: ControlPlaneClient;
	readonly #certificate: ServingCertificate;
	readonly #log: Logger;
	readonly #agent: HttpAgent;
	#server: Server | undefined;

	constructor(client: ControlPlaneClient, certificate: ServingCertificate, log: Logger) {
		this.#client = client;
		this.#certificate = certificate;
		this.#log = log;
		const options = { keepAlive: true, timeout: KEEP_ALIVE_MS, scheduling: "lifo" as const };
		this.#agent = client.server.protocol === "https:" ? new HttpsAgent({ ...options, ...client.tlsOptions }) : new HttpAgent(options);
	}

	/** Resolves to the port; rejects when the address cannot be listened on. Calling it again does nothing. */
	async listen({ host, port }: ListenAddress): Promise<number> {
		if (this.#server) return (this.#server.address() as AddressInfo).port;
		const server = createServer(await this.#certificate.current(), (request, response) => void this.#pass(request, response));
		server.maxConnections = CONNECTIONS_MAX;
		// A watch lasts as long as its client wants, and a body may come slowly.
		server.requestTimeout = 0;
		server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
		this.#certificate.onRenewed((next) => server.setSecureContext(next));
		await new Promise<void>((resolve, reject) => {
			server.once("error", reject);
			server.listen(port, host, resolve);
		});
		server.on("error", (error) => this.#log.warn("the API for pods", { error }));
		this.#server = server;
		return (server.address() as AddressInfo).port;
	}

	stop(): void {
		this.#server?.close();
		this.#server?.closeAllConnections();
		this.#agent.destroy();
	}

	#options(request: IncomingMessage, upgrade: boolean): RequestOptions {
		const { server } = this.#client;
		const headers: string[] = ["Host", server.host];
		for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
			const name = (request.rawHeaders[i] as string).toLowerCase();
			if (name === "host" || (!upgrade && HOP_BY_HOP.has(name) && name !== "transfer-encoding")) continue;
			headers.push(request.rawHeaders[i] as string, request.rawHeaders[i + 1] as string);
		}
		const path = `${server.pathname.replace(/\/$/, "")}${request.url ?? "/"}`;
		// What may not be repeated gets a connection of its own: a kept one may turn out closed under it.
		const reuse = !upgrade && (request.method === "GET" || request.method === "HEAD");
		return {
			method: request.method ?? "GET",
			host: server.hostname.replace(/^\[|\]$/g, ""),
			port: server.port || (server.protocol === "https:" ? 443 : 80),
			path,
			headers: headers as unknown as NonNullable<RequestOptions["headers"]>,
			setHost: false,
			...(reuse ? { agent: this.#agent } : { agent: false, ...this.#client.tlsOptions }),
		};
	}

	#request(options: RequestOptions) {
		return this.#client.server.protocol === "https:" ? httpsRequest(options) : httpRequest(options);
	}

	async #pass(request: IncomingMessage, response: ServerResponse, again = false): Promise<void> {
		const call = this.#request(this.#options(request, false));
		response.once("close", () => call.destroy());
		try {
			const answered = new Promise<IncomingMessage>((resolve, reject) => {
				call.once("response", resolve);
				call.on("error", reject);
			});
			if (again) call.end();
			else request.pipe(call);
			const answer = await answered;
			const headers = answer.rawHeaders.filter((_, index, all) => !HOP_BY_HOP.has((all[index - (index % 2)] as string).toLowerCase()));
			response.writeHead(answer.statusCode ?? 502, headers);
			response.flushHeaders();
			await pipeline(answer, response);
		} catch (error) {
			if (response.destroyed) return;
			if (response.headersSent) response.destroy();
			else if (call.reusedSocket && !again) await this.#pass(request, response, true);
			else this.#unavailable(response, error);
		}
	}

	#unavailable(response: ServerResponse, error: unknown): void {
		const message = `the control plane cannot be reached: ${errorText(error)}`;
		const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason: "ServiceUnavailable", code: 503 };
		response.writeHead(503, { "content-type": "application/json", "retry-after": "1" }).end(JSON.stringify(status));
	}

	#upgrade(request: IncomingMessage, client: Duplex, head: Buffer): void {
		const call = this.#request(this.#options(request, true));
		client.on("error", () => call.destroy());
		call.on("error", () => client.destroy());
		call.once("response", (answer) => {
			client.write(headText(answer));
			answer.pipe(client);
		});
		call.once("upgrade", (answer, socket, rest) => {
			client.write(headText(answer));
			client.write(rest);
			socket.write(head);
			socket.on("error", () => client.destroy());
			client.on("error", () => socket.destroy());
			socket.pipe(client).pipe(socket);
			client.once("close", () => socket.destroy());
			socket.once("close", () => client.destroy());
		});
		call.end();
	}
}

function headText(answer: IncomingMessage): string {
	const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage ?? ""}`];
	for (let i = 0; i + 1 < answer.rawHeaders.length; i += 2) {
		// An answer that is no upgrade ends with its connection.
		if (answer.statusCode !== 101 && HOP_BY_HOP.has((answer.rawHeaders[i] as string).toLowerCase())) continue;
		lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
	}
	if (answer.statusCode !== 101) lines.push("Connection: close");
	return `${lines.join("\r\n")}\r\n\r\n`;
}
