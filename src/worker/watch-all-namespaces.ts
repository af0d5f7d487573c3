/**
 * A watch across namespaces: one feed per Namespace object, merged, and a feed of the Cluster object's namespaces, so that
 * a new namespace joins from its beginning.
 *
 * A client resumes from the version of the last event it saw. So what the feeds missed is sent in order of version, and
 * an event that comes after the client was promised there would be none like it (a bookmark above it, or an event later
 * than it by more than the overlap that a resume looks back) ends the watch with 410 instead.
 */
import type { ApiRequest, UserInfo } from "../core/api/request.ts";
import { StatusError } from "../core/errors/status-error.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import { GROUP_MASTERS, type WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import { AUTHORIZED_HEADER, WATCH_EXPIRED_CODE } from "../objects/rpc.ts";
import { RESUME_OVERLAP_MS, REVISIONS_PER_MS, revisionAt } from "../store/revision-clock.ts";
import { inParallel } from "../objects/parallel.ts";
import { Converter } from "./conversion.ts";
import type { Heartbeat } from "./watch.ts";
import { bookmarkEvent, type EventEncoder, expiredEvent, INITIAL_EVENTS_END, isInitialEnd, parseEvents, versionOf, type WatchEvent } from "./watch-event.ts";
import { openFeed } from "./watch-feed.ts";
import { MAX_BACKLOG_BYTES, type WatchStream } from "./watch-stream.ts";

/** Feeds opened at the same time. */
const FAN_OUT = 32;
const OVERLAP_REVISIONS = RESUME_OVERLAP_MS * REVISIONS_PER_MS;

/** The registry is the server's own affair: who may watch pods everywhere need not be allowed to watch namespaces. */
const SERVER_ITSELF: UserInfo = { name: "system:apiserver", groups: [GROUP_MASTERS] };
const AUTHORIZED = { [AUTHORIZED_HEADER]: "1" };

export class MergedWatch implements Heartbeat {
	readonly #env: WorkerEnv;
	readonly #cluster: string;
	readonly #request: ApiRequest;
	readonly #kind: KindDefinition;
	readonly #stream: WatchStream;
	readonly #encoder: EventEncoder;
	readonly #namespaces = new Set<string>();
	/** Feeds of the beginning that have not sent their first message yet. */
	readonly #pending = new Set<string>();
	/** What came before all of those had. */
	#held: string[] = [];
	#heldBytes = 0;
	#live = false;
	/** The lowest version that a feed ended its initial events at. */
	#initialEnd = Number.POSITIVE_INFINITY;
	#lastDelivered = 0;
	#promised = 0;

	constructor(env: WorkerEnv, cluster: string, request: ApiRequest, kind: KindDefinition, stream: WatchStream, encoder: EventEncoder) {
		this.#env = env;
		this.#cluster = cluster;
		this.#request = request;
		this.#kind = kind;
		this.#stream = stream;
		this.#encoder = encoder;
		this.#promised = Number(request.query.resourceVersion ?? 0);
	}

	/** The refusal of an object, if one refuses. @throws StatusError 403 when the user may not watch across namespaces. */
	async open(): Promise<Response | undefined> {
		const owner = clusterObject(this.#env, this.#cluster);
		const refusal = await owner.authorizeCluster(this.#request);
		if (refusal) throw StatusError.from(refusal);
		const names = await owner.namespaces();
		for (const name of names) {
			this.#namespaces.add(name);
			this.#pending.add(name);
		}
		const refused = (await inParallel(names, FAN_OUT, (name) => this.#openFeed(name, this.#request))).find((response) => response !== undefined);
		const response = refused ?? (await this.#followRegistry());
		if (response) this.#stream.end();
		else this.#goLiveWhenReady();
		return response;
	}

	bookmarkVersion(nowMs: number): number | undefined {
		const cut = revisionAt(nowMs - RESUME_OVERLAP_MS);
		// A bookmark below what the client has already would take it back.
		if (!this.#live || cut <= Math.max(this.#promised, this.#lastDelivered)) return undefined;
		this.#promised = cut;
		return cut;
	}

	async #openFeed(namespace: string, request: ApiRequest): Promise<Response | undefined> {
		const stub = namespaceObject(this.#env, this.#cluster, namespace);
		const own = { message: (text: string) => this.#message(namespace, text), closed: (code: number, reason: string) => this.#closed(code, reason) };
		const events = Converter.of(this.#env, this.#cluster, this.#kind)?.feed(own) ?? own;
		const opened = await openFeed(stub, this.#cluster, request, AUTHORIZED, events);
		if (!opened.ok) return opened.response;
		this.#stream.onEnd(() => opened.feed.close());
		return undefined;
	}

	/** The registry's own watch begins with every namespace there is, so none is lost between asking and watching. */
	async #followRegistry(): Promise<Response | undefined> {
		const request: ApiRequest = {
			...this.#request,
			group: "",
			version: "v1",
			resource: "namespaces",
			subresource: "",
			name: "",
			query: { raw: [] },
			user: SERVER_ITSELF,
			body: "",
		};
		const events = { message: (text: string) => this.#namespacesChanged(text), closed: (code: number, reason: string) => this.#closed(code, reason) };
		const opened = await openFeed(clusterObject(this.#env, this.#cluster), this.#cluster, request, AUTHORIZED, events);
		if (!opened.ok) return opened.response;
		this.#stream.onEnd(() => opened.feed.close());
		return undefined;
	}

	#namespacesChanged(text: string): void {
		for (const event of parseEvents(text)) {
			const name = "metadata" in event.object && "name" in event.object.metadata ? (event.object.metadata.name ?? "") : "";
			if (event.type !== "ADDED" || name === "" || this.#namespaces.has(name)) continue;
			this.#namespaces.add(name);
			this.#join(name).catch((cause: unknown) => {
				console.error(JSON.stringify({ level: "error", message: "a namespace could not join a watch", namespace: name, cause: String(cause) }));
				this.#stream.end();
			});
		}
	}

	/** A namespace that is new since the watch began: all it holds is news. */
	async #join(namespace: string): Promise<void> {
		const { resourceVersion: _, resourceVersionMatch: __, sendInitialEvents: ___, ...query } = this.#request.query;
		const refused = await this.#openFeed(namespace, { ...this.#request, query });
		if (refused) this.#stream.end();
	}

	#message(namespace: string, text: string): void {
		if (this.#live) {
			this.#deliver(parseEvents(text));
			return;
		}
		this.#held.push(text);
		this.#heldBytes += text.length;
		this.#pending.delete(namespace);
		if (this.#heldBytes > MAX_BACKLOG_BYTES && this.#resumes()) this.#expire("more was missed than can be put in order");
		else this.#goLiveWhenReady();
	}

	#resumes(): boolean {
		const { resourceVersion = "0", sendInitialEvents } = this.#request.query;
		return resourceVersion !== "0" && !sendInitialEvents;
	}

	#goLiveWhenReady(): void {
		if (this.#live || this.#pending.size > 0) return;
		this.#live = true;
		const events = this.#held.flatMap(parseEvents);
		this.#held = [];
		const shown = events.filter((event) => !this.#noteInitialEnd(event));
		if (this.#resumes()) shown.sort((a, b) => versionOf(a) - versionOf(b));
		for (const event of shown) this.#send(event);
		if (this.#request.query.sendInitialEvents && this.#request.query.allowWatchBookmarks) this.#endInitialEvents();
	}

	#noteInitialEnd(event: WatchEvent): boolean {
		if (!isInitialEnd(event)) return false;
		this.#initialEnd = Math.min(this.#initialEnd, versionOf(event));
		return true;
	}

	/** The lowest of the feeds' ends is a cut of all; so is any moment further back than the overlap. */
	#endInitialEvents(): void {
		const recent = revisionAt(Date.now() - RESUME_OVERLAP_MS);
		const version = Number.isFinite(this.#initialEnd) ? Math.max(this.#initialEnd, recent) : recent;
		this.#promised = version;
		this.#send(bookmarkEvent(this.#kind, version, { [INITIAL_EVENTS_END]: "true" }));
	}

	#deliver(events: readonly WatchEvent[]): void {
		for (const event of events) {
			if (this.#stream.ended) return;
			if (event.type === "BOOKMARK") continue;
			const version = versionOf(event);
			if (version <= Math.max(this.#promised, this.#lastDelivered - OVERLAP_REVISIONS)) this.#expire("a namespace lags behind the others");
			else this.#send(event);
		}
	}

	#send(event: WatchEvent): void {
		if (event.type !== "BOOKMARK") this.#lastDelivered = Math.max(this.#lastDelivered, versionOf(event));
		this.#stream.write(this.#encoder.encode(event, Date.now()));
	}

	#closed(code: number, reason: string): void {
		if (code === WATCH_EXPIRED_CODE) this.#expire(reason);
		else this.#stream.end();
	}

	#expire(reason: string): void {
		this.#stream.write(this.#encoder.encode(expiredEvent(reason), Date.now()));
		this.#stream.end();
	}
}
