/**
 * The frames of the remotecommand WebSocket protocols (v4 and v5.channel.k8s.io): one byte of channel, then data. KEP-4006 and
 * k8s.io/apimachinery/pkg/util/remotecommand describe them.
 */
import { PassThrough, Writable } from "node:stream";
import type { SessionSocket } from "./session-socket.ts";

export const STDIN_CHANNEL = 0;
export const STDOUT_CHANNEL = 1;
export const STDERR_CHANNEL = 2;
export const ERROR_CHANNEL = 3;
export const RESIZE_CHANNEL = 4;
/** v5 only: the next byte names a channel that its sender will not write to any more. */
export const CLOSE_CHANNEL = 255;
/** A terminal that is resized faster than it is read keeps only its last sizes. */
const MAX_QUEUED_SIZES = 8;

export interface TerminalSize {
	width: number;
	height: number;
}

export class RemoteCommandStreams {
	readonly #socket: SessionSocket;
	readonly stdin = new PassThrough();
	readonly stdout: Writable;
	readonly stderr: Writable;
	readonly #sizes: TerminalSize[] = [];
	#sizeWaiter: (() => void) | undefined;
	#over = false;

	constructor(socket: SessionSocket) {
		this.#socket = socket;
		this.stdout = this.#writer(STDOUT_CHANNEL);
		this.stderr = this.#writer(STDERR_CHANNEL);
		// A process that closes its input early must not fail the session.
		this.stdin.on("error", () => undefined);
		this.stdin.on("drain", () => socket.resume());
		socket.signal.addEventListener("abort", () => this.end(), { once: true });
		socket.listen((message) => this.#take(message));
	}

	/** Tells the client that its channels are open: upstream's empty first frame on the lowest one. */
	announce(channel: number): void {
		void this.#socket.send(Buffer.from([channel]));
	}

	/** Terminal sizes as they come; ends with the session. */
	async *sizes(): AsyncGenerator<TerminalSize> {
		for (;;) {
			const size = this.#sizes.shift();
			if (size) {
				yield size;
				continue;
			}
			if (this.#over) return;
			await new Promise<void>((resolve) => {
				this.#sizeWaiter = resolve;
			});
		}
	}

	/** The last frame: a metav1.Status. */
	status(status: unknown): Promise<void> {
		return this.#send(ERROR_CHANNEL, Buffer.from(JSON.stringify(status)));
	}

	end(): void {
		this.#over = true;
		this.stdin.end();
		this.#sizeWaiter?.();
	}

	#take(message: Buffer): void {
		const data = message.subarray(1);
		switch (message[0]) {
			case STDIN_CHANNEL:
				if (!this.stdin.writableEnded && data.length > 0 && !this.stdin.write(data)) this.#socket.pause();
				break;
			case RESIZE_CHANNEL:
				this.#resize(data);
				break;
			case CLOSE_CHANNEL:
				if (data[0] === STDIN_CHANNEL) this.stdin.end();
				break;
		}
	}

	#resize(data: Buffer): void {
		try {
			const size = JSON.parse(data.toString("utf8")) as { Width?: number; Height?: number };
			if (!size.Width || !size.Height) return;
			this.#sizes.push({ width: size.Width, height: size.Height });
			if (this.#sizes.length > MAX_QUEUED_SIZES) this.#sizes.shift();
			this.#sizeWaiter?.();
		} catch {
			// A size that is no JSON changes nothing.
		}
	}

	#writer(channel: number): Writable {
		return new Writable({
			write: (chunk: Buffer, _encoding, callback) => {
				this.#send(channel, chunk).then(() => callback(), callback);
			},
		});
	}

	#send(channel: number, data: Buffer): Promise<void> {
		return this.#socket.send(Buffer.concat([Buffer.from([channel]), data]));
	}
}

export const successStatus = (): unknown => ({ metadata: {}, status: "Success" });

/** What kubectl turns into its own exit code. */
export function exitStatus(code: number, command: readonly string[]): unknown {
	if (code === 0) return successStatus();
	return {
		metadata: {},
		status: "Failure",
		message: `command terminated with non-zero exit code: error executing command [${command.join(" ")}], exit code ${code}`,
		reason: "NonZeroExitCode",
		details: { causes: [{ reason: "ExitCode", message: String(code) }] },
	};
}

export function failureStatus(error: unknown): unknown {
	return { metadata: {}, status: "Failure", message: error instanceof Error ? error.message : String(error), reason: "InternalError", code: 500 };
}

/** The lowest channel that carries something to the client. */
export function firstOutputChannel(request: { stdout: boolean; stderr: boolean }): number {
	return request.stdout ? STDOUT_CHANNEL : request.stderr ? STDERR_CHANNEL : ERROR_CHANNEL;
}

/** Waits until all that was written has gone to the socket. */
export function finished(stream: Writable): Promise<void> {
	return new Promise((resolve) => {
		stream.once("error", () => resolve());
		if (stream.writableFinished || stream.destroyed) resolve();
		else if (stream.writableEnded) stream.once("finish", () => resolve());
		else stream.end(() => resolve());
	});
}
