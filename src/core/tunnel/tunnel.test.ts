import { describe, expect, test } from "vitest";
import {
	answerOf,
	decodeFrame,
	encodeAnswerFrame,
	encodeFrame,
	encodeWindowFrame,
	FRAME,
	FRAME_BYTES_MAX,
	MESSAGE_FINAL,
	messageFrames,
	splitStream,
	WINDOW_BYTES,
	windowOf,
	withStream,
} from "./frame.ts";
import { MessageAssembly, ReceiveWindow, SendWindow } from "./stream-window.ts";

describe("frames", () => {
	test("name their stream and carry their bytes", () => {
		const split = splitStream(withStream(0xfedcba98, encodeFrame(FRAME.DATA, new Uint8Array([1, 2, 3]))));
		expect(split?.id).toBe(0xfedcba98);
		expect(decodeFrame(split?.frame as Uint8Array)).toEqual({ type: FRAME.DATA, payload: new Uint8Array([1, 2, 3]) });
		expect(windowOf(encodeWindowFrame(70_000).subarray(1))).toBe(70_000);
	});

	test("an answer as a whole is its head and its body", () => {
		const head = { status: 200, statusText: "OK", headers: [["x-é", "ü"]] as [string, string][] };
		const frame = decodeFrame(encodeAnswerFrame(head, new Uint8Array([1, 2, 3])));
		expect(frame?.type).toBe(FRAME.ANSWER);
		expect(answerOf(frame?.payload as Uint8Array)).toEqual({ head, body: new Uint8Array([1, 2, 3]) });
	});

	test("what is no frame is none", () => {
		expect(splitStream(new Uint8Array([1, 2, 3]))).toBeUndefined();
		expect(decodeFrame(new Uint8Array())).toBeUndefined();
		expect(decodeFrame(new Uint8Array([200]))).toBeUndefined();
	});

	test("a message is cut into pieces of which the last says so, and put together again", () => {
		const text = "é".repeat(FRAME_BYTES_MAX);
		const frames = [...messageFrames(text)].map((frame) => decodeFrame(frame)?.payload as Uint8Array);
		expect(frames.map((payload) => (payload[0] ?? 0) & MESSAGE_FINAL)).toEqual([0, MESSAGE_FINAL]);
		const assembly = new MessageAssembly(2 * FRAME_BYTES_MAX);
		const whole = frames.map((payload) => assembly.add(payload.subarray(1), ((payload[0] ?? 0) & MESSAGE_FINAL) !== 0)).at(-1);
		expect(new TextDecoder().decode(whole)).toBe(text);
		expect([...messageFrames("")]).toHaveLength(1);
		expect(() => assembly.add(new Uint8Array(2 * FRAME_BYTES_MAX + 1), true)).toThrow(RangeError);
	});
});

describe("a stream's window", () => {
	test("a sender waits until what it sent was taken, and is let go at the end", async () => {
		const [sender, receiver] = [new SendWindow(), new ReceiveWindow()];
		expect(await sender.take(WINDOW_BYTES)).toBe(true);
		expect(receiver.arrived(WINDOW_BYTES)).toBe(true);
		const waiting = sender.take(10);
		expect(await Promise.race([waiting, "waits"])).toBe("waits");
		sender.grant(receiver.consumed(WINDOW_BYTES));
		expect(await waiting).toBe(true);
		const last = sender.take(2 * WINDOW_BYTES);
		sender.close();
		expect(await last).toBe(false);
		expect(await sender.take(1)).toBe(false);
	});

	test("who sends more than the window is noticed; small grants wait for each other", () => {
		const receiver = new ReceiveWindow();
		expect(receiver.consumed(1)).toBe(0);
		expect(receiver.arrived(WINDOW_BYTES)).toBe(true);
		expect(receiver.arrived(1)).toBe(false);
	});
});
