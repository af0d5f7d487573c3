/** What starts and ends, as containerd tells it; while it does, nobody has to ask often. */
import { decodeMessage, type Message } from "../../../core/codec/message.ts";
import type { GrpcClient } from "./grpc-client.ts";
import { NATIVE, TaskExit, TaskStart } from "./native-messages.ts";

const RESUBSCRIBE_MS = 500;

export interface TaskEventsOptions {
	client: GrpcClient;
	/** The pod of a container or a sandbox; undefined when there is no such thing. */
	podOf(id: string): Promise<string | undefined>;
	/** containerd's stream ended: sees to it that it runs. */
	restart(): Promise<unknown>;
}

export class TaskEvents {
	readonly #options: TaskEventsOptions;
	readonly #listeners = new Set<(podUid: string) => void>();
	#halt: AbortController | undefined;
	#flowing = false;

	constructor(options: TaskEventsOptions) {
		this.#options = options;
	}

	/** Whether what happens now is told. */
	get flowing(): boolean {
		return this.#flowing;
	}

	listen(listener: (podUid: string) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	start(): void {
		if (this.#halt !== undefined) return;
		this.#halt = new AbortController();
		void this.#follow(this.#halt.signal);
	}

	stop(): void {
		this.#halt?.abort();
		this.#halt = undefined;
	}

	/** The stream ends when containerd does, which is then started again. */
	async #follow(signal: AbortSignal): Promise<void> {
		const filters = ['topic=="/tasks/start"', 'topic=="/tasks/exit"'];
		while (!signal.aborted) {
			this.#flowing = true;
			await this.#options.client.follow(NATIVE.subscribe, { filters }, (message) => void this.#take(message), signal);
			this.#flowing = false;
			if (!signal.aborted) await new Promise((done) => setTimeout(done, RESUBSCRIBE_MS).unref());
			if (!signal.aborted) await this.#options.restart().catch(() => undefined);
		}
	}

	async #take(envelope: Message): Promise<void> {
		const type = envelope["topic"] === "/tasks/exit" ? TaskExit : TaskStart;
		const bytes = (envelope["event"] as Message | undefined)?.["value"] as Uint8Array | undefined;
		const event = decodeMessage(type, bytes ?? new Uint8Array());
		const id = String(event["containerId"] ?? "");
		// Of an exec in the container.
		if (event["id"] !== undefined && event["id"] !== id) return;
		const podUid = await this.#options.podOf(id);
		if (podUid !== undefined) for (const listener of this.#listeners) listener(podUid);
	}
}
