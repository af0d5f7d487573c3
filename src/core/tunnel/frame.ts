/**
 * The frames of a tunnel: between the agent and the Tunnel object each begins with the stream it belongs to; between the
 * Tunnel object and the front door, where every stream has a socket of its own, without. docs/agent-protocol.md has the rules.
 */

/** Bytes of a body, or of a WebSocket message, in one frame: a large body cannot hold up what other streams send. */
export const FRAME_BYTES_MAX = 64 * 1024;
/** Bytes that may be under way in one direction of a stream before the receiver has taken them. */
export const WINDOW_BYTES = 512 * 1024;
/** Streams of one tunnel at once: their windows must fit into a Durable Object's memory, twice over. */
export const STREAMS_MAX = 64;
/** Tunnels of one node at once: streams beyond their sum are refused. */
export const TUNNELS_MAX = 16;
/** The head of a request or of an answer, as JSON: what HTTP servers take, and a bundle of certificates. */
export const HEAD_BYTES_MAX = 1024 * 1024;
/** A WebSocket message that is put together again from its frames. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
/** The agent asks, and the Tunnel object answers in its sleep, this often while streams are open, in milliseconds. */
export const TUNNEL_BEAT_MS = 10_000;
/** A tunnel on which nothing was heard for this long while streams are open is dead, in milliseconds. */
export const TUNNEL_SILENCE_MS = 3 * TUNNEL_BEAT_MS;
/** The text of a beat and of its answer. */
export const TUNNEL_BEAT = "beat";

export const FRAME = {
	/** Front door to agent: RequestHead as JSON. The stream's first frame. */
	OPEN: 0,
	/** Bytes of a body; counted against the window. */
	DATA: 1,
	/** The body of this direction is complete. */
	END: 2,
	/** TunnelFault as JSON: the stream is over in both directions. */
	RESET: 3,
	/** How many more bytes may come, as a big-endian 32-bit number. */
	WINDOW: 4,
	/** Agent to front door: ResponseHead as JSON. */
	HEAD: 5,
	/** A WebSocket message, or a piece of one: a byte of flags, then bytes; counted against the window. */
	MESSAGE: 6,
	/** A WebSocket's end, as JSON: { code, reason }. */
	CLOSE: 7,
	/** Agent to front door: a short answer as a whole, instead of HEAD, DATA and END, to who takes one (RequestHead.wholeAnswer). */
	ANSWER: 8,
} as const;

/** Bytes of a body that an answer as a whole may have. */
export const ANSWER_BYTES_MAX = 16 * 1024;

export const MESSAGE_TEXT = 1;
/** Of the last piece of a message. */
export const MESSAGE_FINAL = 2;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];
export type Header = [name: string, value: string];

/** Where the agent connects to: a pod of its node, an address that its node reaches, or the agent itself (kubelet's own paths). */
export type TunnelTarget = { kind: "pod"; uid: string; ip: string; port: number } | { kind: "address"; host: string; port: number } | { kind: "node" };

export interface TunnelTls {
	/** PEM; without it the system's authorities are trusted. */
	caBundle?: string;
	/** What the certificate must name, instead of the host. */
	serverName?: string;
	/** As the API server's proxy subresources do: any certificate is taken. */
	insecure?: boolean;
}

/** What goes first when the tunnel is full: people and admission wait on "interactive", nobody on "bulk". */
export type TunnelPriority = "interactive" | "bulk";

export interface RequestHead {
	target: TunnelTarget;
	method: string;
	/** With its query. */
	path: string;
	headers: Header[];
	/** Absent for plain HTTP. */
	tls?: TunnelTls;
	/** The subprotocols to offer: the request is a WebSocket's. */
	webSocket?: string[];
	/** A bare connection: what passes is bytes, and what they mean the two ends know. The answer's head says that it stands. */
	raw?: true;
	priority: TunnelPriority;
	/** Whether DATA and END follow. */
	hasBody: boolean;
	/** ANSWER is understood. */
	wholeAnswer?: true;
}

export interface ResponseHead {
	status: number;
	statusText: string;
	headers: Header[];
	/** Of a WebSocket that was accepted: the chosen subprotocol, "" for none. */
	subprotocol?: string;
}

export interface TunnelFault {
	/**
	 * "dial": nothing answered there; "tls": its certificate is not accepted; "lost": the tunnel was cut; "disconnected": no agent;
	 * "limit": too much at once; "gone": the other side has no use for it any more.
	 */
	code: "dial" | "tls" | "lost" | "disconnected" | "limit" | "gone";
	message: string;
}

export interface Frame {
	type: FrameType;
	payload: Uint8Array;
}

const STREAM_ID_BYTES = 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NOTHING = new Uint8Array();

/** A frame without a stream's id. */
export function encodeFrame(type: FrameType, payload: Uint8Array = NOTHING): Uint8Array {
	const bytes = new Uint8Array(1 + payload.length);
	bytes[0] = type;
	bytes.set(payload, 1);
	return bytes;
}

export const encodeJsonFrame = (type: FrameType, value: unknown): Uint8Array => encodeFrame(type, encoder.encode(JSON.stringify(value)));

export function encodeWindowFrame(bytes: number): Uint8Array {
	const frame = new Uint8Array(5);
	frame[0] = FRAME.WINDOW;
	new DataView(frame.buffer).setUint32(1, bytes);
	return frame;
}

/** The head's length as a big-endian 32-bit number, the head as JSON, and the body. */
export function encodeAnswerFrame(head: ResponseHead, body: Uint8Array): Uint8Array {
	const text = encoder.encode(JSON.stringify(head));
	const frame = new Uint8Array(5 + text.length + body.length);
	frame[0] = FRAME.ANSWER;
	new DataView(frame.buffer).setUint32(1, text.length);
	frame.set(text, 5);
	frame.set(body, 5 + text.length);
	return frame;
}

export function answerOf(payload: Uint8Array): { head: ResponseHead; body: Uint8Array } {
	const length = windowOf(payload.subarray(0, 4));
	return { head: jsonOf<ResponseHead>(payload.subarray(4, 4 + length)), body: payload.subarray(4 + length) };
}

/** Undefined for what is no frame. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
	const type = bytes[0];
	if (type === undefined || type > FRAME.ANSWER) return undefined;
	return { type: type as FrameType, payload: bytes.subarray(1) };
}

/** @throws SyntaxError for what is not JSON. */
export const jsonOf = <T>(payload: Uint8Array): T => JSON.parse(decoder.decode(payload)) as T;

export function windowOf(payload: Uint8Array): number {
	return payload.length === 4 ? new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0) : 0;
}

/** Bytes that count against the receiver's window. */
export const windowCost = ({ type, payload }: Frame): number =>
	type === FRAME.DATA ? payload.length : type === FRAME.MESSAGE ? Math.max(0, payload.length - 1) : 0;

export function withStream(id: number, frame: Uint8Array): Uint8Array {
	const bytes = new Uint8Array(STREAM_ID_BYTES + frame.length);
	new DataView(bytes.buffer).setUint32(0, id);
	bytes.set(frame, STREAM_ID_BYTES);
	return bytes;
}

/** Undefined for what is too short to name a stream. */
export function splitStream(bytes: Uint8Array): { id: number; frame: Uint8Array } | undefined {
	if (bytes.length <= STREAM_ID_BYTES) return undefined;
	const id = new DataView(bytes.buffer, bytes.byteOffset, STREAM_ID_BYTES).getUint32(0);
	return { id, frame: bytes.subarray(STREAM_ID_BYTES) };
}

/** The pieces of at most FRAME_BYTES_MAX that bytes are sent in. */
export function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
	for (let at = 0; at < bytes.length; at += FRAME_BYTES_MAX) yield bytes.subarray(at, at + FRAME_BYTES_MAX);
}

/** The frames of a WebSocket message. */
export function* messageFrames(message: string | Uint8Array): Generator<Uint8Array> {
	const isText = typeof message === "string";
	const bytes = isText ? encoder.encode(message) : message;
	const pieces = bytes.length === 0 ? [bytes] : [...piecesOf(bytes)];
	for (const [index, piece] of pieces.entries()) {
		const payload = new Uint8Array(1 + piece.length);
		payload[0] = (isText ? MESSAGE_TEXT : 0) | (index === pieces.length - 1 ? MESSAGE_FINAL : 0);
		payload.set(piece, 1);
		yield encodeFrame(FRAME.MESSAGE, payload);
	}
}
