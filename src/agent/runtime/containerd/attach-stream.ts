/**
 * Attach through CRI's streaming server (WebSocket, v4.channel.k8s.io). That protocol cannot close standard input
 * alone, so input has a connection of its own, and closing it is the end of input. That connection asks for output
 * too, which it throws away: containerd ends one for input alone at once.
 */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { WebSocket } from "ws";
import { type ExecOptions, RuntimeError } from "../runtime.ts";
import { CRI } from "./cri-messages.ts";
import type { GrpcClient } from "./grpc-client.ts";

const CALL_TIMEOUT_MS = 10_000;
const PROTOCOL = "v4.channel.k8s.io";
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
const BUFFERED_BYTES_MAX = 1024 * 1024;
const POLL_INTERVAL_MS = 10;

export type AttachOptions = Omit<ExecOptions, "command" | "timeoutMs">;

interface Streams {
	stdin: boolean;
	stdout: boolean;
	stderr: boolean;
	tty: boolean;
}

async function connectTo(client: GrpcClient, containerId: string, streams: Streams): Promise<WebSocket> {
	const { url } = await client.call(CRI.attach, { containerId, ...streams }, CALL_TIMEOUT_MS);
	const socket = new WebSocket(String(url).replace(/^http/, "ws"), PROTOCOL, { perMessageDeflate: false });
	const opened = once(socket, "open");
	await opened.catch((error: Error) => {
		throw new RuntimeError("Unavailable", `cannot attach: ${error.message}`, { cause: error });
	});
	socket.on("error", () => undefined);
	return socket;
}

function channel(number: number, data: Buffer): Buffer {
	return Buffer.concat([Buffer.from([number]), data]);
}

async function feed(socket: WebSocket, stdin: Readable): Promise<void> {
	try {
		for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
			if (socket.readyState !== WebSocket.OPEN) return;
			socket.send(channel(CHANNEL.stdin, Buffer.from(chunk as Uint8Array)));
			while (socket.bufferedAmount > BUFFERED_BYTES_MAX) await new Promise((done) => setTimeout(done, POLL_INTERVAL_MS));
		}
	} catch {
	} finally {
		socket.close();
	}
}

function show(socket: WebSocket, targets: Partial<Record<number, Writable>>): void {
	socket.on("message", (data: Buffer) => {
		const target = targets[data[0] ?? -1];
		if (target === undefined || data.length === 1 || target.destroyed || target.write(data.subarray(1))) return;
		socket.pause();
		target.once("drain", () => socket.resume());
	});
}

async function followSizes(socket: WebSocket, sizes: AttachOptions["resize"]): Promise<void> {
	if (sizes === undefined) return;
	for await (const { width, height } of sizes) {
		if (socket.readyState !== WebSocket.OPEN) return;
		socket.send(channel(CHANNEL.resize, Buffer.from(JSON.stringify({ Width: width, Height: height }))));
	}
}

/** Until the container ends or the caller leaves. */
export async function attachToContainer(client: GrpcClient, containerId: string, options: AttachOptions): Promise<void> {
	options.signal?.throwIfAborted();
	const { stdin, stdout, stderr, tty } = options;
	const output = await connectTo(client, containerId, { stdin: false, stdout: true, stderr: !tty, tty });
	const input = stdin === undefined ? undefined : await connectTo(client, containerId, { stdin: true, stdout: true, stderr: false, tty });
	const leave = (): void => {
		output.terminate();
		input?.terminate();
	};
	options.signal?.addEventListener("abort", leave);
	try {
		show(output, { [CHANNEL.stdout]: stdout, [CHANNEL.stderr]: stderr });
		if (input !== undefined && stdin !== undefined) void feed(input, stdin);
		void followSizes(output, options.resize).catch(() => undefined);
		if (output.readyState !== WebSocket.CLOSED) await once(output, "close");
		options.signal?.throwIfAborted();
	} finally {
		options.signal?.removeEventListener("abort", leave);
		leave();
	}
}
