/** A time limit that is taken back with what it is for. AbortSignal.timeout keeps its timer, and the platform bounds how many there are. */
export interface Deadline {
	signal: AbortSignal;
	/** Call when the work is done, whatever came of it. */
	cancel(): void;
}

/** Aborts with a TimeoutError after `timeoutMs`. */
export function deadlineAfter(timeoutMs: number): Deadline {
	const controller = new AbortController();
	const timer = setTimeout(() => controller.abort(new DOMException("the time is up", "TimeoutError")), timeoutMs);
	return { signal: controller.signal, cancel: () => clearTimeout(timer) };
}

/** Rejects when the signal fires, whatever becomes of the work. */
export function withDeadline<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
	return new Promise((resolve, reject) => {
		if (signal.aborted) reject(signal.reason);
		signal.addEventListener("abort", () => reject(signal.reason), { once: true });
		work.then(resolve, reject);
	});
}
