/**
 * The revision clock: a hybrid logical clock that fits a double. A revision is (ms since 2025-01-01) * 4096 + counter,
 * strictly increasing in one Durable Object and comparable across objects. Events take odd revisions, cuts (lists,
 * bookmarks) even ones, so that a resume knows from which of the two it starts.
 */
export const REVISION_EPOCH_MS = Date.UTC(2025, 0, 1);
export const REVISIONS_PER_MS = 4096;
/** How far back, in milliseconds, a resume from an event of one object looks in all others. */
export const RESUME_OVERLAP_MS = 5_000;

/** The lowest revision of a moment; even. */
export const revisionAt = (ms: number): number => Math.max(0, ms - REVISION_EPOCH_MS) * REVISIONS_PER_MS;
/** The moment of a revision, in milliseconds since 1970. */
export const momentOf = (revision: number): number => Math.floor(revision / REVISIONS_PER_MS) + REVISION_EPOCH_MS;
export const isEvent = (revision: number): boolean => revision % 2 === 1;

export class RevisionClock {
	#last: number;

	/** `last` is the highest revision known to have been given out. */
	constructor(last: number) {
		this.#last = last;
	}

	/** The revision of the next event. */
	next(nowMs: number): number {
		const floor = Math.max(this.#last + 1, revisionAt(nowMs));
		this.#last = isEvent(floor) ? floor : floor + 1;
		return this.#last;
	}

	/** A cut after everything so far: no later event will be at or below it. */
	cut(): number {
		return isEvent(this.#last) ? this.#last + 1 : Math.max(this.#last, 2);
	}

	/** Moves past a revision that another object gave out. */
	observe(revision: number): void {
		if (revision > this.#last) this.#last = revision;
	}
}
