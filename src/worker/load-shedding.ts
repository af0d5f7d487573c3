/** Past saturation queueing only makes everyone slow: what is too much is told so at once (429 with Retry-After). */
import { tooManyRequests } from "../core/errors/status-error.ts";

/** Requests an isolate serves at a time; watches, polls and sessions are not counted. */
export const MAX_IN_FLIGHT = 400;
const RETRY_AFTER_SECONDS = 1;

export class LoadShedder {
	readonly #maxInFlight: number;
	#inFlight = 0;

	constructor(maxInFlight = MAX_IN_FLIGHT) {
		this.#maxInFlight = maxInFlight;
	}

	get inFlight(): number {
		return this.#inFlight;
	}

	/** @throws StatusError 429 */
	async run<T>(work: () => Promise<T>): Promise<T> {
		if (this.#inFlight >= this.#maxInFlight) throw tooManyRequests("The apiserver is overloaded, please try again later.", RETRY_AFTER_SECONDS);
		this.#inFlight++;
		try {
			return await work();
		} finally {
			this.#inFlight--;
		}
	}
}
