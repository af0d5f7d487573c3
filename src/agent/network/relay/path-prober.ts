/** Asks the other nodes again and again, over the direct way, and answers them. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type Clock, sleep } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import { PathState } from "./path-state.ts";
import { decodeProbe, type Probe, PROBE_PORT, type ProbeEnd, probeFrame, VXLAN_PORT } from "./probe-frame.ts";

/** Between two probes of a node, in milliseconds; longer where there are many, so that PROBES_PER_SECOND_MAX go out in all. */
const PROBE_INTERVAL_MS = 1_000;
const PROBES_PER_SECOND_MAX = 50;

export interface ProbedPeer extends ProbeEnd {
	/** Where its VXLAN port is, as the node list says. */
	host: string;
}

export interface PathProberOptions {
	clock: Clock;
	log: Logger;
	own: ProbeEnd;
	/** The direct way to a node is lost, or is there again. */
	changed(peer: string, direct: boolean): void;
}

export class PathProber {
	readonly #options: PathProberOptions;
	readonly #peers = new Map<string, { peer: ProbedPeer; state: PathState }>();
	readonly #halt = new AbortController();
	#out: Socket | undefined;
	#in: Socket | undefined;
	#nonce = 0;
	#asking: Promise<void> | undefined;

	constructor(options: PathProberOptions) {
		this.#options = options;
	}

	/** The node's own end of the pod network must be there. */
	async start(): Promise<void> {
		if (this.#asking) return;
		this.#out ??= await bound(0, undefined);
		this.#in ??= await bound(PROBE_PORT, this.#options.own.address);
		this.#in.on("message", (body, { address }) => this.#receive(body, address));
		this.#asking = this.#ask();
	}

	/** Starts from the belief that the node is reached; of one that moves, what was found out is believed until its probes show otherwise. */
	set(name: string, peer: ProbedPeer | undefined): void {
		if (peer) this.#peers.set(name, { peer, state: this.#peers.get(name)?.state ?? new PathState() });
		else this.#peers.delete(name);
	}

	async stop(): Promise<void> {
		this.#halt.abort();
		await this.#asking;
		this.#in?.close();
		this.#out?.close();
	}

	async #ask(): Promise<void> {
		while (!this.#halt.signal.aborted) {
			for (const [name, { peer, state }] of this.#peers) {
				this.#nonce = (this.#nonce + 1) >>> 0;
				this.#watch(name, state, () => state.ask(this.#nonce));
				this.#send(peer, { answer: false, nonce: this.#nonce });
			}
			await sleep(this.#options.clock, Math.max(PROBE_INTERVAL_MS, (this.#peers.size * 1_000) / PROBES_PER_SECOND_MAX), this.#halt.signal);
		}
	}

	#receive(body: Buffer, from: string): void {
		const probe = decodeProbe(body);
		const found = [...this.#peers].find(([, { peer }]) => peer.address === from);
		if (!probe || !found) return;
		const [name, { peer, state }] = found;
		if (probe.answer) this.#watch(name, state, () => state.answered(probe.nonce));
		else this.#send(peer, { answer: true, nonce: probe.nonce });
	}

	#watch(name: string, state: PathState, act: () => void): void {
		const before = state.direct;
		act();
		if (state.direct !== before) this.#options.changed(name, state.direct);
	}

	#send(peer: ProbedPeer, probe: Probe): void {
		// An address that nothing leads to is a node that is not reached.
		this.#out?.send(probeFrame(this.#options.own, peer, probe), VXLAN_PORT, peer.host, () => undefined);
	}
}

async function bound(port: number, address: string | undefined): Promise<Socket> {
	const socket = createSocket("udp4");
	socket.bind(port, address);
	await once(socket, "listening");
	socket.on("error", () => undefined);
	return socket;
}
