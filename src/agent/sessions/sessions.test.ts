import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testPod } from "../../../test/support/agent-node.ts";
import { until } from "../../../test/support/fake-clock.ts";
import { FakeControlPlane, type SessionPeer } from "../../../test/support/fake-control-plane.ts";
import { FakeRuntime } from "../../../test/support/fake-runtime.ts";
import { SpdyClient } from "../../../test/support/spdy-client.ts";
import type { SessionRequest } from "../../core/protocol/agent-protocol.ts";
import { type Agent, startAgent } from "../agent.ts";
import { systemClock } from "../clock.ts";
import { silentLogger } from "../log.ts";

let plane: FakeControlPlane;
let runtime: FakeRuntime;
let dataDir: string;
let agent: Agent;
let nextId = 0;

beforeEach(async () => {
	plane = await FakeControlPlane.start();
	runtime = new FakeRuntime(systemClock);
	runtime.addImage("app:1");
	dataDir = await mkdtemp(join(tmpdir(), "petrel-agent-"));
	agent = await startAgent({ server: plane.url, token: "join-token", nodeName: "node-1", dataDir, runtime, log: silentLogger });
	(await plane.poll()).answer({ full: true, cursor: 1, pods: [testPod()] });
	await until(() => runtime.container("app")?.state === "running");
});
afterEach(async () => {
	await agent.stop();
	await plane.stop();
	await rm(dataDir, { recursive: true, force: true });
});

async function open(request: SessionRequest, container = "app"): Promise<SessionPeer> {
	const id = `session-${nextId++}`;
	const pod = { namespace: "default", name: "web", uid: "uid-web" };
	const command = { type: "session" as const, id, pod, container, request };
	// The same command twice: it is served once.
	(await plane.poll()).answer({ cursor: 1, commands: [command, command] });
	const peer = await plane.session(id);
	await until(() => peer.hello);
	return peer;
}

const logRequest = (extra: Partial<Extract<SessionRequest, { kind: "log" }>> = {}): SessionRequest => ({
	kind: "log",
	follow: false,
	previous: false,
	timestamps: false,
	...extra,
});

describe("logs", () => {
	const stamp = (second: number) => `2026-01-01T00:00:0${second}.000000001Z`;
	const logFile = () => join(dataDir, "logs", "pods", "default_web_uid-web", "app", `${runtime.container("app")?.attempt}.log`);
	const write = async (text: string) => {
		await mkdir(dirname(logFile()), { recursive: true });
		await appendFile(logFile(), text);
	};
	const lines = `${stamp(1)} stdout F one\n${stamp(2)} stderr P tw\n${stamp(2)} stderr F o\n${stamp(3)} stdout F three\n`;

	it.each([
		["all of it", {}, "one\ntwo\nthree\n"],
		["the last lines", { tailLines: 1 }, "three\n"],
		["no lines", { tailLines: 0 }, ""],
		["from a time on", { sinceTime: "2026-01-01T00:00:03Z" }, "three\n"],
		["up to a number of bytes", { limitBytes: 6 }, "one\ntw"],
		["with times", { timestamps: true }, `${stamp(1)} one\n${stamp(2)} two\n${stamp(3)} three\n`],
	])("give %s", async (_what, extra, expected) => {
		await write(lines);
		const peer = await open(logRequest(extra));
		expect(await peer.ended()).toBe(1000);
		expect(peer.bytes.toString()).toBe(expected);
	});

	it("follow what is written until the container ends, across a rotation", async () => {
		await write(lines);
		const peer = await open(logRequest({ follow: true, tailLines: 1 }));
		await until(() => peer.bytes.toString() === "three\n");
		await write(`${stamp(4)} stdout F four\n`);
		await until(() => peer.bytes.toString() === "three\nfour\n");
		await rename(logFile(), `${logFile()}.old`);
		await writeFile(logFile(), `${stamp(5)} stdout F five\n`);
		await until(() => peer.bytes.toString() === "three\nfour\nfive\n");
		expect(peer.closeCode).toBeUndefined();
		await write(`${stamp(6)} stdout F six\n`);
		const old = runtime.container("app")?.id as string;
		runtime.exit("app", 0);
		await peer.ended();
		expect(peer.bytes.toString()).toBe("three\nfour\nfive\nsix\n");
		expect(runtime.containers.get(old)?.state ?? "gone").not.toBe("running");
	});

	it("of a previous run that never was are refused in kubelet's words", async () => {
		const peer = await open(logRequest({ previous: true }));
		expect(peer.hello).toEqual({ ok: false, code: 400, reason: "BadRequest", message: 'previous terminated container "app" in pod "web" not found' });
	});
});

describe("exec", () => {
	const request = (extra: Partial<Extract<SessionRequest, { kind: "exec" }>> = {}): SessionRequest => ({
		kind: "exec",
		command: ["cat"],
		stdin: true,
		stdout: true,
		stderr: true,
		tty: false,
		subprotocol: "v5.channel.k8s.io",
		...extra,
	});

	it("carries input, output and success; the close frame ends the input", async () => {
		runtime.execHandler = async (_name, options) => {
			for await (const chunk of options.stdin ?? []) options.stdout?.write(chunk);
			options.stderr?.write("done");
			return 0;
		};
		const peer = await open(request());
		expect(peer.hello).toEqual({ ok: true });
		peer.socket.send(Buffer.from("\0hello"));
		await until(() => peer.channel(1) === "hello");
		peer.socket.send(Buffer.from([255, 0]));
		expect(await peer.ended()).toBe(1000);
		expect(peer.channel(2)).toBe("done");
		expect(JSON.parse(peer.channel(3))).toEqual({ metadata: {}, status: "Success" });
	});

	it("tells the exit code", async () => {
		runtime.execHandler = async () => 3;
		const peer = await open(request({ command: ["sh", "-c", "exit 3"] }));
		await peer.ended();
		expect(JSON.parse(peer.channel(3))).toMatchObject({
			status: "Failure",
			reason: "NonZeroExitCode",
			message: "command terminated with non-zero exit code: error executing command [sh -c exit 3], exit code 3",
			details: { causes: [{ reason: "ExitCode", message: "3" }] },
		});
	});

	it("passes a terminal's sizes on", async () => {
		const sizes: unknown[] = [];
		runtime.execHandler = async (_name, options) => {
			for await (const size of options.resize ?? []) {
				sizes.push(size);
				if (sizes.length === 2) break;
			}
			return 0;
		};
		const peer = await open(request({ tty: true }));
		for (const [width, height] of [
			[80, 24],
			[120, 40],
		])
			peer.socket.send(Buffer.from(`\x04{"Width":${width},"Height":${height}}`));
		await peer.ended();
		expect(sizes).toEqual([
			{ width: 80, height: 24 },
			{ width: 120, height: 40 },
		]);
	});

	it("ends the command when the client goes", async () => {
		let aborted = false;
		runtime.execHandler = (_name, options) =>
			new Promise((_resolve, reject) =>
				options.signal?.addEventListener("abort", () => {
					aborted = true;
					reject(new Error("aborted"));
				}),
			);
		const peer = await open(request());
		peer.socket.terminate();
		await until(() => aborted);
	});

	it("holds a writer back whose reader is slow, and loses nothing", async () => {
		const total = 8 * 1024 * 1024;
		let written = 0;
		runtime.execHandler = async (_name, options) => {
			const chunk = Buffer.alloc(64 * 1024, "x");
			while (written < total) {
				written += chunk.length;
				if (!options.stdout?.write(chunk)) await new Promise<void>((resolve) => options.stdout?.once("drain", resolve));
			}
			return 0;
		};
		const peer = await open(request());
		await peer.ended();
		expect(peer.channel(1)).toHaveLength(total);
	});

	it("is refused when the container does not run", async () => {
		const peer = await open(request(), "other");
		expect(peer.hello).toEqual({ ok: false, code: 404, reason: "NotFound", message: 'container not found ("other")' });
	});

	it("of one client is not held up by another that hangs", async () => {
		runtime.execHandler = (_name, options) => (options.command[0] === "hang" ? new Promise(() => undefined) : Promise.resolve(0));
		await open(request({ command: ["hang"] }));
		const peer = await open(request());
		await peer.ended();
		expect(JSON.parse(peer.channel(3))).toMatchObject({ status: "Success" });
	});
});

describe("attach", () => {
	it("connects to the container's own streams", async () => {
		runtime.attachHandler = async (_name, options) => {
			options.stdout?.write("hello");
		};
		const peer = await open({ kind: "attach", stdin: false, stdout: true, stderr: true, tty: false, subprotocol: "v4.channel.k8s.io" });
		await peer.ended();
		expect(peer.channel(1)).toBe("hello");
		expect(JSON.parse(peer.channel(3))).toMatchObject({ status: "Success" });
	});
});

describe("port-forward", () => {
	let target: Server;
	let port: number;
	const sockets = new Set<Socket>();
	beforeEach(async () => {
		target = createServer({ allowHalfOpen: true }, (socket) => {
			sockets.add(socket);
			socket.pipe(socket);
		});
		await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
		port = (target.address() as AddressInfo).port;
	});
	afterEach(() => {
		for (const socket of sockets) socket.destroy();
		return new Promise<void>((resolve) => target.close(() => resolve()));
	});

	async function client(): Promise<SpdyClient> {
		const peer = await open({ kind: "portforward", subprotocol: "SPDY/3.1+portforward.k8s.io" }, "");
		const spdy = new SpdyClient((bytes) => peer.socket.send(bytes));
		for (const message of peer.messages) spdy.receive(message);
		peer.socket.on("message", (data: Buffer, isBinary: boolean) => {
			if (isBinary) spdy.receive(data);
		});
		return spdy;
	}

	async function connectPair(spdy: SpdyClient, requestId: number, to = port): Promise<{ error: number; data: number }> {
		const error = requestId * 4 + 1;
		await spdy.open(error, { streamtype: "error", port: String(to), requestid: String(requestId) });
		spdy.data(error, "", true);
		await spdy.open(error + 2, { streamtype: "data", port: String(to), requestid: String(requestId) });
		return { error, data: error + 2 };
	}

	it("carries several connections at once, each whole and with its end", async () => {
		const spdy = await client();
		const first = await connectPair(spdy, 0);
		const second = await connectPair(spdy, 1);
		spdy.data(second.data, "second", true);
		spdy.data(first.data, "first");
		await until(() => spdy.finished(second.data) && spdy.dataOf(first.data).toString() === "first");
		expect(spdy.dataOf(second.data).toString()).toBe("second");
		expect(spdy.frames.filter((f) => f.control && f.type === 2).map((f) => f.id)).toEqual([first.error, first.data, second.error, second.data]);
		spdy.data(first.data, "", true);
		await until(() => spdy.finished(first.data) && spdy.finished(first.error));
		expect(spdy.dataOf(first.error).toString()).toBe("");
	});

	it("carries more than a window although the client never opens one", async () => {
		const spdy = await client();
		const { data } = await connectPair(spdy, 0);
		const block = Buffer.alloc(32 * 1024, "y");
		for (let i = 0; i < 31; i++) spdy.data(data, block);
		await until(() => spdy.dataOf(data).length === 31 * block.length);
		spdy.data(data, block, true);
		await until(() => spdy.finished(data));
		expect(spdy.dataOf(data)).toHaveLength(32 * block.length);
		// And tells the client how far its own window is open.
		expect(spdy.frames.filter((f) => f.type === 9).reduce((sum, f) => sum + f.payload.readUInt32BE(4), 0)).toBeGreaterThan(0);
	});

	it("keeps within the window of a client that has one", async () => {
		const spdy = await client();
		spdy.control(4, 0, Buffer.from([0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 10]));
		const { data } = await connectPair(spdy, 0);
		spdy.data(data, "0123456789abcdef");
		await until(() => spdy.dataOf(data).toString() === "0123456789");
		const update = Buffer.alloc(8);
		update.writeUInt32BE(data, 0);
		update.writeUInt32BE(100, 4);
		spdy.control(9, 0, update);
		await until(() => spdy.dataOf(data).toString() === "0123456789abcdef");
	});

	it("says on the error stream that nobody listens", async () => {
		const spdy = await client();
		const { error } = await connectPair(spdy, 0, 1);
		await until(() => spdy.finished(error));
		expect(spdy.dataOf(error).toString()).toMatch(/^an error occurred forwarding 1 -> 1: .*ECONNREFUSED/);
	});

	it("answers pings and resets streams that are none", async () => {
		const spdy = await client();
		spdy.control(6, 0, Buffer.from([0, 0, 0, 7]));
		spdy.data(99, "?");
		await until(() => spdy.frames.some((f) => f.type === 6 && f.id === 7) && spdy.frames.some((f) => f.type === 3 && f.id === 99));
	});
});
