/** Names that are not the cluster's: asked of the machine's own servers, and remembered for a while. */
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { connect, isIP } from "node:net";
import { parseResolvConf } from "../../resolv-conf.ts";
import { isTruncated, rcodeOf, RCODE, readQuery, readRecords } from "./dns-message.ts";

const RESOLV_CONF = "/etc/resolv.conf";
/** The servers are read again this often, in milliseconds: a laptop's change with its network. */
const SERVERS_TTL_MS = 10_000;
const UPSTREAM_TIMEOUT_MS = 2_000;
const CACHE_ENTRIES_MAX = 10_000;
/** Seconds, of CoreDNS's `cache 30`. */
const CACHE_TTL_MAX = 30;
const MESSAGE_BYTES_MAX = 65_535;

interface Cached {
	answer: Buffer;
	atMs: number;
	ttlMs: number;
}

export interface ForwarderOptions {
	/** Instead of the machine's. */
	servers?: () => Promise<string[]>;
	nowMs?: () => number;
	/** Addresses that are this server itself. */
	own: readonly string[];
}

export class Forwarder {
	readonly #options: ForwarderOptions;
	readonly #cache = new Map<string, Cached>();
	/** Questions under way: who asks the same meanwhile gets the same answer. */
	readonly #asking = new Map<string, Promise<Buffer | undefined>>();
	#servers: string[] = [];
	#serversReadMs = Number.NEGATIVE_INFINITY;

	constructor(options: ForwarderOptions) {
		this.#options = options;
	}

	/** The answer under the query's own id; undefined when no server gives one. */
	async ask(query: Buffer): Promise<Buffer | undefined> {
		const read = readQuery(query);
		if (!read) return undefined;
		const { name, type, class: classOf } = read.question;
		const key = JSON.stringify([name.toLowerCase(), type, classOf, query.subarray(2, 4).toString("hex"), read.ednsBytes !== undefined]);
		const cached = this.#fresh(key);
		if (cached) return answerTo(query, cached);
		let asking = this.#asking.get(key);
		if (!asking) {
			asking = this.#askServers(query).finally(() => this.#asking.delete(key));
			this.#asking.set(key, asking);
		}
		const answer = await asking;
		if (!answer) return undefined;
		this.#keep(key, answer);
		return answerTo(query, answer);
	}

	get #nowMs(): number {
		return (this.#options.nowMs ?? Date.now)();
	}

	/** With its times to live as they are by now. */
	#fresh(key: string): Buffer | undefined {
		const cached = this.#cache.get(key);
		if (!cached) return undefined;
		const ageMs = this.#nowMs - cached.atMs;
		if (ageMs >= cached.ttlMs) {
			this.#cache.delete(key);
			return undefined;
		}
		const aged = Buffer.from(cached.answer);
		for (const { ttl, ttlAt } of readRecords(aged) ?? []) aged.writeUInt32BE(Math.max(0, ttl - Math.floor(ageMs / 1000)), ttlAt);
		return aged;
	}

	#keep(key: string, answer: Buffer): void {
		const records = readRecords(answer);
		const rcode = rcodeOf(answer);
		if (!records || records.length === 0 || isTruncated(answer) || (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)) return;
		const ttl = Math.min(CACHE_TTL_MAX, ...records.map((record) => record.ttl));
		if (ttl <= 0) return;
		this.#cache.delete(key);
		this.#cache.set(key, { answer: Buffer.from(answer), atMs: this.#nowMs, ttlMs: ttl * 1000 });
		const oldest = this.#cache.keys().next().value;
		if (this.#cache.size > CACHE_ENTRIES_MAX && oldest !== undefined) this.#cache.delete(oldest);
	}

	async #currentServers(): Promise<string[]> {
		if (this.#nowMs - this.#serversReadMs < SERVERS_TTL_MS) return this.#servers;
		this.#serversReadMs = this.#nowMs;
		const read = this.#options.servers ?? (async () => parseResolvConf(await readFile(RESOLV_CONF, "utf8").catch(() => "")).servers);
		this.#servers = (await read()).filter((server) => isIP(server.replace(/%.*$/, "").replace(/#\d+$/, "")) !== 0 && !this.#options.own.includes(server));
		return this.#servers;
	}

	async #askServers(query: Buffer): Promise<Buffer | undefined> {
		for (const server of await this.#currentServers()) {
			const answer = await askUdp(server, query)
				.then((first) => (isTruncated(first) ? askTcp(server, query) : first))
				.catch(() => undefined);
			if (answer && answer.length >= 12 && rcodeOf(answer) !== RCODE.SERVFAIL && rcodeOf(answer) !== RCODE.REFUSED) return answer;
		}
		return undefined;
	}
}

/** The answer with the query's id, and the question as the client wrote it. */
function answerTo(query: Buffer, answer: Buffer): Buffer {
	const own = Buffer.from(answer);
	query.copy(own, 0, 0, 2);
	return own;
}

/** "10.0.0.1" or "10.0.0.1#5353". */
const hostAndPort = (server: string): [host: string, port: number] => [server.replace(/#\d+$/, ""), Number(/#(\d+)$/.exec(server)?.[1] ?? 53)];

function askUdp(server: string, query: Buffer): Promise<Buffer> {
	const [host, port] = hostAndPort(server);
	const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
	return new Promise<Buffer>((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error("timed out")), UPSTREAM_TIMEOUT_MS);
		socket.once("close", () => clearTimeout(timer));
		socket.once("error", reject);
		socket.on("message", (answer) => {
			if (answer.length >= 12 && answer.readUInt16BE(0) === query.readUInt16BE(0)) resolve(answer);
		});
		socket.connect(port, host, (error?: Error) => (error ? reject(error) : socket.send(query)));
	}).finally(() => socket.close());
}

function askTcp(server: string, query: Buffer): Promise<Buffer> {
	const [host, port] = hostAndPort(server);
	const socket = connect({ host, port, timeout: UPSTREAM_TIMEOUT_MS });
	return new Promise<Buffer>((resolve, reject) => {
		let received = Buffer.alloc(0);
		socket.once("error", reject);
		socket.once("timeout", () => reject(new Error("timed out")));
		socket.once("close", () => reject(new Error("closed")));
		socket.on("data", (chunk) => {
			received = Buffer.concat([received, chunk]);
			if (received.length > MESSAGE_BYTES_MAX + 2) return reject(new Error("too long"));
			if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) resolve(received.subarray(2, 2 + received.readUInt16BE(0)));
		});
		const length = Buffer.alloc(2);
		length.writeUInt16BE(query.length);
		socket.write(Buffer.concat([length, query]));
	}).finally(() => socket.destroy());
}
