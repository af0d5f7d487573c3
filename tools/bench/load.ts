/** Closed-loop load on an HTTPS server: latencies from before the request is written to the last byte of the answer. */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";

/** Clock ticks a second in /proc/<pid>/stat. */
const TICKS_PER_SECOND = 100;
const USER_TIME_FIELD = 11;
const SYSTEM_TIME_FIELD = 12;
const REQUEST_TIMEOUT_MS = 30_000;
/** Every loop is bounded in time as well as in count. */
const LOOP_MS_MAX = 20_000;

export interface Target {
	url: string;
	ca: string;
	token: string;
	/** The process whose CPU is counted. */
	pid: number;
}

export interface Call {
	method: string;
	path: string;
	body?: string;
	/** Content type of the body: application/json. */
	type?: string;
	accept?: string;
}

export interface Figures {
	requests: number;
	errors: number;
	/** Answers 429: the client came again after the Retry-After. */
	shed: number;
	/** Connections that were cut without an answer. */
	resets: number;
	p50Ms: number;
	p99Ms: number;
	perSecond: number;
	cpuMsPerRequest: number;
}

/** Seconds of CPU that a process has used. */
export function cpuSeconds(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[USER_TIME_FIELD]) + Number(fields[SYSTEM_TIME_FIELD])) / TICKS_PER_SECOND;
}

/** Resident memory in MB. */
export function residentMegabytes(pid: number): number {
	return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;
}

export function percentile(values: readonly number[], percent: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

interface Answer {
	status: number;
	text: string;
	retryAfterSeconds?: number;
}

export class Client {
	readonly #target: Target;
	readonly #agent: Agent;

	constructor(target: Target, sockets: number) {
		this.#target = target;
		this.#agent = new Agent({ keepAlive: true, maxSockets: sockets, maxFreeSockets: sockets, ca: target.ca });
	}

	/** Answers 429 so far. */
	shed = 0;

	/** Resolves with the answer's text; rejects unless it is a success. What is shed is asked again when the server says. */
	async send(call: Call): Promise<string> {
		for (;;) {
			const { status, text, retryAfterSeconds } = await this.#once(call);
			if (status < 300) return text;
			if (status !== 429 || retryAfterSeconds === undefined) throw new Error(`${call.method} ${call.path}: ${status} ${text.slice(0, 200)}`);
			this.shed++;
			await delay(retryAfterSeconds * 1000);
		}
	}

	#once({ method, path, body, type = "application/json", accept = "application/json" }: Call): Promise<Answer> {
		const headers: Record<string, string> = { accept, "user-agent": "petrel-bench", authorization: `Bearer ${this.#target.token}` };
		if (body !== undefined) headers["content-type"] = type;
		return new Promise((resolve, reject) => {
			const call = request(`${this.#target.url}${path}`, { method, headers, agent: this.#agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
				const chunks: Buffer[] = [];
				response.on("data", (chunk: Buffer) => chunks.push(chunk));
				response.on("error", reject);
				response.on("end", () => {
					const after = response.headers["retry-after"];
					const retry = after === undefined ? {} : { retryAfterSeconds: Number(after) };
					resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString(), ...retry });
				});
			});
			call.on("timeout", () => call.destroy(new Error(`${method} ${path}: no answer`)));
			call.on("error", reject);
			call.end(body);
		});
	}

	/** Opens a watch; `onLine` gets each event as it arrives. Resolves with a function that closes it once it is open. */
	watch(path: string, onLine: (line: string, atMs: number) => void): Promise<() => void> {
		return new Promise((resolve, reject) => {
			const call = request(
				`${this.#target.url}${path}`,
				{ headers: { accept: "application/json", authorization: `Bearer ${this.#target.token}` }, agent: false, ca: this.#target.ca },
				(response) => {
					let rest = "";
					response.setEncoding("utf8");
					response.on("data", (chunk: string) => {
						const atMs = performance.now();
						const lines = (rest + chunk).split("\n");
						rest = lines.pop() ?? "";
						for (const line of lines) if (line !== "") onLine(line, atMs);
					});
					response.on("error", () => {});
					resolve(() => call.destroy());
				},
			);
			call.on("error", reject);
			call.end();
		});
	}

	close(): void {
		this.#agent.destroy();
	}
}

/** This share of the calls goes before those that count: a server runs for longer than its code takes to be compiled. */
const WARM_UP_SHARE = 0.25;

/** `count` calls by `clients` clients at once, once a quarter of them has gone before; `make(index, client)` says what each asks. */
export async function loadWarm(target: Target, clients: number, count: number, make: (index: number, client: number) => Call): Promise<Figures> {
	await load(target, clients, Math.ceil(count * WARM_UP_SHARE), (index, client) => make(count + index, client));
	return load(target, clients, count, make);
}

/** `count` calls by `clients` clients at once; `make(index, client)` says what each asks. */
export async function load(target: Target, clients: number, count: number, make: (index: number, client: number) => Call): Promise<Figures> {
	const client = new Client(target, clients);
	const latencies: number[] = [];
	let next = 0;
	let errors = 0;
	let resets = 0;
	const cpuBefore = cpuSeconds(target.pid);
	const startMs = performance.now();
	const worker = async (id: number): Promise<void> => {
		while (next < count && performance.now() - startMs < LOOP_MS_MAX) {
			const call = make(next++, id);
			const sentMs = performance.now();
			try {
				await client.send(call);
				latencies.push(performance.now() - sentMs);
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code === "ECONNRESET") resets++;
				if (errors++ === 0) console.error(`  first error: ${(error as Error).message}`);
			}
		}
	};
	await Promise.all(Array.from({ length: clients }, (_, id) => worker(id)));
	const elapsedSeconds = (performance.now() - startMs) / 1000;
	client.close();
	return {
		requests: latencies.length,
		errors,
		shed: client.shed,
		resets,
		p50Ms: percentile(latencies, 50),
		p99Ms: percentile(latencies, 99),
		perSecond: latencies.length / elapsedSeconds,
		cpuMsPerRequest: ((cpuSeconds(target.pid) - cpuBefore) * 1000) / Math.max(1, latencies.length),
	};
}
