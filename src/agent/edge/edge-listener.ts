/**
 * Ends TLS for the edge on this machine: shows the certificate of the host that is asked for, and passes requests on to the
 * control plane, which routes them as it routes those of its own port. Certificates are asked for when a client comes, and
 * kept for a moment alone.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest, type RequestOptions, type ServerResponse } from "node:http";
import { Agent as HttpsAgent, createServer, request as httpsRequest, type Server } from "node:https";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext } from "node:tls";
import {
	EDGE_CERTIFICATE_PATH,
	EDGE_CLIENT_HEADER,
	EDGE_CREDENTIAL_HEADER,
	EDGE_FORWARD_PATH,
	EDGE_HOST_HEADER,
	type EdgeCertificateAnswer,
} from "../../core/protocol/edge-forwarding.ts";
import type { ControlPlaneClient } from "../control-plane-client.ts";
import { HOP_BY_HOP } from "../hop-by-hop.ts";
import type { Logger } from "../log.ts";

/** A certificate is asked for again after this long, in milliseconds. */
const CERTIFICATE_FRESH_MS = 10_000;
/** Hosts whose certificates are remembered. */
const CERTIFICATES_MAX = 1_000;
/** Idle connections to the control plane go before it closes them, in milliseconds. */
const KEEP_ALIVE_MS = 4_000;
const BAD_GATEWAY = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

export interface EdgeListenerOptions {
	client: ControlPlaneClient;
	log: Logger;
	address: string;
	port: number;
}

interface Kept {
	context: SecureContext | undefined;
	untilMs: number;
}

export class EdgeListener {
	readonly #options: EdgeListenerOptions;
	readonly #server: Server;
	readonly #agent: HttpsAgent;
	readonly #certificates = new Map<string, Kept>();

	constructor(options: EdgeListenerOptions) {
		this.#options = options;
		this.#agent = new HttpsAgent({ keepAlive: true, timeout: KEEP_ALIVE_MS, scheduling: "lifo", ...options.client.tlsOptions });
		this.#server = createServer({
			ALPNProtocols: ["http/1.1"],
			SNICallback: (host, answer) => {
				this.#contextFor(host.toLowerCase()).then(
					(context) => answer(null, context),
					(error: Error) => answer(error),
				);
			},
		});
		this.#server.on("request", (request, response) => this.#pass(request, response));
		this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
		this.#server.on("tlsClientError", () => undefined);
	}

	/** A port that is taken is told and passed over: the node is of use without it. */
	async start(): Promise<void> {
		const { address, port, log } = this.#options;
		this.#server.listen(port, address);
		try {
			await once(this.#server, "listening");
		} catch (error) {
			log.error("TLS for the edge cannot be served", { address, port, error });
			return;
		}
		this.#server.on("error", (error) => log.error("the edge's listener", { error }));
		log.info("TLS for the edge is served", { address, port });
	}

	stop(): void {
		this.#server.close();
		this.#server.closeAllConnections();
		this.#agent.destroy();
	}

	/** Undefined for a host that has no certificate: its handshake fails. */
	async #contextFor(host: string): Promise<SecureContext | undefined> {
		const kept = this.#certificates.get(host);
		if (kept && kept.untilMs > Date.now()) return kept.context;
		const { code, body } = await this.#options.client.request("GET", `${EDGE_CERTIFICATE_PATH}/${encodeURIComponent(host)}`);
		const found = code === 200 ? (body as EdgeCertificateAnswer) : undefined;
		const context = found && createSecureContext({ cert: found.certificate, key: found.privateKey });
		if (this.#certificates.size >= CERTIFICATES_MAX) this.#certificates.clear();
		this.#certificates.set(host, { context, untilMs: Date.now() + CERTIFICATE_FRESH_MS });
		return context;
	}

	#open(request: IncomingMessage, more: readonly string[]): ClientRequest {
		const { client } = this.#options;
		const { pathname, search } = new URL(request.url ?? "/", "https://host");
		const target = client.url(`${EDGE_FORWARD_PATH}${pathname}${search}`);
		const own = [
			[EDGE_CREDENTIAL_HEADER, client.credential],
			[EDGE_CLIENT_HEADER, request.socket.remoteAddress ?? ""],
			[EDGE_HOST_HEADER, request.headers.host ?? ""],
			["Host", target.host],
		].flat();
		const headers = [...passed(request.rawHeaders), ...own, ...more] as unknown as NonNullable<RequestOptions["headers"]>;
		const options: RequestOptions = { method: request.method ?? "GET", headers, setHost: false };
		return target.protocol === "https:" ? httpsRequest(target.href, { ...options, agent: this.#agent }) : httpRequest(target.href, options);
	}

	#pass(request: IncomingMessage, response: ServerResponse): void {
		const hasBody = request.headers["transfer-encoding"] !== undefined;
		const sent = this.#open(request, hasBody ? ["Transfer-Encoding", "chunked"] : []);
		sent.on("error", () => {
			if (response.headersSent) response.destroy();
			else response.writeHead(502).end();
		});
		sent.once("response", (answer) => {
			response.writeHead(answer.statusCode ?? 502, answer.statusMessage, passed(answer.rawHeaders));
			answer.on("error", () => response.destroy());
			answer.pipe(response);
		});
		response.once("close", () => sent.destroy());
		request.on("error", () => sent.destroy());
		request.pipe(sent);
	}

	/** A WebSocket: once both have agreed, bytes pass as they are. */
	#upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		const sent = this.#open(request, ["Connection", "Upgrade", "Upgrade", request.headers.upgrade ?? "websocket"]);
		socket.on("error", () => sent.destroy());
		socket.once("close", () => sent.destroy());
		sent.on("error", () => socket.end(BAD_GATEWAY));
		sent.once("upgrade", (answer, upstream, first) => {
			socket.write(headText(answer));
			if (first.length > 0) socket.write(first);
			if (head.length > 0) upstream.write(head);
			upstream.on("error", () => socket.destroy());
			socket.once("close", () => upstream.destroy());
			upstream.pipe(socket).pipe(upstream);
		});
		sent.once("response", (answer) => {
			socket.write(headText(answer, ["Connection", "close"]));
			answer.pipe(socket);
		});
		sent.end();
	}
}

/** Names and values by turns. */
function passed(raw: readonly string[]): string[] {
	const kept: string[] = [];
	for (let i = 0; i + 1 < raw.length; i += 2) {
		const name = (raw[i] as string).toLowerCase();
		if (!HOP_BY_HOP.has(name) && name !== "host" && !name.startsWith("x-petrel-edge-")) kept.push(raw[i] as string, raw[i + 1] as string);
	}
	return kept;
}

function headText({ statusCode, statusMessage, rawHeaders }: IncomingMessage, instead?: readonly string[]): string {
	const pairs = instead ? [...passed(rawHeaders), ...instead] : rawHeaders;
	const lines = Array.from({ length: pairs.length / 2 }, (_, i) => `${pairs[2 * i]}: ${pairs[2 * i + 1]}`);
	return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join("\r\n")}\r\n\r\n`;
}
