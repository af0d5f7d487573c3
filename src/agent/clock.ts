/** Time as the agent sees it; tests inject their own. */

export interface Clock {
	/** Milliseconds since 1970. */
	nowMs(): number;
	/** Calls back once after `delayMs`; returns a function that cancels it. */
	after(delayMs: number, callback: () => void): () => void;
}

/** Longer delays overflow setTimeout. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
	nowMs: () => Date.now(),
	after(delayMs, callback) {
		const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
		return () => clearTimeout(timer);
	},
};

/** Resolves after `delayMs`, or at once (not rejecting) when `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal?.aborted) {
			resolve();
			return;
		}
		const done = () => {
			cancel();
			signal?.removeEventListener("abort", done);
			resolve();
		};
		const cancel = clock.after(delayMs, done);
		signal?.addEventListener("abort", done, { once: true });
	});
}

/** metav1.Time: RFC 3339 in whole seconds. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
/** metav1.MicroTime. */
export const microTimestamp = (ms: number): string => new Date(ms).toISOString().replace(/Z$/, "000Z");
