/** One hibernatable socket to one Durable Object: the object may sleep while the front door holds the client's stream. */
import type { ApiRequest } from "../core/api/request.ts";
import type { ObjectStub } from "../objects/addresses.ts";
import { CLIENT_GONE_CODE } from "../objects/rpc.ts";
import { requestHeaders, withRetry } from "./object-call.ts";

export interface FeedEvents {
	/** One or more lines. */
	message(text: string): void;
	/** The object, or the network, ended the feed. */
	closed(code: number, reason: string): void;
}

export interface Feed {
	/** Tells the object that nobody listens any more: CLIENT_GONE_CODE unless the feed has served its purpose. */
	close(code?: number): void;
}

export type OpenedFeed = { ok: true; feed: Feed } | { ok: false; response: Response };

/** The socket that an upgrade answered with, listened to; events may come before this returns. */
export function listen(socket: WebSocket, events: FeedEvents): Feed {
	let open = true;
	socket.accept();
	socket.addEventListener("message", ({ data }) => {
		if (open && typeof data === "string") events.message(data);
	});
	const ended = (code: number, reason: string) => {
		if (!open) return;
		open = false;
		events.closed(code, reason);
	};
	socket.addEventListener("close", ({ code, reason }) => ended(code, reason));
	socket.addEventListener("error", () => ended(1006, ""));
	return {
		close(code = CLIENT_GONE_CODE) {
			if (!open) return;
			open = false;
			try {
				socket.close(code, code === CLIENT_GONE_CODE ? "the client has gone" : "");
			} catch {
				// It was closing already.
			}
		},
	};
}

export async function openFeed(
	stub: ObjectStub,
	cluster: string,
	request: ApiRequest,
	headers: Record<string, string>,
	events: FeedEvents,
): Promise<OpenedFeed> {
	const init = { headers: { Upgrade: "websocket", ...requestHeaders(cluster, request), ...headers } };
	const response = await withRetry("watch", () => stub.fetch("https://object/watch", init) as Promise<Response>);
	return response.webSocket ? { ok: true, feed: listen(response.webSocket, events) } : { ok: false, response };
}
