/** A container runtime in memory: containers run until a test ends them or the agent stops them. */
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Clock } from "../../src/agent/clock.ts";
import type { Container, Pod } from "../../src/core/schema/kubernetes.d.ts";
import {
	type ContainerConfig,
	type ContainerRuntime,
	type ContainerStateInfo,
	type ContainerUsage,
	type ExecOptions,
	type ImageStatus,
	RuntimeError,
	type RuntimeInfo,
	type SandboxConfig,
	type SandboxState,
} from "../../src/agent/runtime/runtime.ts";

export class FakeRuntime implements ContainerRuntime {
	readonly #clock: Clock;
	readonly #listeners = new Set<(podUid: string) => void>();
	readonly #stopping = new Map<string, (() => void)[]>();
	#nextId = 1;
	readonly images = new Map<string, ImageStatus>();
	readonly sandboxes = new Map<string, SandboxState>();
	readonly containers = new Map<string, ContainerStateInfo>();
	readonly configs = new Map<string, ContainerConfig>();
	/** What was asked, in order: "createContainer app". */
	readonly calls: string[] = [];
	/** Names of containers that ignore SIGTERM. */
	readonly stubborn = new Set<string>();
	/** Thrown by the next calls of that method. */
	readonly failures = new Map<string, Error>();
	/** By the container's name. */
	readonly usages = new Map<string, { cpuNanos: number; memoryBytes: number }>();
	execHandler: (containerName: string, options: ExecOptions) => Promise<number> = async () => 0;
	attachHandler: (containerName: string, options: Omit<ExecOptions, "command" | "timeoutMs">) => Promise<void> = async () => undefined;
	podIP = "10.1.0.5";

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	addImage(ref: string): void {
		this.images.set(ref, { id: `sha256:${ref}`, tags: [ref], digests: [], sizeBytes: 1000, user: "" });
	}

	/** The youngest container of that name. */
	container(name: string): ContainerStateInfo | undefined {
		return [...this.containers.values()].filter((c) => c.name === name).at(-1);
	}

	/** The container's process ends by itself. */
	exit(name: string, exitCode: number, reason = exitCode === 0 ? "Completed" : "Error"): void {
		const found = this.container(name);
		if (found) this.#end(found, exitCode, reason);
	}

	#end(container: ContainerStateInfo, exitCode: number, reason: string): void {
		if (container.state !== "running") return;
		Object.assign(container, { state: "exited", exitCode, reason, finishedAtMs: this.#clock.nowMs() });
		for (const resolve of this.#stopping.get(container.id) ?? []) resolve();
		this.#stopping.delete(container.id);
		this.tell(container.podUid);
	}

	#called(method: string, name: string): void {
		this.calls.push(`${method} ${name}`);
		const failure = this.failures.get(method);
		if (failure) throw failure;
	}

	info(): RuntimeInfo {
		return { version: "fake://1.0", isolated: true };
	}
	async start(): Promise<void> {}
	async stop(): Promise<void> {}

	async imageStatus(ref: string): Promise<ImageStatus | undefined> {
		return this.images.get(ref);
	}
	async pullImage(ref: string): Promise<ImageStatus> {
		this.#called("pullImage", ref);
		const image = this.images.get(ref);
		if (!image) throw new RuntimeError("ErrImagePull", `failed to resolve reference "${ref}": not found`);
		return image;
	}
	async importImage(): Promise<string[]> {
		return [];
	}
	async listImages(): Promise<ImageStatus[]> {
		return [...this.images.values()];
	}
	readonly mountedImages = new Map<string, string>();

	async mountImage(ref: string, directory: string): Promise<void> {
		this.mountedImages.set(directory, ref);
	}

	async imageMounted(directory: string): Promise<boolean> {
		return this.mountedImages.has(directory);
	}

	async unmountImage(directory: string): Promise<void> {
		this.mountedImages.delete(directory);
	}

	async removeImage(ref: string): Promise<void> {
		this.images.delete(ref);
	}

	async containerUsage(): Promise<ContainerUsage[]> {
		this.#called("containerUsage", "");
		const running = [...this.containers.values()].filter(({ state }) => state === "running");
		return running.map(({ id, name }) => ({ id, atMs: this.#clock.nowMs(), ...(this.usages.get(name) ?? { cpuNanos: 0, memoryBytes: 0 }) }));
	}

	async runSandbox(config: SandboxConfig): Promise<SandboxState> {
		const { name = "", namespace = "", uid = "" } = config.pod.metadata;
		this.#called("runSandbox", name);
		const sandbox = {
			id: `s${this.#nextId++}`,
			podUid: uid,
			podName: name,
			podNamespace: namespace,
			attempt: config.attempt,
			ready: true,
			createdAtMs: this.#clock.nowMs(),
			ips: [this.podIP],
		};
		this.sandboxes.set(sandbox.id, sandbox);
		return { ...sandbox };
	}
	async stopSandbox(id: string): Promise<void> {
		this.#called("stopSandbox", id);
		const sandbox = this.sandboxes.get(id);
		if (!sandbox) return;
		sandbox.ready = false;
		for (const c of this.containers.values()) if (c.sandboxId === id) this.#end(c, 137, "Error");
	}
	async removeSandbox(id: string): Promise<void> {
		this.#called("removeSandbox", id);
		this.sandboxes.delete(id);
		for (const c of [...this.containers.values()]) if (c.sandboxId === id) this.containers.delete(c.id);
	}
	async listSandboxes(): Promise<SandboxState[]> {
		this.#check("list");
		return [...this.sandboxes.values()].map((s) => ({ ...s }));
	}

	async createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string> {
		this.#called("createContainer", config.container.name);
		const id = `c${this.#nextId++}`;
		this.configs.set(id, config);
		this.containers.set(id, {
			id,
			sandboxId,
			podUid: config.pod.metadata.uid ?? "",
			name: config.container.name,
			attempt: config.attempt,
			image: config.imageRef,
			imageId: `sha256:${config.imageRef}`,
			state: "created",
			createdAtMs: this.#clock.nowMs(),
			startedAtMs: 0,
			finishedAtMs: 0,
			exitCode: 0,
			reason: "",
			message: "",
			specHash: config.specHash,
			logPath: join(sandbox.logDirectory, config.logPath),
		});
		return id;
	}
	async startContainer(id: string): Promise<void> {
		const container = this.containers.get(id);
		this.#called("startContainer", container?.name ?? id);
		if (!container) throw new RuntimeError("NotFound", id);
		Object.assign(container, { state: "running", startedAtMs: this.#clock.nowMs() });
		this.tell(container.podUid);
	}
	async updateContainerResources(id: string, _pod: Pod, container: Container): Promise<void> {
		this.#called("updateContainerResources", container.name);
		const config = this.configs.get(id);
		if (config) this.configs.set(id, { ...config, container });
	}
	async stopContainer(id: string, timeoutSeconds: number, signal?: string): Promise<void> {
		const container = this.containers.get(id);
		this.#called("stopContainer", `${container?.name ?? id} ${timeoutSeconds}${signal ? ` ${signal}` : ""}`);
		if (container?.state !== "running") return;
		if (!this.stubborn.has(container.name)) {
			this.#end(container, 143, "Error");
			return;
		}
		await new Promise<void>((resolve) => {
			this.#stopping.set(container.id, [...(this.#stopping.get(container.id) ?? []), resolve]);
			this.#clock.after(timeoutSeconds * 1000, () => this.#end(container, 137, "Error"));
		});
	}
	async removeContainer(id: string): Promise<void> {
		this.#called("removeContainer", this.containers.get(id)?.name ?? id);
		this.containers.delete(id);
	}
	async reopenContainerLog(id: string): Promise<void> {
		this.#called("reopenContainerLog", this.containers.get(id)?.name ?? id);
		await writeFile(this.containers.get(id)?.logPath ?? "", "", { flag: "a" });
	}
	async listContainers(): Promise<ContainerStateInfo[]> {
		this.#check("list");
		return [...this.containers.values()].map((c) => ({ ...c }));
	}
	tellsEvents = false;

	/** Something happened to the pod. */
	tell(podUid: string): void {
		for (const listener of this.#listeners) listener(podUid);
	}

	onEvent(listener: (podUid: string) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	#check(method: string): void {
		const failure = this.failures.get(method);
		if (failure) throw failure;
	}

	async exec(containerId: string, options: ExecOptions): Promise<number> {
		return this.execHandler(this.containers.get(containerId)?.name ?? containerId, options);
	}
	async attach(containerId: string, options: Omit<ExecOptions, "command" | "timeoutMs">): Promise<void> {
		return this.attachHandler(this.containers.get(containerId)?.name ?? containerId, options);
	}
	dial(_sandboxId: string, port: number): Promise<Duplex> {
		return new Promise((resolve, reject) => {
			const socket = connect({ host: "127.0.0.1", port });
			socket.once("connect", () => resolve(socket));
			socket.once("error", reject);
		});
	}
}
