/** A request's hold on a Service whose pods may sleep: wakes them, tells when one is ready, and keeps them awake until it is closed. */
import { serviceKey } from "../../core/edge/edge-table.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { edgeObject } from "../../objects/addresses.ts";
import { CLUSTER_HEADER, LEASE_HEADER } from "../../objects/rpc.ts";

const NORMAL_CLOSURE = 1000;

export class Lease {
	readonly #socket: WebSocket;
	#isReady = false;
	#wake: () => void = () => undefined;

	private constructor(socket: WebSocket) {
		this.#socket = socket;
		socket.addEventListener("message", () => {
			this.#isReady = true;
			this.#wake();
		});
		socket.addEventListener("close", () => this.#wake());
		socket.accept();
	}

	/** Undefined when the Edge object gives none. */
	static async open(env: WorkerEnv, cluster: string, namespace: string, service: string): Promise<Lease | undefined> {
		const headers = { Upgrade: "websocket", [CLUSTER_HEADER]: cluster, [LEASE_HEADER]: serviceKey(namespace, service) };
		const { webSocket } = (await edgeObject(env, cluster).fetch("https://object/lease", { headers })) as Response;
		return webSocket ? new Lease(webSocket) : undefined;
	}

	/** Resolves once the Service has pods, or others than before; false when that is not so before the signal. */
	async ready(signal: AbortSignal): Promise<boolean> {
		if (!this.#isReady && !signal.aborted)
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
				signal.addEventListener("abort", () => resolve(), { once: true });
			});
		const isReady = this.#isReady;
		this.#isReady = false;
		return isReady && !signal.aborted;
	}

	close(): void {
		try {
			this.#socket.close(NORMAL_CLOSURE);
		} catch {
			// Closed already.
		}
	}
}
