/** The frames of a WebSocket to a server, as an independent implementation reads and writes them. */
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { Duplex as NodeDuplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { exchangeUpgrade, type Incoming } from "./http1.ts";
import type { Duplex } from "./tls/tls-client.ts";
import { closeOf, closePayload, encodeWebSocketFrame, OPCODE, readWebSocketFrame } from "./web-socket-frames.ts";

const MASK = Uint8Array.of(1, 2, 3, 4);
const opened: (() => void)[] = [];
afterEach(() => {
	for (const close of opened.splice(0)) close();
});

async function connected(): Promise<{ server: WebSocket; incoming: Incoming; write(bytes: Uint8Array): Promise<void> }> {
	const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
	await once(server, "listening");
	const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
	opened.push(
		() => socket.destroy(),
		() => server.close(),
	);
	const connection = NodeDuplex.toWeb(socket) as unknown as Duplex;
	const accepted = once(server, "connection");
	const upgrade = ["connection: Upgrade", "upgrade: websocket", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version: 13"];
	const { status, incoming } = await exchangeUpgrade(connection, { method: "GET", path: "/", headers: [["host", "h"]], body: null }, upgrade);
	expect(status).toBe(101);
	const writer = connection.writable.getWriter();
	const [peer] = (await accepted) as [WebSocket];
	return { server: peer, incoming, write: (bytes) => writer.write(bytes) };
}

const takeFrom =
	(incoming: Incoming) =>
	async (length: number): Promise<Uint8Array> => {
		const taken = Buffer.alloc(length);
		for (let at = 0; at < length; ) {
			const piece = await incoming.some(length - at);
			if (piece === undefined) throw new Error("EOF");
			taken.set(piece, at);
			at += piece.length;
		}
		return new Uint8Array(taken);
	};

describe("the frames of a WebSocket", () => {
	it.each([0, 5, 125, 126, 65_535, 65_536, 200_000])("carry %i bytes there and back", async (length) => {
		const { server, incoming, write } = await connected();
		server.on("message", (data, isBinary) => server.send(data, { binary: isBinary }));
		const payload = Uint8Array.from({ length }, (_, index) => index % 251);
		await write(encodeWebSocketFrame(OPCODE.BINARY, payload, MASK));
		const frame = await readWebSocketFrame(takeFrom(incoming), 1_000_000);
		expect({ ...frame, payload: Buffer.from(frame.payload).equals(payload) }).toEqual({ opcode: OPCODE.BINARY, isFinal: true, payload: true });
	});

	it("carry text, pings, and the end with its reason", async () => {
		const { server, incoming, write } = await connected();
		const text = once(server, "message");
		await write(encodeWebSocketFrame(OPCODE.TEXT, new TextEncoder().encode("grün"), MASK));
		const [data, isBinary] = await text;
		expect([String(data), isBinary]).toEqual(["grün", false]);
		const closed = once(server, "close");
		await write(encodeWebSocketFrame(OPCODE.PING, new Uint8Array(), MASK));
		expect(await readWebSocketFrame(takeFrom(incoming), 10)).toMatchObject({ opcode: OPCODE.PONG });
		await write(encodeWebSocketFrame(OPCODE.CLOSE, closePayload(4001, "enough"), MASK));
		const [code, reason] = await closed;
		expect([code, String(reason)]).toEqual([4001, "enough"]);
		expect(closeOf((await readWebSocketFrame(takeFrom(incoming), 200)).payload)).toMatchObject({ code: 4001 });
		expect(closeOf(closePayload(1005, ""))).toEqual({ code: 1005, reason: "" });
	});

	it("of more than is allowed, or not as a server may send them, are refused", async () => {
		const from = (...bytes: number[]) => {
			let at = 0;
			return async (length: number) => Uint8Array.from(bytes.slice(at, (at += length)));
		};
		await expect(readWebSocketFrame(from(0x82, 126, 1, 0), 255)).rejects.toThrow("longer than 255 bytes");
		await expect(readWebSocketFrame(from(0x82, 0x81), 255)).rejects.toThrow("masked");
		await expect(readWebSocketFrame(from(0xc2, 1), 255)).rejects.toThrow("reserved");
	});
});
