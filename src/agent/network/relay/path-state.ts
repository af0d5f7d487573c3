/** Whether one other node is reached directly, by what its probes brought. */

/** Unanswered probes after which it is not. */
export const LOST_PROBES = 3;
/** Answers in a row after which it is again. */
export const RETURNED_PROBES = 3;

export class PathState {
	#direct = true;
	#asked: number | undefined;
	/** Since the other outcome: unanswered probes while it is reached, answers while it is not. */
	#streak = 0;

	/** True until it has shown otherwise: most nodes are. */
	get direct(): boolean {
		return this.#direct;
	}

	/** A probe goes out; the one before had its time. */
	ask(nonce: number): void {
		if (this.#asked !== undefined) this.#count(false);
		this.#asked = nonce;
	}

	answered(nonce: number): void {
		if (nonce !== this.#asked) return;
		this.#asked = undefined;
		this.#count(true);
	}

	#count(answered: boolean): void {
		this.#streak = answered === this.#direct ? 0 : this.#streak + 1;
		if (this.#streak < (this.#direct ? LOST_PROBES : RETURNED_PROBES)) return;
		this.#direct = !this.#direct;
		this.#streak = 0;
	}
}
