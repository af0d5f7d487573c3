/** What the Durable Object classes of Cluster and Namespace share: lists, watches and the sockets that hibernate under them. */
import type { ApiRequest } from "../core/api/request.ts";
import { resourceOf } from "../core/kinds/define-kind.ts";
import { errorAnswer } from "./answers.ts";
import type { ResourceCore } from "./resource-core.ts";
import { AT_LEAST_HEADER, IF_CHANGED_SINCE_HEADER, ITEM_COUNT_HEADER, ITEMS_ONLY_HEADER, VERSION_HEADER } from "./rpc.ts";
import { kindOf } from "./verbs/dispatch.ts";
import { itemsText, listText, planList } from "./verbs/list.ts";
import type { WatchSpec } from "./watch-hub.ts";

const WATCH_TAG = "watch";
const JSON_TYPE = { "content-type": "application/json" };

/** A collection as a stream of its stored texts. With the headers of a consistent cut: 304 when nothing changed. */
export function streamList(core: ResourceCore, http: Request, request: ApiRequest): Response {
	const { server } = core;
	const kind = kindOf(server, request);
	const atLeast = Number(http.headers.get(AT_LEAST_HEADER) ?? 0);
	if (atLeast > 0) server.store.clock.observe(atLeast);
	const since = http.headers.get(IF_CHANGED_SINCE_HEADER);
	if (since !== null && !server.store.log.changedSince(resourceOf(kind), Number(since))) return new Response(null, { status: 304 });
	const plan = planList(server, kind, request);
	if (http.headers.get(ITEMS_ONLY_HEADER) !== "1") return new Response(streamOf(listText(server, kind, plan)), { headers: JSON_TYPE });
	const headers = { ...JSON_TYPE, [ITEM_COUNT_HEADER]: String(plan.items.length), [VERSION_HEADER]: String(plan.resourceVersion) };
	return new Response(streamOf(itemsText(server, kind, plan)), { headers });
}

/** A piece at a time, as they are read. */
function streamOf(pieces: Iterator<string | Uint8Array>): ReadableStream<Uint8Array> {
	const encoder = new TextEncoder();
	return new ReadableStream<Uint8Array>({
		pull(controller) {
			const next = pieces.next();
			if (next.done) controller.close();
			else controller.enqueue(typeof next.value === "string" ? encoder.encode(next.value) : next.value);
		},
	});
}

/** Starts a watch on a socket that may hibernate. */
export function openWatch(ctx: DurableObjectState, core: ResourceCore, request: ApiRequest): Response {
	kindOf(core.server, request);
	const { 0: client, 1: server } = new WebSocketPair();
	ctx.acceptWebSocket(server, [WATCH_TAG]);
	try {
		server.serializeAttachment(core.hub.start(request, server));
	} catch (error) {
		server.close(1011, "the watch could not start");
		return errorAnswer(error, `watch ${request.resource}`);
	}
	return new Response(null, { status: 101, webSocket: client });
}

/** Takes up the watches again whose sockets outlived the object's sleep. */
export function resumeWatches(ctx: DurableObjectState, core: ResourceCore): void {
	for (const socket of ctx.getWebSockets(WATCH_TAG)) {
		const spec = socket.deserializeAttachment() as WatchSpec | null;
		if (spec !== null && socket.readyState === WebSocket.OPEN) core.hub.add(spec, socket);
	}
}
