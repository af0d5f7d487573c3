import { expect, test } from "vitest";
import { stopAgainWhenShimLeft } from "./stop-again.ts";

const SHIM_LEFT = 'failed to stop container "4c21": failed to kill container "4c21": ttrpc: closed: unknown';

/** Stops that fail with these messages in turn, then succeed. */
function failing(messages: string[]): { stop: () => Promise<void>; calls: () => number } {
	let calls = 0;
	const stop = async () => {
		const message = messages[calls++];
		if (message !== undefined) throw new Error(message);
	};
	return { stop, calls: () => calls };
}

const noPause = () => Promise.resolve();

test("a stop that crossed with the shim's exit is asked again", async () => {
	const { stop, calls } = failing([SHIM_LEFT, SHIM_LEFT]);
	await stopAgainWhenShimLeft(stop, noPause);
	expect(calls()).toBe(3);
});

test("any other failure is the caller's at once", async () => {
	const { stop, calls } = failing(["permission denied"]);
	await expect(stopAgainWhenShimLeft(stop, noPause)).rejects.toThrow("permission denied");
	expect(calls()).toBe(1);
});

test("a shim that never comes to its end is reported", async () => {
	const { stop } = failing(new Array<string>(100).fill(SHIM_LEFT));
	await expect(stopAgainWhenShimLeft(stop, noPause)).rejects.toThrow("ttrpc: closed");
});
