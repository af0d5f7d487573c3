/**
 * The nodes that this one cannot reach directly, and so not they it: behind a NAT, behind a firewall, or while a link is cut. Their pods
 * are reached through a relay of the control plane, which both dial, until the direct way is there (again).
 */
import type { NetworkRow } from "../../../core/protocol/agent-protocol.ts";
import type { NodeNetwork } from "../../agent-options.ts";
import { type Clock, sleep } from "../../clock.ts";
import type { ControlPlaneClient } from "../../control-plane-client.ts";
import type { Logger } from "../../log.ts";
import type { PodRoutes } from "../pod-routes.ts";
import { PathProber } from "./path-prober.ts";
import { destinationMac } from "./probe-frame.ts";
import { RelayLink } from "./relay-link.ts";
import { RelayPort } from "./relay-port.ts";

/** A relay that is not needed any more takes in for this long what the other side still sends, in milliseconds. */
const LINGER_MS = 5_000;

export interface RelayedPathsOptions {
	routes: PodRoutes;
	client: ControlPlaneClient;
	clock: Clock;
	log: Logger;
}

export class RelayedPaths implements NodeNetwork {
	readonly #options: RelayedPathsOptions;
	readonly #prober: PathProber;
	readonly #links = new Map<string, RelayLink>();
	/** By the hardware address of their end of the pod network. */
	readonly #byMac = new Map<string, string>();
	readonly #lost = new Set<string>();
	readonly #halt = new AbortController();
	#port: RelayPort | undefined;
	#opening: Promise<void> | undefined;

	constructor(options: RelayedPathsOptions) {
		this.#options = options;
		const { clock, log, routes } = options;
		this.#prober = new PathProber({ clock, log, own: routes.own, changed: (peer, direct) => this.#changed(peer, direct) });
	}

	async start(): Promise<void> {
		await this.#options.routes.start();
	}

	async apply(rows: readonly NetworkRow[]): Promise<void> {
		const { routes } = this.#options;
		await routes.apply(rows);
		const changed = rows.filter(({ kind }) => kind === "node");
		for (const row of changed) if (row.kind === "node") this.#take(row.name);
		if (this.#byMac.size > 0) await this.#prober.start();
	}

	#take(name: string): void {
		const end = this.#options.routes.endOf(name);
		const known = [...this.#byMac].find(([, node]) => node === name)?.[0];
		if (known !== undefined && known !== end?.mac) this.#byMac.delete(known);
		if (end) this.#byMac.set(end.mac, name);
		this.#prober.set(name, end);
		if (!end && this.#lost.delete(name)) this.#leave(name);
	}

	#changed(peer: string, direct: boolean): void {
		const { client, clock, log } = this.#options;
		if (direct) {
			this.#lost.delete(peer);
			log.info("a node is reached directly again", { node: peer });
			this.#leave(peer);
			return;
		}
		this.#lost.add(peer);
		if (this.#links.has(peer)) return this.#relay(peer);
		log.info("a node is not reached directly: its pods are reached through a relay once it comes to it", { node: peer });
		const receive = (packet: Uint8Array) => this.#port?.inject(packet);
		this.#links.set(peer, new RelayLink({ client, clock, peer, receive, changed: () => this.#relay(peer) }));
	}

	/** Only a relay with both sides there is better than a way that may be there again. */
	#relay(peer: string): void {
		if (!this.#links.get(peer)?.joined || !this.#lost.has(peer)) return;
		this.#options.log.info("a node is reached through a relay", { node: peer });
		this.#way(peer, true);
	}

	#leave(peer: string): void {
		this.#way(peer, false);
		void sleep(this.#options.clock, LINGER_MS, this.#halt.signal).then(async () => {
			if (this.#lost.has(peer)) return;
			const link = this.#links.get(peer);
			this.#links.delete(peer);
			await link?.close();
		});
	}

	#way(peer: string, relayed: boolean): void {
		const { routes, log } = this.#options;
		const opened = relayed ? (this.#opening ??= this.#open()) : Promise.resolve();
		opened
			.then(() => routes.setRelayed(peer, relayed))
			.catch((error: unknown) => {
				this.#opening = undefined;
				log.error("the way to a node could not be changed", { node: peer, error });
			});
	}

	/** A node that reaches all others needs none of it. */
	async #open(): Promise<void> {
		this.#port ??= await RelayPort.open((frame) => this.#send(frame));
		await this.#options.routes.openRelay(this.#port.port);
	}

	#send(frame: Buffer): void {
		const peer = this.#byMac.get(destinationMac(frame) ?? "");
		if (peer !== undefined) this.#links.get(peer)?.send(frame);
	}

	async stop(options: { removeAll: boolean }): Promise<void> {
		this.#halt.abort();
		await this.#prober.stop();
		await Promise.all([...this.#links.values()].map((link) => link.close()));
		this.#links.clear();
		this.#port?.close();
		await this.#options.routes.stop(options);
	}
}
