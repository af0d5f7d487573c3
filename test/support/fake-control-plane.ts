/** The control plane as an agent sees it, on loopback: joins, held polls, reports, the API, session sockets. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import {
	type JoinRequest,
	type JoinResponse,
	POLL_REQUEST_HEADER,
	type PollRequest,
	type PollResponse,
	type SessionHello,
} from "../../src/core/protocol/agent-protocol.ts";
import { until } from "./fake-clock.ts";

export interface HeldPoll {
	request: PollRequest;
	heartbeat(): void;
	answer(answer: Partial<PollResponse>): void;
	/** Sends these bytes as they are and ends. */
	raw(code: number, text: string): void;
	readonly closed: boolean;
}

export const emptyAnswer = (request: PollRequest): PollResponse => ({
	version: 1,
	cursor: request.cursor,
	networkCursor: request.networkCursor,
	full: false,
	pods: [],
	removed: [],
	configMaps: [],
	secrets: [],
	network: [],
	commands: [],
});

export class FakeControlPlane {
	readonly #server: Server;
	readonly #sockets = new WebSocketServer({ noServer: true });
	#port = 0;
	readonly held: HeldPoll[] = [];
	readonly reports: PollRequest[] = [];
	readonly joins: JoinRequest[] = [];
	readonly requests: { method: string; path: string; body: unknown; authorization: string }[] = [];
	readonly sessions = new Map<string, SessionPeer>();
	token = "join-token";
	/** So many reports are not stored. */
	reportFailures = 0;
	joinStatus: { code: number; message: string } | undefined;
	api: (method: string, path: string, body: unknown) => { code: number; body: unknown } = () => ({ code: 201, body: {} });

	static async start(): Promise<FakeControlPlane> {
		const plane = new FakeControlPlane();
		await new Promise<void>((resolve) => plane.#server.listen(0, "127.0.0.1", resolve));
		plane.#port = (plane.#server.address() as AddressInfo).port;
		return plane;
	}

	constructor() {
		this.#server = createServer((request, response) => void this.#serve(request, response));
		this.#server.on("upgrade", (request, socket, head) => {
			const poll = request.headers[POLL_REQUEST_HEADER];
			if (typeof poll === "string")
				return this.#hold(JSON.parse(poll) as PollRequest, socket, (take) => this.#sockets.handleUpgrade(request, socket, head, take));
			this.#sockets.handleUpgrade(request, socket, head, (ws) => {
				const id = (request.url ?? "").split("/").at(-1) ?? "";
				this.sessions.set(id, new SessionPeer(ws));
			});
		});
	}

	get url(): string {
		return `http://127.0.0.1:${this.#port}`;
	}

	async stop(): Promise<void> {
		for (const peer of this.sessions.values()) peer.socket.terminate();
		this.#server.closeAllConnections();
		await new Promise<void>((resolve) => this.#server.close(() => resolve()));
	}

	/** The poll that is open now. */
	poll(): Promise<HeldPoll> {
		return until(() => this.held.findLast((h) => !h.closed));
	}

	session(id: string): Promise<SessionPeer> {
		return until(() => this.sessions.get(id));
	}

	async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const chunks: Buffer[] = [];
		for await (const chunk of request) chunks.push(chunk as Buffer);
		const text = Buffer.concat(chunks).toString("utf8");
		const body = text === "" ? undefined : (JSON.parse(text) as unknown);
		const path = request.url ?? "";
		const authorization = request.headers.authorization ?? "";
		if (path === "/agent/v1/join") this.#join(body as JoinRequest, authorization, response);
		else if (/^\/agent\/v1\/nodes\/[^/]+\/poll$/.test(path)) this.#report(body as PollRequest, response);
		else {
			this.requests.push({ method: request.method ?? "", path, body, authorization });
			const answer = this.api(request.method ?? "", path, body);
			json(response, answer.code, answer.body);
		}
	}

	#join(body: JoinRequest, authorization: string, response: ServerResponse): void {
		this.joins.push(body);
		const refusal = authorization === `Bearer ${this.token}` ? this.joinStatus : { code: 401, message: "Unauthorized" };
		if (refusal) {
			json(response, refusal.code, { message: refusal.message });
			return;
		}
		const answer: JoinResponse = {
			version: 1,
			credential: "node-credential",
			caCertificate: "",
			clusterDomain: "cluster.local",
			dnsAddress: "10.96.0.10",
			serviceCidr: "10.96.0.0/16",
			podCidr: "10.244.1.0/24",
		};
		json(response, 200, answer);
	}

	#report(request: PollRequest, response: ServerResponse): void {
		if (this.reportFailures > 0) {
			this.reportFailures--;
			json(response, 503, { message: "not now" });
			return;
		}
		this.reports.push(request);
		json(response, 200, emptyAnswer(request));
	}

	/** The upgrade itself is answered with the first thing that is said. */
	#hold(request: PollRequest, socket: Duplex, upgrade: (take: (ws: WebSocket) => void) => void): void {
		let closed = false;
		let accepted: WebSocket | undefined;
		const send = (text: string) => {
			if (accepted === undefined) upgrade((ws) => (accepted = ws));
			accepted?.send(text);
		};
		const end = (text: string) => {
			closed = true;
			send(text);
			accepted?.close();
		};
		socket.once("close", () => {
			closed = true;
		});
		// An agent that leaves before the upgrade is answered is noticed by reading.
		socket.on("error", () => {});
		socket.once("end", () => socket.destroy());
		socket.resume();
		this.held.push({
			request,
			heartbeat: () => send(""),
			answer: (answer) => end(JSON.stringify({ ...emptyAnswer(request), ...answer })),
			raw: (code, text) => {
				if (code === 200) return end(text);
				closed = true;
				socket.end(`HTTP/1.1 ${code} Refused\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`);
			},
			get closed() {
				return closed;
			},
		});
	}
}

function json(response: ServerResponse, code: number, body: unknown): void {
	response.writeHead(code, { "Content-Type": "application/json" });
	response.end(JSON.stringify(body));
}

/** The control plane's end of a session socket. */
export class SessionPeer {
	readonly socket: WebSocket;
	readonly messages: Buffer[] = [];
	hello: SessionHello | undefined;
	closeCode: number | undefined;

	constructor(socket: WebSocket) {
		this.socket = socket;
		socket.on("message", (data: Buffer, isBinary: boolean) => {
			if (isBinary) this.messages.push(data);
			else this.hello = JSON.parse(data.toString()) as SessionHello;
		});
		socket.once("close", (code: number) => {
			this.closeCode = code;
		});
	}

	/** All binary messages so far, joined. */
	get bytes(): Buffer {
		return Buffer.concat(this.messages);
	}

	/** What one channel of a remotecommand session has carried. */
	channel(number: number): string {
		return Buffer.concat(this.messages.filter((m) => m[0] === number).map((m) => m.subarray(1))).toString("utf8");
	}

	async ended(): Promise<number> {
		await until(() => this.closeCode !== undefined);
		return this.closeCode as number;
	}
}
