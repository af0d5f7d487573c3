/** The client's WebSocket and a tunnel's stream: messages pass from each to the other. */
import { encodeJsonFrame, FRAME, type Frame, jsonOf, MESSAGE_BYTES_MAX, MESSAGE_FINAL, MESSAGE_TEXT, messageFrames } from "../../core/tunnel/frame.ts";
import { MessageAssembly, type SendWindow } from "../../core/tunnel/stream-window.ts";

const NO_STATUS = 1005;

export interface JoinedStream {
	sendWindow: SendWindow;
	send(frame: Uint8Array): void;
	/** Bytes that came and were passed on. */
	taken(bytes: number): void;
	abort(): void;
	done(): void;
}

/** Accepts the client's socket; returns what takes the stream's frames. */
export function joinWebSockets(client: WebSocket, stream: JoinedStream): (frame: Frame) => void {
	let sending: Promise<unknown> = Promise.resolve();
	client.binaryType = "arraybuffer";
	client.addEventListener("message", ({ data }) => {
		const frames = [...messageFrames(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer))];
		sending = sending.then(async () => {
			for (const frame of frames) if (await stream.sendWindow.take(frame.length - 2)) stream.send(frame);
		});
	});
	client.addEventListener("close", ({ code, reason }) => {
		sending = sending.then(() => stream.send(encodeJsonFrame(FRAME.CLOSE, { code, reason })));
	});
	client.addEventListener("error", () => stream.abort());
	client.accept();
	return fromStream(client, stream);
}

function fromStream(client: WebSocket, stream: JoinedStream): (frame: Frame) => void {
	const assembly = new MessageAssembly(MESSAGE_BYTES_MAX);
	return ({ type, payload }) => {
		try {
			if (type === FRAME.CLOSE) {
				const { code, reason } = jsonOf<{ code: number; reason: string }>(payload);
				if (code === NO_STATUS) client.close();
				else client.close(code, reason);
				return stream.done();
			}
			if (type !== FRAME.MESSAGE) return;
			const flags = payload[0] ?? 0;
			const whole = assembly.add(payload.subarray(1), (flags & MESSAGE_FINAL) !== 0);
			if (whole) client.send((flags & MESSAGE_TEXT) === 0 ? whole : new TextDecoder().decode(whole));
			stream.taken(payload.length - 1);
		} catch {
			// Too large, or the client has closed.
			stream.abort();
		}
	};
}
