/** Flow control of one stream: a sender waits until its receiver has taken what came before. */
import { WINDOW_BYTES } from "./frame.ts";

/** What may still be sent. */
export class SendWindow {
	#bytes = WINDOW_BYTES;
	#closed = false;
	#waiting: { bytes: number; resolve: (open: boolean) => void } | undefined;

	/** Resolves once the bytes may go; false when the stream is over. One caller at a time. */
	take(bytes: number): Promise<boolean> {
		if (this.#closed) return Promise.resolve(false);
		if (this.#bytes >= bytes) {
			this.#bytes -= bytes;
			return Promise.resolve(true);
		}
		return new Promise((resolve) => {
			this.#waiting = { bytes, resolve };
		});
	}

	grant(bytes: number): void {
		this.#bytes += bytes;
		const waiting = this.#waiting;
		if (waiting === undefined || this.#bytes < waiting.bytes) return;
		this.#waiting = undefined;
		this.#bytes -= waiting.bytes;
		waiting.resolve(true);
	}

	close(): void {
		this.#closed = true;
		this.#waiting?.resolve(false);
		this.#waiting = undefined;
	}
}

/** What the other side may still send, and how much of what came was taken. */
export class ReceiveWindow {
	#bytes = WINDOW_BYTES;
	#taken = 0;

	/** Whether the bytes were within the window: a sender that ignores it is cut off. */
	arrived(bytes: number): boolean {
		this.#bytes -= bytes;
		return this.#bytes >= 0;
	}

	/** How much to grant now, 0 for nothing yet: several small grants go as one. */
	consumed(bytes: number): number {
		this.#taken += bytes;
		if (this.#taken < WINDOW_BYTES / 4) return 0;
		const grant = this.#taken;
		this.#taken = 0;
		this.#bytes += grant;
		return grant;
	}
}

/** Puts WebSocket messages together again from their pieces. */
export class MessageAssembly {
	readonly #limit: number;
	#pieces: Uint8Array[] = [];
	#length = 0;

	constructor(limit: number) {
		this.#limit = limit;
	}

	/** The bytes of the message that this piece completes; undefined before that. Throws a RangeError past the limit. */
	add(piece: Uint8Array, final: boolean): Uint8Array | undefined {
		this.#length += piece.length;
		if (this.#length > this.#limit) throw new RangeError(`a message is longer than ${this.#limit} bytes`);
		this.#pieces.push(piece);
		if (!final) return undefined;
		const whole = new Uint8Array(this.#length);
		let at = 0;
		for (const one of this.#pieces) {
			whole.set(one, at);
			at += one.length;
		}
		this.#pieces = [];
		this.#length = 0;
		return whole;
	}
}
