/** The frames of a WebSocket (RFC 6455, section 5), from a client's side: what is sent is masked, what is received is not. */
import { concat } from "./tls/tls-bytes.ts";

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;
const FINAL = 0x80;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

export interface WebSocketFrame {
	opcode: number;
	isFinal: boolean;
	payload: Uint8Array;
}

/** Reads exactly so many bytes. */
export type Take = (length: number) => Promise<Uint8Array>;

function lengthBytes(length: number): Uint8Array {
	if (length < LENGTH_16) return Uint8Array.of(MASKED | length);
	const bytes = new Uint8Array(length < 65_536 ? 3 : 9);
	bytes[0] = MASKED | (length < 65_536 ? LENGTH_16 : LENGTH_64);
	const view = new DataView(bytes.buffer);
	if (length < 65_536) view.setUint16(1, length);
	else view.setBigUint64(1, BigInt(length));
	return bytes;
}

export function encodeWebSocketFrame(opcode: number, payload: Uint8Array, mask: Uint8Array): Uint8Array {
	const masked = payload.map((byte, index) => byte ^ (mask[index & 3] as number));
	return concat(Uint8Array.of(FINAL | opcode), lengthBytes(payload.length), mask, masked);
}

/** @throws Error for what no server may send, or for a message beyond the limit in bytes */
export async function readWebSocketFrame(take: Take, limit: number): Promise<WebSocketFrame> {
	const [first = 0, second = 0] = await take(2);
	if ((second & MASKED) !== 0) throw new Error("websocket: a server's frame is masked");
	if ((first & 0x70) !== 0) throw new Error("websocket: a frame has reserved bits set");
	let length = second;
	if (length === LENGTH_16) length = viewOf(await take(2)).getUint16(0);
	else if (length === LENGTH_64) length = Number(viewOf(await take(8)).getBigUint64(0));
	if (length > limit) throw new Error(`websocket: a message is longer than ${limit} bytes`);
	return { opcode: first & 0x0f, isFinal: (first & FINAL) !== 0, payload: length === 0 ? new Uint8Array() : await take(length) };
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** A close frame's code and reason; 1005 where it names none. */
export function closeOf(payload: Uint8Array): { code: number; reason: string } {
	if (payload.length < 2) return { code: 1005, reason: "" };
	return { code: viewOf(payload).getUint16(0), reason: new TextDecoder().decode(payload.subarray(2)) };
}

export function closePayload(code: number, reason: string): Uint8Array {
	if (code === 1005 || code === 1006) return new Uint8Array();
	return concat(Uint8Array.of(code >> 8, code & 0xff), new TextEncoder().encode(reason));
}
