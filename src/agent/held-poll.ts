/** The poll that waits for news: a WebSocket whose first message is the answer. Empty messages from both sides say that they are there. */
import { type RawData, WebSocket } from "ws";
import { POLL_HEARTBEAT_MS, POLL_REQUEST_HEADER, type PollRequest } from "../core/protocol/agent-protocol.ts";
import { collect, type ControlPlaneClient, ControlPlaneError, MAX_ANSWER_BYTES } from "./control-plane-client.ts";

export interface HeldPollTuning {
	/** Nothing heard for this long ends the poll. */
	silenceMs: number;
	signal: AbortSignal;
}

export interface HeldPollAnswer {
	code: number;
	text: string;
}

const textOf = (data: RawData): string => (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer)).toString("utf8");

/** Resolves with the answer, or with the code and body of a refusal; rejects with ControlPlaneError when neither comes. */
export function holdPoll(client: ControlPlaneClient, path: string, request: PollRequest, { silenceMs, signal }: HeldPollTuning): Promise<HeldPollAnswer> {
	const socket = new WebSocket(client.url(path).href.replace(/^http/, "ws"), {
		...client.tlsOptions,
		headers: { Authorization: `Bearer ${client.credential}`, [POLL_REQUEST_HEADER]: JSON.stringify(request) },
		perMessageDeflate: false,
		maxPayload: MAX_ANSWER_BYTES,
	});
	const origin = client.server.origin;
	const ended = new Promise<HeldPollAnswer>((resolve, reject) => {
		const silent = () => reject(new ControlPlaneError("timeout", `the control plane at ${origin} has said nothing for ${silenceMs} ms`));
		const silence = setTimeout(silent, silenceMs);
		const beats = setInterval(() => {
			if (socket.readyState === WebSocket.OPEN) socket.send("");
		}, POLL_HEARTBEAT_MS);
		const abort = () => reject(new ControlPlaneError("unreachable", "the agent stops"));
		socket.once("close", () => {
			clearTimeout(silence);
			clearInterval(beats);
			signal.removeEventListener("abort", abort);
			reject(new ControlPlaneError("answer", "the control plane ended the poll without an answer"));
		});
		socket.on("error", (error) => reject(client.explain(error)));
		socket.on("unexpected-response", (_, response) => {
			collect(response).then((text) => resolve({ code: response.statusCode ?? 0, text }), reject);
		});
		socket.on("message", (data) => {
			silence.refresh();
			const text = textOf(data);
			if (text !== "") resolve({ code: 200, text });
		});
		if (signal.aborted) abort();
		else signal.addEventListener("abort", abort, { once: true });
	});
	return ended.finally(() => socket.terminate());
}
