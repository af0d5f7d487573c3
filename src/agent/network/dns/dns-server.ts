/** The cluster's DNS server on one node, over UDP and TCP: answers out of the network table, so it works without the control plane. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import type { ClusterZone } from "./cluster-zone.ts";
import {
	isTruncated,
	PLAIN_UDP_BYTES,
	type Query,
	RCODE,
	readAnswers,
	readQuery,
	type Reply,
	type ResourceRecord,
	TYPE,
	UDP_BYTES_MAX,
	writeQuery,
	writeReply,
} from "./dns-message.ts";
import type { Forwarder } from "./forwarder.ts";

const TCP_BYTES_MAX = 65_535;
const TCP_CONNECTIONS_MAX = 512;
const TCP_IDLE_MS = 8_000;
/** Questions for other servers at once; more are refused, so that a flood does not fill the memory. */
const FORWARDS_MAX = 1_000;
const CLASS_IN = 1;

const failure = (rcode: number): Reply => ({ rcode, authoritative: false, answers: [], authorities: [], additionals: [] });

export class DnsServer {
	readonly #zone: ClusterZone;
	readonly #forwarder: Forwarder;
	#udp: UdpSocket | undefined;
	#tcp: Server | undefined;
	readonly #connections = new Set<Socket>();
	#forwards = 0;

	constructor(zone: ClusterZone, forwarder: Forwarder) {
		this.#zone = zone;
		this.#forwarder = forwarder;
	}

	/** Rejects when the address cannot be listened on. Calling it again does nothing. */
	async listen(host: string, port: number): Promise<void> {
		if (this.#tcp) return;
		const udp = createSocket(isIPv6(host) ? "udp6" : "udp4");
		udp.on("message", (message, peer) => {
			void this.#answer(message, true).then((reply) => {
				if (reply) udp.send(reply, peer.port, peer.address, () => undefined);
			});
		});
		const tcp = createServer((socket) => this.#connected(socket));
		tcp.maxConnections = TCP_CONNECTIONS_MAX;
		try {
			await new Promise<void>((resolve, reject) => {
				udp.once("error", reject);
				udp.bind(port, host, resolve);
			});
			await new Promise<void>((resolve, reject) => {
				tcp.once("error", reject);
				tcp.listen(port, host, resolve);
			});
		} catch (error) {
			udp.close();
			throw error;
		}
		udp.on("error", () => undefined);
		tcp.on("error", () => undefined);
		this.#udp = udp;
		this.#tcp = tcp;
	}

	stop(): void {
		this.#udp?.close();
		this.#tcp?.close();
		for (const socket of this.#connections) socket.destroy();
	}

	#connected(socket: Socket): void {
		this.#connections.add(socket);
		socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
		socket.on("error", () => socket.destroy());
		socket.once("close", () => this.#connections.delete(socket));
		let received = Buffer.alloc(0);
		socket.on("data", (chunk) => {
			received = Buffer.concat([received, chunk]);
			while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
				const size = received.readUInt16BE(0);
				const message = received.subarray(2, 2 + size);
				received = received.subarray(2 + size);
				void this.#answer(message, false).then((reply) => {
					if (!reply || socket.destroyed) return;
					const length = Buffer.alloc(2);
					length.writeUInt16BE(reply.length);
					socket.write(Buffer.concat([length, reply]));
				});
			}
		});
	}

	async #answer(message: Buffer, udp: boolean): Promise<Buffer | undefined> {
		const query = readQuery(message);
		// Not even an error to what is no query: two servers would answer each other for ever.
		if (!query) return undefined;
		const limit = udp ? Math.min(Math.max(query.ednsBytes ?? PLAIN_UDP_BYTES, PLAIN_UDP_BYTES), UDP_BYTES_MAX) : TCP_BYTES_MAX;
		if (query.opcode !== 0) return writeReply(query, failure(RCODE.NOTIMP), limit);
		const answer = query.question.class === CLASS_IN ? this.#zone.answer(query.question.name, query.question.type) : "outside";
		if (answer === "outside") return this.#forward(message, query, limit);
		if ("alias" in answer) return writeReply(query, await this.#completed(answer.alias, answer.reply, query), limit);
		return writeReply(query, answer, limit);
	}

	async #forward(message: Buffer, query: Query, limit: number): Promise<Buffer> {
		const answer = this.#forwards >= FORWARDS_MAX ? undefined : await this.#counted(message);
		if (!answer) return writeReply(query, failure(RCODE.SERVFAIL), limit);
		if (answer.length <= limit || isTruncated(answer)) return answer;
		const cut = writeReply(query, { ...failure(RCODE.NOERROR) }, limit);
		cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
		return cut;
	}

	async #counted(message: Buffer): Promise<Buffer | undefined> {
		this.#forwards++;
		try {
			return await this.#forwarder.ask(message);
		} finally {
			this.#forwards--;
		}
	}

	/** An alias with what it stands for, as far as that can be had. */
	async #completed(alias: string, reply: Reply, { question }: Query): Promise<Reply> {
		if (question.type === TYPE.CNAME) return reply;
		const inside = this.#zone.answer(alias, question.type);
		let records: ResourceRecord[] = [];
		if (inside === "outside") {
			const answer = await this.#counted(writeQuery(Math.floor(Math.random() * 0x1_0000), alias, question.type));
			records = answer ? readAnswers(answer) : [];
		} else if (!("alias" in inside)) records = inside.answers;
		return { ...reply, answers: [...reply.answers, ...records] };
	}
}
