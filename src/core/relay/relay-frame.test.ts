import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeRelayMessage, encodePackets, encodeTaken, RELAY_MESSAGE_BYTES_MAX, RelayWindow } from "./relay-frame.ts";

describe("a relay's messages", () => {
	it("carry packets as they are", () => {
		fc.assert(
			fc.property(fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 20 }), (packets) => {
				expect(decodeRelayMessage(encodePackets(packets))).toEqual({ type: "packets", packets });
			}),
		);
	});

	it("say how much was taken in", () => {
		expect(decodeRelayMessage(encodeTaken(70_000))).toEqual({ type: "taken", bytes: 70_000 });
	});

	it("are refused when they are cut short, or are none", () => {
		const whole = encodePackets([new Uint8Array(10), new Uint8Array(20)]);
		const outcomes = Array.from({ length: whole.length }, (_, length) => decodeRelayMessage(whole.subarray(0, length)));
		expect(outcomes.flatMap((outcome, length) => (outcome === undefined ? [] : [length]))).toEqual([1, 13]);
		expect([new Uint8Array(), Uint8Array.of(2), Uint8Array.of(1, 0)].map(decodeRelayMessage)).toEqual([undefined, undefined, undefined]);
	});
});

describe("a relay's window", () => {
	it("holds what it may and no more, until some is taken in", () => {
		const window = new RelayWindow(2 * RELAY_MESSAGE_BYTES_MAX);
		expect([1, 2, 3].map(() => window.take(RELAY_MESSAGE_BYTES_MAX))).toEqual([true, true, false]);
		window.taken(RELAY_MESSAGE_BYTES_MAX);
		expect([1, 2].map(() => window.take(RELAY_MESSAGE_BYTES_MAX))).toEqual([true, false]);
		window.taken(10 * RELAY_MESSAGE_BYTES_MAX);
		expect([1, 2, 3].map(() => window.take(RELAY_MESSAGE_BYTES_MAX))).toEqual([true, true, false]);
	});
});
