/** Opens the tunnels that the control plane asks for and serves their streams: requests to pods of this node and to what it reaches. */
import type { Duplex } from "node:stream";
import type { TunnelCommand } from "../../core/protocol/agent-protocol.ts";
import { type RequestHead, TUNNELS_MAX } from "../../core/tunnel/frame.ts";
import type { ControlPlaneClient } from "../control-plane-client.ts";
import type { KubeletApi } from "../kubelet-api.ts";
import type { Logger } from "../log.ts";
import { exchangeBytes } from "./byte-exchange.ts";
import { exchangeHttp } from "./http-exchange.ts";
import { PlaceAgent, type Place, TargetError } from "./target-connection.ts";
import { TunnelSocket } from "./tunnel-socket.ts";
import type { TunnelStream } from "./tunnel-stream.ts";
import { exchangeWebSocket } from "./web-socket-exchange.ts";

/** Ids remembered, so that a command that comes twice is served once. */
const MAX_REMEMBERED_IDS = 1_024;

export interface TunnelServerOptions {
	client: ControlPlaneClient;
	log: Logger;
	/** Shorter in tests. */
	idleMs?: number;
	kubelet: KubeletApi;
	/** A TCP connection into a pod of this node, or to an address. */
	dial(place: Place): Promise<Duplex>;
}

export class TunnelServer {
	readonly #options: TunnelServerOptions;
	readonly #seen = new Set<string>();
	readonly #open = new Map<number, TunnelSocket>();
	readonly #agent: PlaceAgent;
	#stopped = false;

	constructor(options: TunnelServerOptions) {
		this.#options = options;
		this.#agent = new PlaceAgent((place) => options.dial(place));
	}

	/** Returns at once; the tunnel lives on its own. */
	handle({ id, tunnel }: TunnelCommand): void {
		if (this.#stopped || this.#seen.has(id) || !Number.isInteger(tunnel) || tunnel < 0 || tunnel >= TUNNELS_MAX) return;
		this.#seen.add(id);
		if (this.#seen.size > MAX_REMEMBERED_IDS) this.#seen.delete(this.#seen.values().next().value as string);
		const former = this.#open.get(tunnel);
		if (former?.dialling) return;
		// The control plane asks when it has no socket: one that this side still believes in is dead.
		former?.terminate();
		const { client, log, idleMs } = this.#options;
		const socket = new TunnelSocket({ client, tunnel, ...(idleMs === undefined ? {} : { idleMs }), serve: (stream, head) => this.#serve(stream, head) });
		this.#open.set(tunnel, socket);
		log.debug("a tunnel opens", { tunnel });
		void socket.closed.then(() => {
			if (this.#open.get(tunnel) === socket) this.#open.delete(tunnel);
		});
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		const sockets = [...this.#open.values()];
		for (const socket of sockets) socket.terminate();
		await Promise.all(sockets.map((socket) => socket.closed));
		this.#agent.destroy();
	}

	async #serve(stream: TunnelStream, head: RequestHead): Promise<void> {
		try {
			if (head.target.kind === "node") await this.#options.kubelet.serve(stream, head);
			else if (head.raw) await exchangeBytes(stream, head.target, (place) => this.#options.dial(place));
			else if (head.webSocket) await exchangeWebSocket(stream, head, head.target, (place) => this.#options.dial(place));
			else await exchangeHttp(stream, head, head.target, this.#agent);
		} catch (error) {
			if (error instanceof TargetError) stream.reset(error.fault);
			else {
				if (!stream.signal.aborted) this.#options.log.warn("a tunnel's stream ended with an error", { error });
				stream.reset({ code: "lost", message: (error as Error).message });
			}
		}
	}
}
