/**
 * The `process` runtime: runs a pod's containers as ordinary processes, with nothing to install and no isolation. Images
 * are unpacked directories, volumes are links, a pod's address is a loopback address; users, limits, read-only mounts
 * and security settings are not enforced. Everything is on disk, so a new agent finds what an earlier one left running.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
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
} from "../runtime.ts";
import { ContainerProcess, type ContainerRecord } from "./container-process.ts";
import { buildContainerRoot, containerSearchPath, workingDirectory } from "./container-root.ts";
import { connectTcp } from "../../tcp-connection.ts";
import { attachTo, execIn } from "./exec-session.ts";
import { ImageStore, type StoredImage } from "./image-store.ts";
import { CONTAINER_ID_VARIABLE } from "./process-table.ts";
import { SandboxStore, type StoredSandbox } from "./sandbox-store.ts";

const VERSION = "0.1.0";
const SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGABRT", "SIGALRM"] as const;
const SIGNALS_BY_NUMBER: Record<string, NodeJS.Signals> = { "1": "SIGHUP", "2": "SIGINT", "3": "SIGQUIT", "9": "SIGKILL", "10": "SIGUSR1", "12": "SIGUSR2" };

/** An image's STOPSIGNAL, by name with or without SIG, or by number. */
function stopSignalOf(text: string | undefined): NodeJS.Signals {
	const name = (text ?? "").toUpperCase();
	return SIGNALS_BY_NUMBER[name] ?? SIGNALS.find((one) => one === name || one === `SIG${name}`) ?? "SIGTERM";
}

function environmentOf(list: readonly string[]): Record<string, string> {
	return Object.fromEntries(list.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
}

export class ProcessRuntime implements ContainerRuntime {
	#directory: string;
	#images: ImageStore;
	#sandboxes: SandboxStore;
	#containers = new Map<string, ContainerProcess>();
	#listeners = new Set<(podUid: string) => void>();
	#started: Promise<void> | undefined;

	constructor(options: { dataDir: string }) {
		this.#directory = join(options.dataDir, "process");
		this.#images = new ImageStore(join(this.#directory, "images"));
		this.#sandboxes = new SandboxStore(join(this.#directory, "sandboxes"));
	}

	info(): RuntimeInfo {
		return { version: `process://${VERSION}`, isolated: false };
	}

	start(): Promise<void> {
		this.#started ??= this.#adoptAll();
		return this.#started;
	}

	async #adoptAll(): Promise<void> {
		await mkdir(join(this.#directory, "containers"), { recursive: true, mode: 0o700 });
		await this.#sandboxes.load();
		for (const id of await readdir(join(this.#directory, "containers"))) {
			const path = this.#containerPath(id);
			const container = await ContainerProcess.load(path);
			if (container === undefined) await rm(path, { recursive: true, force: true });
			else this.#follow(container);
		}
		await Promise.all([...this.#containers.values()].map((container) => container.check()));
	}

	async stop({ removeAll }: { removeAll: boolean }): Promise<void> {
		await this.start();
		const containers = [...this.#containers.values()];
		if (removeAll) {
			await Promise.all(containers.map((container) => this.removeContainer(container.record.id)));
			for (const sandbox of this.#sandboxes.list()) await this.#sandboxes.remove(sandbox.id);
		} else await Promise.all(containers.map((container) => container.release()));
		this.#containers.clear();
		this.#started = undefined;
	}

	#containerPath(id: string): string {
		return join(this.#directory, "containers", id);
	}

	#follow(container: ContainerProcess): void {
		const tell = (): void => {
			for (const listener of this.#listeners) listener(container.record.podUid);
		};
		this.#containers.set(container.record.id, container);
		container.on("started", tell);
		container.on("ended", tell);
		container.adopt();
	}

	#container(id: string): ContainerProcess {
		const container = this.#containers.get(id);
		if (container === undefined) throw new RuntimeError("NotFound", `container ${JSON.stringify(id)} not found`);
		return container;
	}

	imageStatus(ref: string): Promise<ImageStatus | undefined> {
		return this.#images.status(ref);
	}

	async pullImage(ref: string): Promise<ImageStatus> {
		const status = await this.#images.status(ref);
		if (status !== undefined) return status;
		throw new RuntimeError(
			"ErrImagePull",
			`failed to pull image ${JSON.stringify(ref)}: the process runtime has no registry client; it runs imported images only`,
		);
	}

	importImage(tarPath: string): Promise<string[]> {
		return this.#images.import(tarPath);
	}

	listImages(): Promise<ImageStatus[]> {
		return this.#images.list();
	}

	mountImage(ref: string, directory: string): Promise<void> {
		return this.#images.copyTo(ref, directory);
	}

	async imageMounted(directory: string): Promise<boolean> {
		return existsSync(directory);
	}

	async unmountImage(directory: string): Promise<void> {
		await rm(directory, { recursive: true, force: true });
	}

	removeImage(ref: string): Promise<void> {
		return this.#images.remove(ref);
	}

	async runSandbox(config: SandboxConfig): Promise<SandboxState> {
		return this.#stateOf(await this.#sandboxes.create(config));
	}

	#stateOf(sandbox: StoredSandbox): SandboxState {
		const { hostname: _hostname, hostNetwork: _hostNetwork, logDirectory: _logDirectory, ...state } = sandbox;
		return state;
	}

	async stopSandbox(id: string): Promise<void> {
		const containers = [...this.#containers.values()].filter((container) => container.record.sandboxId === id);
		await Promise.all(containers.map((container) => container.stop(0)));
		await this.#sandboxes.markStopped(id);
	}

	async removeSandbox(id: string): Promise<void> {
		const containers = [...this.#containers.values()].filter((container) => container.record.sandboxId === id);
		await Promise.all(containers.map((container) => this.removeContainer(container.record.id)));
		await this.#sandboxes.remove(id);
	}

	async listSandboxes(): Promise<SandboxState[]> {
		return this.#sandboxes.list().map((sandbox) => this.#stateOf(sandbox));
	}

	async createContainer(sandboxId: string, config: ContainerConfig, _sandbox: SandboxConfig): Promise<string> {
		const sandbox = this.#sandboxes.get(sandboxId);
		if (sandbox === undefined) throw new RuntimeError("NotFound", `sandbox ${JSON.stringify(sandboxId)} not found`);
		const image = await this.#images.find(config.imageRef);
		if (image === undefined) throw new RuntimeError("CreateContainerError", `image ${JSON.stringify(config.imageRef)} not found`);
		const id = randomBytes(16).toString("hex");
		const path = this.#containerPath(id);
		try {
			await mkdir(path, { mode: 0o700 });
			await buildContainerRoot(image.rootPath, join(path, "root"), config.mounts);
			const container = new ContainerProcess(path, await this.#recordOf(id, sandbox, config, image));
			await container.save();
			this.#follow(container);
			return id;
		} catch (error) {
			await rm(path, { recursive: true, force: true });
			throw error instanceof RuntimeError ? error : new RuntimeError("CreateContainerError", (error as Error).message, { cause: error });
		}
	}

	async #recordOf(id: string, sandbox: StoredSandbox, config: ContainerConfig, image: StoredImage): Promise<ContainerRecord> {
		const { container } = config;
		const rootPath = join(this.#containerPath(id), "root");
		const entrypoint = config.command ?? image.config.Entrypoint ?? [];
		const args = config.args ?? (config.command === undefined ? (image.config.Cmd ?? []) : []);
		if (entrypoint.length + args.length === 0) throw new RuntimeError("CreateContainerError", "no command specified");
		const imageEnv = environmentOf(image.config.Env ?? []);
		const searchPath = containerSearchPath(rootPath, imageEnv.PATH);
		return {
			id,
			sandboxId: sandbox.id,
			podUid: sandbox.podUid,
			name: container.name,
			attempt: config.attempt,
			image: config.imageRef,
			imageId: image.id,
			createdAtMs: Date.now(),
			specHash: config.specHash,
			logPath: join(sandbox.logDirectory, config.logPath),
			tty: container.tty === true,
			stdin: container.stdin === true,
			stdinOnce: container.stdinOnce === true,
			stopSignal: stopSignalOf(image.config.StopSignal),
			command: [...entrypoint, ...args],
			env: this.#environment(id, sandbox, config, imageEnv, searchPath, rootPath),
			searchPath,
			rootPath,
			workingDirectory: await workingDirectory(rootPath, container.workingDir || image.config.WorkingDir || "/"),
		};
	}

	#environment(
		id: string,
		sandbox: StoredSandbox,
		config: ContainerConfig,
		imageEnv: Record<string, string>,
		searchPath: string[],
		rootPath: string,
	): Record<string, string> {
		const address = sandbox.ips[0] ?? "";
		return {
			HOME: rootPath,
			HOSTNAME: sandbox.hostname,
			POD_IP: address,
			...imageEnv,
			PATH: searchPath.join(":"),
			...(config.container.tty === true ? { TERM: "xterm" } : {}),
			...Object.fromEntries(config.env.map(({ name, value }) => [name, value])),
			PETREL_POD_IP: address,
			PETREL_ROOT: rootPath,
			[CONTAINER_ID_VARIABLE]: id,
		};
	}

	/** Processes have no limits here. */
	async updateContainerResources(id: string): Promise<void> {
		this.#container(id);
	}

	startContainer(id: string): Promise<void> {
		return this.#container(id).start();
	}

	async stopContainer(id: string, timeoutSeconds: number, signal?: string): Promise<void> {
		await this.#containers.get(id)?.stop(timeoutSeconds * 1000, signal === undefined ? undefined : stopSignalOf(signal));
	}

	async removeContainer(id: string): Promise<void> {
		await this.#containers.get(id)?.remove();
		this.#containers.delete(id);
	}

	reopenContainerLog(id: string): Promise<void> {
		return this.#container(id).log.reopen();
	}

	async listContainers(): Promise<ContainerStateInfo[]> {
		const containers = [...this.#containers.values()];
		await Promise.all(containers.map((container) => container.check()));
		return containers.map((container) => container.state());
	}

	async containerUsage(): Promise<ContainerUsage[]> {
		const usages = await Promise.all([...this.#containers.values()].map((container) => container.usage()));
		return usages.filter((usage) => usage !== undefined);
	}

	onEvent(listener: (podUid: string) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	async exec(containerId: string, options: ExecOptions): Promise<number> {
		const container = this.#container(containerId);
		if (!container.running) throw new RuntimeError("NotFound", `container ${JSON.stringify(containerId)} is not running`);
		return execIn(container, this.#containerPath(containerId), options);
	}

	async attach(containerId: string, options: Omit<ExecOptions, "command" | "timeoutMs">): Promise<void> {
		await attachTo(this.#container(containerId), options);
	}

	async dial(sandboxId: string, port: number): Promise<Duplex> {
		const address = this.#sandboxes.get(sandboxId)?.ips[0];
		if (address === undefined) throw new RuntimeError("NotFound", `sandbox ${JSON.stringify(sandboxId)} not found`);
		return connectTcp(address, port).catch(() => connectTcp("127.0.0.1", port));
	}
}
