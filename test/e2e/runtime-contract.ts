/** What every container runtime must do, asked of it with real containers. */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { buildExampleImage, type ExampleImage } from "../../src/agent/image/example-image.ts";
import type { ContainerConfig, ContainerRuntime, ContainerStateInfo, SandboxConfig, SandboxState } from "../../src/agent/runtime/runtime.ts";
import type { Container, Pod } from "../../src/core/schema/kubernetes.d.ts";

export interface RuntimeUnderTest {
	/** A new instance, as a restarted agent makes one. */
	create(dataDir: string): ContainerRuntime;
	/** What it needs once it has started. */
	prepare?(runtime: ContainerRuntime): Promise<void>;
	/** What is left on the machine of the runtime with this data directory, which others may share; nothing is "". */
	leftovers(dataDir: string): string;
}

export interface Running {
	sandbox: SandboxState;
	sandboxConfig: SandboxConfig;
	id: string;
	config: ContainerConfig;
}

interface Execution {
	code: number;
	stdout: string;
	stderr: string;
}

const PORT = 8080;
let serial = 0;

/** Command lines of the processes that name the directory in their arguments or environment. */
export function processesNaming(directory: string): string[] {
	const found: string[] = [];
	for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
		try {
			const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
			if (`${command}${readFileSync(`/proc/${pid}/environ`, "utf8")}`.includes(directory)) found.push(command.replaceAll("\0", " "));
		} catch {}
	}
	return found;
}

function collect(): { stream: PassThrough; text: Promise<string> } {
	const stream = new PassThrough();
	return { stream, text: text(stream) };
}

/** Resolves to the request's answer, over a connection that `dial` made. */
export async function httpGet(runtime: ContainerRuntime, sandboxId: string, port: number): Promise<string> {
	const connection = await runtime.dial(sandboxId, port);
	connection.write("GET / HTTP/1.0\r\n\r\n");
	return text(connection);
}

export class Harness {
	readonly dataDir = mkdtempSync(join(tmpdir(), "petrel-"));
	#under: RuntimeUnderTest;
	runtime: ContainerRuntime;
	image: ExampleImage | undefined;

	constructor(under: RuntimeUnderTest) {
		this.#under = under;
		this.runtime = under.create(this.dataDir);
	}

	async start(): Promise<void> {
		await this.runtime.start();
		await this.#under.prepare?.(this.runtime);
		this.image = await buildExampleImage({ dataDir: this.dataDir });
		expect(await this.runtime.importImage(this.image.tarPath)).toContain(this.image.ref);
	}

	/** As after a restart of the agent, which forgets everything. */
	async restart(): Promise<void> {
		await this.runtime.stop({ removeAll: false });
		this.runtime = this.#under.create(this.dataDir);
		await this.runtime.start();
		await this.#under.prepare?.(this.runtime);
	}

	async sandbox(pod: Pod, name: string): Promise<{ sandbox: SandboxState; config: SandboxConfig }> {
		const config: SandboxConfig = {
			pod,
			attempt: 0,
			hostname: name,
			logDirectory: join(this.dataDir, "logs", name),
			dns: { servers: ["10.96.0.10"], searches: ["default.svc.cluster.local"], options: ["ndots:5"] },
			cgroupParent: "",
		};
		return { sandbox: await this.runtime.runSandbox(config), config };
	}

	async run(part: Partial<Container> = {}, more: Partial<ContainerConfig> = {}, podSpec: Partial<Pod["spec"]> = {}): Promise<Running> {
		const name = `pod-${++serial}`;
		const container: Container = { name: "main", image: this.image?.ref ?? "", ...part };
		const pod: Pod = {
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name, namespace: "default", uid: `uid-${name}` },
			spec: { ...podSpec, containers: [container] },
		};
		const { sandbox, config: sandboxConfig } = await this.sandbox(pod, name);
		const config: ContainerConfig = {
			pod,
			container,
			attempt: 0,
			imageRef: this.image?.ref ?? "",
			env: (container.env ?? []).map((one) => ({ name: one.name, value: one.value ?? "" })),
			command: container.command,
			args: container.args,
			devices: [],
			mounts: [],
			logPath: "main/0.log",
			specHash: "hash",
			...more,
		};
		const id = await this.runtime.createContainer(sandbox.id, config, sandboxConfig);
		await this.runtime.startContainer(id);
		return { sandbox, sandboxConfig, id, config };
	}

	async state(id: string): Promise<ContainerStateInfo> {
		const found = (await this.runtime.listContainers()).find((one) => one.id === id);
		if (found === undefined) throw new Error(`no container ${id}`);
		return found;
	}

	async exited(id: string): Promise<ContainerStateInfo> {
		return expect
			.poll(() => this.state(id), { timeout: 15_000, interval: 50 })
			.toMatchObject({ state: "exited" })
			.then(() => this.state(id));
	}

	async exec(id: string, command: string[], stdin?: Readable, tty = false): Promise<Execution> {
		const stdout = collect();
		const stderr = collect();
		const code = await this.runtime.exec(id, { command, tty, stdin, stdout: stdout.stream, stderr: stderr.stream });
		stdout.stream.end();
		stderr.stream.end();
		return { code, stdout: await stdout.text, stderr: await stderr.text };
	}

	log(running: Running): string {
		return readFileSync(join(running.sandboxConfig.logDirectory, running.config.logPath), "utf8");
	}

	async removePods(): Promise<void> {
		for (const sandbox of await this.runtime.listSandboxes()) {
			await this.runtime.stopSandbox(sandbox.id);
			await this.runtime.removeSandbox(sandbox.id);
		}
	}
}

function logTests(harness: () => Harness): void {
	test("output goes to the log in CRI's format, stream by stream, and the exit code is kept", async () => {
		const running = await harness().run({ command: ["sh", "-c", "echo one; echo two >&2; printf tail; exit 3"] });
		expect(await harness().exited(running.id)).toMatchObject({ exitCode: 3, reason: "Error", name: "main", specHash: "hash" });
		const lines = harness().log(running).trim().split("\n");
		const time = String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)`;
		expect(lines.toSorted((a, b) => (a.slice(35) < b.slice(35) ? -1 : 1)).map((line) => line.replace(new RegExp(`${time} `), ""))).toEqual(
			expect.arrayContaining(["stdout F one", "stderr F two", "stdout P tail"]),
		);
		for (const line of lines) expect(line).toMatch(new RegExp(time));
	});

	test("a log that was moved away goes on in a new file, without a line lost", async () => {
		const running = await harness().run({ command: ["sh", "-c", "n=0; while [ $n -lt 40 ]; do echo line $n; n=$((n+1)); sleep 0.05; done; sleep 0.5"] });
		await expect.poll(() => harness().log(running), { timeout: 10_000 }).toMatch(/ line 3\n/);
		const path = join(running.sandboxConfig.logDirectory, running.config.logPath);
		expect((await harness().state(running.id)).logPath).toBe(path);
		renameSync(path, `${path}.old`);
		await harness().runtime.reopenContainerLog(running.id);
		await harness().exited(running.id);
		const both = readFileSync(`${path}.old`, "utf8") + readFileSync(path, "utf8");
		expect(readFileSync(path, "utf8")).toMatch(/ line 39\n$/);
		expect([...both.matchAll(/line (\d+)\n/g)].map(([, number]) => Number(number))).toEqual(Array.from({ length: 40 }, (_, i) => i));
	});

	// The container lingers because containerd 1.6 drops what it has not read when a container ends.
	test("a burst of output is in the log to the last line", async () => {
		const running = await harness().run({ command: ["sh", "-c", "seq 1 50000; sleep 1"] });
		await harness().exited(running.id);
		const lines = harness().log(running).trim().split("\n");
		expect(lines).toHaveLength(50_000);
		expect(lines.at(-1)).toMatch(/ stdout F 50000$/);
	});
}

function execTests(harness: () => Harness): void {
	test("exec gives output, errors and exit code, and takes input to its end", async () => {
		const { id } = await harness().run();
		expect(await harness().exec(id, ["sh", "-c", "echo out; echo err >&2; exit 7"])).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
		expect(await harness().exec(id, ["cat"], Readable.from([Buffer.from("through")]))).toMatchObject({ code: 0, stdout: "through" });
		const large = Buffer.alloc(3_000_000, "0123456789");
		const echoed = await harness().exec(id, ["cat"], Readable.from([large]));
		expect(echoed.stdout.length).toBe(large.length);
		await expect(harness().exec(id, ["no-such-program"])).rejects.toThrow(/executable file not found in \$PATH/);
	});

	test("exec with a terminal sees its size", async () => {
		const { id } = await harness().run();
		const stdout = collect();
		const sizes = (async function* () {
			yield { width: 99, height: 33 };
		})();
		const command = ["sh", "-c", "tty >/dev/null || exit 9; while [ \"$(stty size)\" != '33 99' ]; do sleep 0.05; done; echo sized"];
		expect(await harness().runtime.exec(id, { command, tty: true, stdin: new PassThrough(), stdout: stdout.stream, resize: sizes, timeoutMs: 10_000 })).toBe(0);
		stdout.stream.end();
		expect(await stdout.text).toContain("sized\r\n");
	});

	test("exec ends at its time limit and when the caller leaves", async () => {
		const { id } = await harness().run();
		await expect(harness().runtime.exec(id, { command: ["sleep", "60"], tty: false, timeoutMs: 200 })).rejects.toThrow(/timed out/);
		const controller = new AbortController();
		const left = harness().runtime.exec(id, { command: ["sleep", "60"], tty: false, signal: controller.signal });
		setImmediate(() => controller.abort());
		await expect(left).rejects.toThrow();
	});

	test("attach reaches a container's own input and output, and its end", async () => {
		const { id } = await harness().run({ command: ["sh", "-c", "while read -r line; do echo got $line; done; echo over"], stdin: true, stdinOnce: true });
		const stdin = new PassThrough();
		const stdout = collect();
		const attached = harness().runtime.attach(id, { tty: false, stdin, stdout: stdout.stream });
		stdin.write("this\n");
		stdin.end();
		await attached;
		stdout.stream.end();
		expect(await stdout.text).toBe("got this\nover\n");
		expect(await harness().exited(id)).toMatchObject({ exitCode: 0, reason: "Completed" });
	});
}

function lifeTests(harness: () => Harness): void {
	test("the example answers, through a dialled connection, and stops at once", async () => {
		const running = await harness().run();
		await expect.poll(() => httpGet(harness().runtime, running.sandbox.id, PORT).catch(() => ""), { timeout: 10_000 }).toContain("Hello from pod-");
		expect(running.sandbox.ips).toHaveLength(1);
		const before = performance.now();
		await harness().runtime.stopContainer(running.id, 30);
		expect(await harness().state(running.id)).toMatchObject({ state: "exited", exitCode: 0 });
		expect(performance.now() - before).toBeLessThan(15_000);
		await expect(harness().runtime.dial(running.sandbox.id, PORT)).rejects.toThrow(/refused/i);
	});

	test("a program that listens on 127.0.0.1 alone is reached too", async () => {
		const running = await harness().run({ command: ["sh", "-c", "mkdir -p w; echo inner >w/index.html; exec httpd -f -p 127.0.0.1:18231 -h w"] });
		await expect.poll(() => httpGet(harness().runtime, running.sandbox.id, 18231).catch(() => ""), { timeout: 10_000 }).toContain("inner");
	});

	test("what ignores SIGTERM is killed, with its children", async () => {
		const running = await harness().run({ command: ["sh", "-c", "trap '' TERM; echo deaf; sleep 1000 & sleep 1000"] });
		await expect.poll(() => harness().log(running), { timeout: 10_000 }).toMatch(/ deaf\n$/);
		await harness().runtime.stopContainer(running.id, 1);
		expect(await harness().state(running.id)).toMatchObject({ state: "exited", exitCode: 137 });
	});

	test("a command that is not there is a StartError", async () => {
		const failed = harness().run({ command: ["/no/such"] });
		await expect(failed).rejects.toMatchObject({ reason: "RunContainerError", message: expect.stringContaining("/no/such") });
		const states = await harness().runtime.listContainers();
		expect(states.find((one) => one.reason === "StartError")).toMatchObject({ state: "exited", exitCode: 128 });
	});

	test("containers outlive the agent; exit codes and output of its absence are not lost", async () => {
		const running = await harness().run({ command: ["sh", "-c", "while ! [ -e go ]; do sleep 0.1; done; echo later; exit 5"] });
		const other = await harness().run();
		await harness().exec(other.id, ["true"]);
		const release = await harness().exec(running.id, ["sh", "-c", "(sleep 1; touch go) >/dev/null 2>&1 &"]);
		expect(release.code).toBe(0);
		await harness().restart();
		expect(await harness().state(other.id)).toMatchObject({ state: "running" });
		expect(await harness().exited(running.id)).toMatchObject({ exitCode: 5 });
		expect(harness().log(running)).toMatch(/ stdout F later\n$/);
		expect(await harness().runtime.listSandboxes()).toHaveLength(2);
		expect((await harness().exec(other.id, ["echo", "still"])).stdout).toBe("still\n");
	});

	test("events tell which pod changed", async () => {
		const seen = new Set<string>();
		const off = harness().runtime.onEvent((uid) => seen.add(uid));
		const running = await harness().run({ command: ["true"] });
		await expect.poll(() => seen.has(running.sandbox.podUid), { timeout: 5000 }).toBe(true);
		off();
	});
}

function imageTests(harness: () => Harness): void {
	test("images are found by name and id, and an unknown one is not", async () => {
		const { runtime, image } = harness();
		const status = await runtime.imageStatus(image?.ref ?? "");
		expect(status).toMatchObject({ id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), tags: [image?.ref] });
		expect((await runtime.imageStatus(status?.id ?? ""))?.id).toBe(status?.id);
		expect(await runtime.imageStatus("petrel.dev/none:1")).toBeUndefined();
		await expect(runtime.imageStatus("Not A Ref")).rejects.toMatchObject({ reason: "InvalidImageName" });
		await expect(runtime.pullImage("127.0.0.1:9/none:1")).rejects.toMatchObject({ reason: "ErrImagePull" });
	});

	test("a volume is seen at its path and survives the container", async () => {
		const volume = mkdtempSync(join(tmpdir(), "petrel-volume-"));
		const mounts = [{ hostPath: volume, containerPath: "/srv/data", readOnly: false }];
		const running = await harness().run({ command: ["sh", "-c", "echo kept >data/file"] }, { mounts });
		await harness().exited(running.id);
		await harness().runtime.removeContainer(running.id);
		expect(readFileSync(join(volume, "file"), "utf8")).toBe("kept\n");
		rmSync(volume, { recursive: true });
	});
}

export function describeRuntime(name: string, under: RuntimeUnderTest): void {
	describe(name, { timeout: 60_000 }, () => {
		let harness: Harness;
		beforeAll(async () => {
			harness = new Harness(under);
			await harness.start();
		}, 60_000);
		afterEach(() => harness.removePods(), 60_000);
		afterAll(async () => {
			await harness.run();
			await harness.runtime.stop({ removeAll: true });
			expect(under.leftovers(harness.dataDir)).toBe("");
			rmSync(harness.dataDir, { recursive: true, force: true });
		}, 60_000);
		imageTests(() => harness);
		logTests(() => harness);
		execTests(() => harness);
		lifeTests(() => harness);
	});
}

/** A server on this machine, for what containers or proxies reach from the inside. */
export async function echoServer(address: string, body: string): Promise<{ port: number; close(): void }> {
	const server = createServer((_request, response) => response.end(body));
	await new Promise<void>((resolve) => server.listen(0, address, resolve));
	const bound = server.address();
	return { port: typeof bound === "object" && bound !== null ? bound.port : 0, close: () => server.close() };
}
