/** A client that lists once and then only watches, as an informer does: what it believes must equal the store in the end. */
import type { ApiRequest } from "../../src/core/api/request.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";
import { WATCH_EXPIRED_CODE } from "../../src/objects/rpc.ts";
import type { WatchSocket } from "../../src/objects/watch-hub.ts";
import type { World } from "./world.ts";

interface WatchEvent {
	type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
	object: KubeObject;
}

export class Watcher {
	readonly cache = new Map<string, KubeObject>();
	readonly violations: string[] = [];
	readonly #world: World;
	readonly #namespace: string;
	readonly #resource: { group: string; resource: string };
	#socket: WatchSocket | undefined;
	#lastVersion = "";

	constructor(world: World, namespace: string, resource: { group: string; resource: string }) {
		this.#world = world;
		this.#namespace = namespace;
		this.#resource = resource;
	}

	/** Starts, or resumes from the last event seen; lists anew when that is compacted away. */
	connect(): void {
		const { hub } = this.#world.namespace(this.#namespace).core;
		if (this.#socket !== undefined) hub.remove(this.#socket);
		const socket: WatchSocket = {
			send: (text) => {
				if (this.#socket === socket) for (const line of text.split("\n")) if (line !== "") this.#take(JSON.parse(line) as WatchEvent);
			},
			close: (code) => {
				if (code !== WATCH_EXPIRED_CODE) return;
				this.cache.clear();
				this.#lastVersion = "";
				this.connect();
			},
		};
		this.#socket = socket;
		if (this.#lastVersion === "") this.cache.clear();
		hub.start(this.#request(), socket);
	}

	#request(): ApiRequest {
		const query = { raw: [] as [string, string][], ...(this.#lastVersion ? { resourceVersion: this.#lastVersion } : {}) };
		return {
			verb: "watch",
			version: "v1",
			subresource: "",
			namespace: this.#namespace,
			name: "",
			query,
			user: { name: "sim", groups: ["system:masters"] },
			body: "",
			userAgent: "sim",
			...this.#resource,
		};
	}

	#take({ type, object }: WatchEvent): void {
		const { uid = "", resourceVersion = "", name } = object.metadata;
		const known = this.cache.get(uid);
		if (known && Number(known.metadata.resourceVersion) >= Number(resourceVersion))
			this.violations.push(`${type} ${name} went back from ${known.metadata.resourceVersion} to ${resourceVersion}`);
		if (type === "ADDED" && known) this.violations.push(`${name} was added twice`);
		if (type !== "ADDED" && type !== "BOOKMARK" && !known) this.violations.push(`${type} of ${name}, which was never added`);
		if (type === "DELETED") this.cache.delete(uid);
		else this.cache.set(uid, object);
		if (Number(resourceVersion) > Number(this.#lastVersion)) this.#lastVersion = resourceVersion;
	}
}
