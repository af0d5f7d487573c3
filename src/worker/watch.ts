/** ?watch: joins the client's stream with the feed of one object, or of all namespaces. */
import type { ApiRequest } from "../core/api/request.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import { WATCH_EXPIRED_CODE } from "../objects/rpc.ts";
import { RESUME_OVERLAP_MS, revisionAt } from "../store/revision-clock.ts";
import { answer, type AnswerOptions, CACHE_CONTROL } from "./answer.ts";
import { Converter } from "./conversion.ts";
import type { FrontDoor } from "./front-door.ts";
import { ownerOf } from "./object-call.ts";
import { MergedWatch } from "./watch-all-namespaces.ts";
import { bookmarkEvent, EventEncoder, expiredEvent, parseEvents, versionOf } from "./watch-event.ts";
import { openFeed } from "./watch-feed.ts";
import { WatchStream } from "./watch-stream.ts";

/** A client that has gone is noticed by the write that fails: something is written this often, in milliseconds. */
const HEARTBEAT_MS = 20_000;
/** As kube-apiserver's --min-request-timeout: a watch that names no end gets one between this and twice this. */
const MIN_WATCH_SECONDS = 1_800;

/** What becomes of a watch's heartbeats: a bookmark where the client takes them, else a newline. */
export interface Heartbeat {
	/** The version a bookmark may carry now, or undefined when none can be told. */
	bookmarkVersion(nowMs: number): number | undefined;
}

function beat(stream: WatchStream, encoder: EventEncoder, kind: KindDefinition, request: ApiRequest, heartbeat: Heartbeat): void {
	const nowMs = Date.now();
	const version = request.query.allowWatchBookmarks ? heartbeat.bookmarkVersion(nowMs) : undefined;
	if (version !== undefined) stream.write(encoder.encode(bookmarkEvent(kind, version), nowMs));
	else if (!encoder.isProtobuf) stream.write("\n");
}

/** Ends the stream in time, keeps it alive until then, and answers with it. */
function streamResponse(c: FrontDoor, stream: WatchStream, encoder: EventEncoder, kind: KindDefinition, request: ApiRequest, heartbeat: Heartbeat): Response {
	const asked = request.query.timeoutSeconds ?? 0;
	const seconds = asked > 0 ? asked : MIN_WATCH_SECONDS * (1 + Math.random());
	const timer = setTimeout(() => stream.end(), seconds * 1000);
	const beats = setInterval(() => beat(stream, encoder, kind, request, heartbeat), HEARTBEAT_MS);
	const gone = () => stream.end();
	c.req.raw.signal?.addEventListener("abort", gone);
	stream.onEnd(() => {
		clearTimeout(timer);
		clearInterval(beats);
		c.req.raw.signal?.removeEventListener("abort", gone);
	});
	const type = encoder.isProtobuf ? "application/vnd.kubernetes.protobuf;stream=watch" : "application/json";
	// Proxies that compress hold a stream back until it ends.
	const headers = { "content-type": type, "cache-control": `${CACHE_CONTROL}, no-transform`, "content-encoding": "identity" };
	return new Response(stream.body, { headers });
}

/** The feed of one object: its events in its own order, so the last one is always an exact place to resume from. */
class SingleWatch implements Heartbeat {
	readonly #stream: WatchStream;
	readonly #encoder: EventEncoder;
	readonly #startVersion: number;
	readonly #sendsInitialEvents: boolean;
	/** The last event, as its line. */
	#lastLine = "";

	constructor(stream: WatchStream, encoder: EventEncoder, request: ApiRequest) {
		this.#stream = stream;
		this.#encoder = encoder;
		this.#startVersion = Number(request.query.resourceVersion ?? 0);
		this.#sendsInitialEvents = request.query.sendInitialEvents === true;
	}

	message(text: string): void {
		if (text.trim() === "") return;
		this.#lastLine = text.slice(text.lastIndexOf("\n", text.trimEnd().length - 1) + 1);
		const nowMs = Date.now();
		if (this.#encoder.passesThrough) {
			this.#stream.write(text.endsWith("\n") ? text : `${text}\n`);
			return;
		}
		for (const event of parseEvents(text)) this.#stream.write(this.#encoder.encode(event, nowMs));
	}

	closed(code: number, reason: string): void {
		if (code === WATCH_EXPIRED_CODE) this.#stream.write(this.#encoder.encode(expiredEvent(reason), Date.now()));
		this.#stream.end();
	}

	bookmarkVersion(nowMs: number): number | undefined {
		if (this.#sendsInitialEvents && this.#lastLine === "") return undefined;
		const last = parseEvents(this.#lastLine).at(-1);
		return Math.max(this.#startVersion, last ? versionOf(last) : 0, revisionAt(nowMs - RESUME_OVERLAP_MS));
	}
}

export async function serveWatch(c: FrontDoor, request: ApiRequest, options: AnswerOptions, acrossNamespaces: boolean): Promise<Response> {
	const { kind } = options;
	if (!kind) throw new Error("a watch needs a kind");
	const stream = new WatchStream();
	const encoder = new EventEncoder(options);
	const cluster = c.get("cluster");
	if (acrossNamespaces) {
		const merged = new MergedWatch(c.env, cluster, request, kind, stream, encoder);
		const refusal = await merged.open();
		return refusal ? answer(refusal, options) : streamResponse(c, stream, encoder, kind, request, merged);
	}
	const single = new SingleWatch(stream, encoder, request);
	const events = Converter.of(c.env, cluster, kind)?.feed(single) ?? single;
	const opened = await openFeed(ownerOf(c.env, cluster, request), cluster, request, {}, events);
	if (!opened.ok) return answer(opened.response, options);
	stream.onEnd(() => opened.feed.close());
	return streamResponse(c, stream, encoder, kind, request, single);
}
