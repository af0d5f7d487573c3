/**
 * The watches of one Durable Object. A watch's socket hibernates: what it wants is kept in its attachment, and the hub is
 * filled again from the sockets when the object wakes.
 */
import type { ApiQuery, ApiRequest } from "../core/api/request.ts";
import { invalid } from "../core/errors/field-error.ts";
import { invalidObject, StatusError } from "../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition, resourceOf } from "../core/kinds/define-kind.ts";
import { isEvent, RESUME_OVERLAP_MS, REVISIONS_PER_MS, revisionAt } from "../store/revision-clock.ts";
import type { Change } from "../store/change-log.ts";
import type { Matcher, Summary } from "../store/store.ts";
import type { CommittedChange, ResourceServer } from "./resource-server.ts";
import { kindOf } from "./verbs/dispatch.ts";
import { matcherOf } from "./selection.ts";
import { WATCH_EXPIRED_CODE } from "./rpc.ts";

export interface WatchSocket {
	send(text: string): void;
	close(code: number, reason: string): void;
}

/** What a watch wants; small enough for a socket's attachment. */
export interface WatchSpec {
	group: string;
	version: string;
	resource: string;
	query: Pick<ApiQuery, "labelSelector" | "fieldSelector">;
}

interface Watcher {
	socket: WatchSocket;
	kind: KindDefinition;
	matcher: Matcher | undefined;
}

/** A message of a watch's start is at most about this long: the platform bounds a message's size. */
const START_MESSAGE_CHARACTERS = 256 * 1024;

export const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

const line = (type: string, objectText: string): string => `{"type":"${type}","object":${objectText}}\n`;

/** The event that a watcher is shown for a change, or undefined: what enters a selection is ADDED, what leaves it DELETED. */
export function eventType(
	matcher: Matcher | undefined,
	name: string,
	type: "ADDED" | "MODIFIED" | "DELETED",
	summary: Summary,
	previous: Summary | null,
): "ADDED" | "MODIFIED" | "DELETED" | undefined {
	if (matcher === undefined) return type;
	const matched = previous !== null && matcher.matches(name, previous);
	const matches = type !== "DELETED" && matcher.matches(name, summary);
	if (matches) return matched ? "MODIFIED" : "ADDED";
	return matched ? "DELETED" : undefined;
}

export class WatchHub {
	readonly #server: ResourceServer;
	readonly #watchers = new Map<string, Map<WatchSocket, Watcher>>();
	/** Watches of kinds that are not known (any more, or yet). */
	readonly #unresolved = new Map<WatchSocket, WatchSpec>();
	readonly #specs = new Map<WatchSocket, WatchSpec>();

	constructor(server: ResourceServer) {
		this.#server = server;
	}

	get size(): number {
		let size = 0;
		for (const watchers of this.#watchers.values()) size += watchers.size;
		return size;
	}

	/** Takes up a watch after its start, or again after hibernation. */
	add(spec: WatchSpec, socket: WatchSocket): void {
		const kind = this.#server.kinds.byResource(spec.group, spec.version, spec.resource);
		if (kind === undefined) {
			this.#unresolved.set(socket, spec);
			return;
		}
		this.#specs.set(socket, spec);
		const resource = resourceOf(kind);
		const watchers = this.#watchers.get(resource) ?? new Map<WatchSocket, Watcher>();
		watchers.set(socket, { socket, kind, matcher: matcherOf(kind, spec.query, this.#server.namespace) });
		this.#watchers.set(resource, watchers);
	}

	remove(socket: WatchSocket): void {
		for (const watchers of this.#watchers.values()) watchers.delete(socket);
		this.#unresolved.delete(socket);
		this.#specs.delete(socket);
	}

	/** The kinds have changed: each watch goes on with what its kind is now, or ends. */
	kindsChanged(): void {
		const specs = [...this.#specs, ...this.#unresolved];
		this.#watchers.clear();
		this.#specs.clear();
		this.#unresolved.clear();
		for (const [socket, spec] of specs) this.add(spec, socket);
		for (const socket of this.#unresolved.keys()) socket.close(WATCH_EXPIRED_CODE, "the kind is no longer served");
		this.#unresolved.clear();
	}

	/** Sends committed changes to whom they concern. */
	publish(changes: readonly CommittedChange[]): void {
		for (const change of changes) {
			const watchers = this.#watchers.get(change.resource);
			if (watchers === undefined || watchers.size === 0) continue;
			const type = change.object === undefined ? "DELETED" : change.old === undefined ? "ADDED" : "MODIFIED";
			for (const watcher of watchers.values()) {
				const shown = eventType(watcher.matcher, change.name, type, change.summary, change.previous);
				if (shown !== undefined) this.#send(watcher, line(shown, this.#server.shownText(watcher.kind, change.text)));
			}
		}
	}

	/**
	 * Sends what a new watch gets before live events: the state (resourceVersion absent or "0", or sendInitialEvents), or
	 * the changes since its resourceVersion. Synchronous with `add`, so nothing falls between.
	 */
	start(request: ApiRequest, socket: WatchSocket): WatchSpec {
		const kind = kindOf(this.#server, request);
		const spec: WatchSpec = { group: request.group, version: request.version, resource: request.resource, query: selectorsOf(request.query) };
		const matcher = matcherOf(kind, request.query, this.#server.namespace);
		const since = this.#startRevision(request);
		const lines = since === undefined ? this.#initialState(kind, matcher, request) : this.#missed(kind, matcher, since);
		if (lines === "expired") {
			socket.close(WATCH_EXPIRED_CODE, "too old resource version");
			return spec;
		}
		for (const message of messagesOf(lines)) socket.send(message);
		this.add(spec, socket);
		return spec;
	}

	/** Undefined: begin with the present state. */
	#startRevision({ query, namespace, group, resource }: ApiRequest): number | undefined {
		const { resourceVersion = "", sendInitialEvents } = query;
		if (sendInitialEvents || resourceVersion === "" || resourceVersion === "0") return undefined;
		if (!/^\d+$/.test(resourceVersion))
			throw invalidObject(group, resource, "", [
				invalid("resourceVersion", resourceVersion, `strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`),
			]);
		const revision = Number(resourceVersion);
		const { clock, log } = this.#server.store;
		if (revision > revisionAt(this.#server.ports.nowMs() + RESUME_OVERLAP_MS))
			throw new StatusError(504, "Timeout", `Too large resource version: ${revision}, current: ${clock.cut()}`, { retryAfterSeconds: 1 });
		// An event's revision is exact only in the object that made it: the others look further back.
		const foreign = namespace === "" && this.#server.namespace !== "" && isEvent(revision) && log.at(revision) === undefined;
		return foreign ? revision - RESUME_OVERLAP_MS * REVISIONS_PER_MS : revision;
	}

	#initialState(kind: KindDefinition, matcher: Matcher | undefined, request: ApiRequest): string[] {
		const { store } = this.#server;
		const resource = resourceOf(kind);
		const names = store.names(resource, matcher ? { matcher } : {});
		const events = names.map(({ name }) => line("ADDED", this.#server.shownText(kind, store.getText(resource, name)?.body ?? "null")));
		if (request.query.sendInitialEvents && request.query.allowWatchBookmarks)
			events.push(line("BOOKMARK", bookmark(kind, store.clock.cut(), { [INITIAL_EVENTS_END]: "true" })));
		return events;
	}

	#missed(kind: KindDefinition, matcher: Matcher | undefined, revision: number): string[] | "expired" {
		const changes = this.#server.store.log.since(resourceOf(kind), revision);
		if (changes === "expired") return "expired";
		return changes.map((change) => this.#missedLine(kind, matcher, change));
	}

	#missedLine(kind: KindDefinition, matcher: Matcher | undefined, change: Change): string {
		const summary = matcher === undefined ? { labels: {}, fields: {} } : this.#server.summaryOf(kind, JSON.parse(change.body));
		const type = eventType(matcher, change.name, change.type, summary, change.previous);
		return type === undefined ? "" : line(type, this.#server.shownText(kind, change.body));
	}

	#send(watcher: Watcher, text: string): void {
		try {
			watcher.socket.send(text);
		} catch {
			// The socket is closing; its close event removes it.
			this.remove(watcher.socket);
		}
	}
}

/** The lines in messages of a bounded size; at least one, for a watch across namespaces waits for the first of each object. */
function messagesOf(lines: readonly string[]): string[] {
	const messages = [""];
	for (const text of lines) {
		const last = messages.length - 1;
		if (messages[last] !== "" && (messages[last] ?? "").length + text.length > START_MESSAGE_CHARACTERS) messages.push(text);
		else messages[last] += text;
	}
	return messages.map((message) => message || "\n");
}

const selectorsOf = ({ labelSelector, fieldSelector }: ApiQuery): WatchSpec["query"] => ({
	...(labelSelector ? { labelSelector } : {}),
	...(fieldSelector ? { fieldSelector } : {}),
});

const bookmark = (kind: KindDefinition, revision: number, annotations: Record<string, string>): string =>
	JSON.stringify({ kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: { resourceVersion: String(revision), creationTimestamp: null, annotations } });
