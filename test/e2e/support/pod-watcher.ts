/** Lists pods, then watches them as an informer does: a watch that ends is taken up again from the last version seen. */
import type { ClientRequest, IncomingMessage } from "node:http";
import { request } from "node:https";
import { createInterface } from "node:readline";
import type { Pod, PodList } from "../../../src/core/schema/kubernetes.d.ts";
import { apiClient } from "./config-map-writer.ts";
import type { Petrel } from "./petrel.ts";

const PATH = "/api/v1/namespaces/default/pods";
const PAUSE_MS = 100;

export interface PodEvent {
	type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
	object: Pod;
}

export class PodWatcher {
	/** Every change of a pod since the first list, in the order of its arrival. */
	readonly events: PodEvent[] = [];
	/** Watches that were begun. */
	connections = 0;
	readonly #petrel: Petrel;
	readonly #pods = new Map<string, string>();
	#version = "";
	#request: ClientRequest | undefined;
	#stopped = false;
	#running: Promise<void> = Promise.resolve();
	#changed: () => void = () => {};

	constructor(petrel: Petrel) {
		this.#petrel = petrel;
	}

	async start(): Promise<void> {
		const list = await apiClient(this.#petrel).call<PodList>("GET", PATH);
		for (const pod of list.items) this.#pods.set(pod.metadata.uid ?? "", pod.metadata.resourceVersion ?? "");
		this.#version = list.metadata?.resourceVersion ?? "";
		this.#running = this.#follow();
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		this.#request?.destroy();
		await this.#running;
	}

	/** Versions of the pods that there are, by uid, as this client believes. */
	get pods(): ReadonlyMap<string, string> {
		return this.#pods;
	}

	/** Resolves once the events so far satisfy the condition. */
	async until(condition: (events: readonly PodEvent[], pods: ReadonlyMap<string, string>) => boolean): Promise<void> {
		while (!condition(this.events, this.#pods)) await new Promise<void>((next) => (this.#changed = next));
	}

	async #follow(): Promise<void> {
		while (!this.#stopped) {
			await this.#watch().catch(() => undefined);
			if (!this.#stopped) await new Promise((next) => setTimeout(next, PAUSE_MS));
		}
	}

	#watch(): Promise<void> {
		const { data } = this.#petrel;
		const url = `${data.runState()?.server}${PATH}?watch=true&allowWatchBookmarks=true&resourceVersion=${this.#version}`;
		return new Promise((resolve, reject) => {
			const headers = { authorization: `Bearer ${data.read("admin.token")}` };
			this.#request = request(url, { ca: data.read("ca.crt") ?? "", headers, agent: false }, (response) => void this.#read(response).then(resolve, reject));
			this.#request.on("error", reject);
			this.#request.end();
		});
	}

	async #read(response: IncomingMessage): Promise<void> {
		if (response.statusCode !== 200) return void response.resume();
		this.connections++;
		for await (const line of createInterface({ input: response })) if (line.trim() !== "") this.#take(JSON.parse(line) as PodEvent);
	}

	#take(event: PodEvent): void {
		if (event.type === "ERROR") throw new Error(`the watch failed: ${JSON.stringify(event.object)}`);
		const { uid = "", resourceVersion = "" } = event.object.metadata;
		this.#version = resourceVersion;
		if (event.type === "BOOKMARK") return;
		if (event.type === "DELETED") this.#pods.delete(uid);
		else this.#pods.set(uid, resourceVersion);
		this.events.push(event);
		this.#changed();
	}
}
