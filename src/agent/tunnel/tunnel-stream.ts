/** The agent's end of one stream: what it sends waits for the window, what it receives is granted as it is taken. */
import {
	encodeAnswerFrame,
	encodeFrame,
	encodeJsonFrame,
	encodeWindowFrame,
	FRAME,
	type Frame,
	MESSAGE_BYTES_MAX,
	MESSAGE_FINAL,
	MESSAGE_TEXT,
	messageFrames,
	piecesOf,
	type ResponseHead,
	type TunnelFault,
	type TunnelPriority,
	windowCost,
	windowOf,
} from "../../core/tunnel/frame.ts";
import { MessageAssembly, ReceiveWindow, SendWindow } from "../../core/tunnel/stream-window.ts";

/** How long a request that may be sent again waits for its answer before the stream is accepted, in milliseconds. */
const ACCEPT_AFTER_MS = 20;

export interface TunnelStreamEvents {
	/** Call `taken` when there is room for more. */
	data(bytes: Uint8Array, taken: () => void): void;
	end(): void;
	message(data: string | Buffer, taken: () => void): void;
	close(code: number, reason: string): void;
}

type Send = (frame: Uint8Array, priority?: TunnelPriority) => Promise<void>;

export class TunnelStream {
	readonly id: number;
	readonly #priority: TunnelPriority;
	readonly #send: Send;
	readonly #sendWindow = new SendWindow();
	readonly #receiveWindow = new ReceiveWindow();
	readonly #assembly = new MessageAssembly(MESSAGE_BYTES_MAX);
	readonly #over = new AbortController();
	#events: TunnelStreamEvents | undefined;
	#early: Frame[] = [];
	#closed = false;
	#accepting: NodeJS.Timeout | undefined;

	constructor(id: number, priority: TunnelPriority, send: Send) {
		this.id = id;
		this.#priority = priority;
		this.#send = send;
	}

	/** Aborts when the other side has no use for the stream any more, or the tunnel is cut. */
	get signal(): AbortSignal {
		return this.#over.signal;
	}

	/**
	 * Tells the other side that an agent is there: at once, or, for a request that may be sent again, only if the answer does not
	 * come so soon that it says so itself.
	 */
	accept(mayWait: boolean): void {
		const tell = () => void this.#send(encodeWindowFrame(0));
		if (mayWait) this.#accepting = setTimeout(tell, ACCEPT_AFTER_MS);
		else tell();
	}

	listen(events: TunnelStreamEvents): void {
		this.#events = events;
		for (const frame of this.#early.splice(0)) this.#dispatch(frame);
	}

	receive(frame: Frame): void {
		if (frame.type === FRAME.WINDOW) return this.#sendWindow.grant(windowOf(frame.payload));
		if (frame.type === FRAME.RESET) return this.lost();
		if (!this.#receiveWindow.arrived(windowCost(frame))) return this.reset({ code: "limit", message: "more was sent than the stream's window allows" });
		if (this.#events) this.#dispatch(frame);
		else this.#early.push(frame);
	}

	#dispatch(frame: Frame): void {
		const { type, payload } = frame;
		const taken = () => {
			const grant = this.#receiveWindow.consumed(windowCost(frame));
			if (grant > 0 && !this.#closed) void this.#send(encodeWindowFrame(grant));
		};
		if (type === FRAME.DATA) this.#events?.data(payload, taken);
		else if (type === FRAME.END) this.#events?.end();
		else if (type === FRAME.MESSAGE) this.#piece(payload, taken);
		else if (type === FRAME.CLOSE) {
			const { code, reason } = JSON.parse(Buffer.from(payload).toString()) as { code: number; reason: string };
			this.#events?.close(code, reason);
		}
	}

	#piece(payload: Uint8Array, taken: () => void): void {
		const flags = payload[0] ?? 0;
		try {
			const whole = this.#assembly.add(payload.subarray(1), (flags & MESSAGE_FINAL) !== 0);
			if (!whole) return taken();
			const bytes = Buffer.from(whole.buffer, whole.byteOffset, whole.length);
			this.#events?.message((flags & MESSAGE_TEXT) === 0 ? bytes : bytes.toString("utf8"), taken);
		} catch (error) {
			this.reset({ code: "limit", message: (error as Error).message });
		}
	}

	/** A short answer as a whole. */
	answer(head: ResponseHead, body: Uint8Array): void {
		clearTimeout(this.#accepting);
		void this.#send(encodeAnswerFrame(head, body));
	}

	head(head: ResponseHead): void {
		clearTimeout(this.#accepting);
		void this.#send(encodeJsonFrame(FRAME.HEAD, head));
	}

	/** Resolves when there is room for more; false when the stream is over. */
	async data(bytes: Uint8Array): Promise<boolean> {
		for (const piece of piecesOf(bytes)) {
			if (!(await this.#sendWindow.take(piece.length))) return false;
			await this.#send(encodeFrame(FRAME.DATA, piece), this.#priority);
		}
		return !this.#closed;
	}

	end(): void {
		void this.#send(encodeFrame(FRAME.END));
	}

	async message(message: string | Uint8Array): Promise<boolean> {
		for (const frame of messageFrames(message)) {
			if (!(await this.#sendWindow.take(frame.length - 2))) return false;
			await this.#send(frame, this.#priority);
		}
		return !this.#closed;
	}

	closeWebSocket(code: number, reason: string): void {
		void this.#send(encodeJsonFrame(FRAME.CLOSE, { code, reason }));
	}

	/** Ends the stream in both directions and says why. */
	reset(fault: TunnelFault): void {
		if (!this.#closed) void this.#send(encodeJsonFrame(FRAME.RESET, fault));
		this.lost();
	}

	/** The other side is gone. */
	lost(): void {
		this.close();
		this.#over.abort();
	}

	/** Nothing more is sent. */
	close(): void {
		clearTimeout(this.#accepting);
		this.#closed = true;
		this.#sendWindow.close();
	}
}
