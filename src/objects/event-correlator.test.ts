import { expect, it } from "vitest";
import { BURST, EventCorrelator, REFILL_MS, SIMILAR_MAX, SIMILAR_WINDOW_MS } from "./event-correlator.ts";

const about = (name: string) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", uid: `uid-${name}` } });
const told = (message: string, name = "web") => ({ source: "kubelet", about: about(name), eventType: "Warning" as const, reason: "BackOff", message });

it("gives repetitions of the same words one identity, and other words another", () => {
	const correlator = new EventCorrelator();
	const [first, again, other] = ["one", "one", "two"].map((message) => correlator.correlate(told(message), 0));
	expect(first).toEqual(again);
	expect(other?.identity).not.toEqual(first?.identity);
	expect(correlator.correlate(told("one", "db"), 0)?.identity).not.toEqual(first?.identity);
});

it("combines the tenth and later of many similar ones, until they have been quiet for ten minutes", () => {
	const correlator = new EventCorrelator();
	const messages = Array.from({ length: SIMILAR_MAX + 2 }, (_, i) => correlator.correlate(told(`try ${i}`), i)?.message);
	expect(messages.slice(0, SIMILAR_MAX - 1)).toEqual(messages.slice(0, SIMILAR_MAX - 1).map((_, i) => `try ${i}`));
	expect(messages.slice(SIMILAR_MAX - 1)).toEqual([9, 10, 11].map((i) => `(combined from similar events): try ${i}`));
	expect(correlator.correlate(told("later"), SIMILAR_WINDOW_MS + 100)?.message).toBe("later");
});

it("drops what one object causes beyond a burst, but one in five minutes, and forgets nobody else", () => {
	const correlator = new EventCorrelator();
	const written = (nowMs: number, name?: string) => correlator.correlate(told("same", name), nowMs) !== undefined;
	const burst = Array.from({ length: BURST + 5 }, () => written(0));
	expect(burst.filter(Boolean)).toHaveLength(BURST);
	expect([written(0, "db"), written(REFILL_MS - 1), written(REFILL_MS), written(REFILL_MS)]).toEqual([true, false, true, false]);
});
