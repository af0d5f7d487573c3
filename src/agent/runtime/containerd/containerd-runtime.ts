/** The `containerd` runtime: pods over CRI on a private containerd. */
import { execFile } from "node:child_process";
import { constants, networkInterfaces, totalmem } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { Message } from "../../../core/codec/message.ts";
import type { Container, NodeFeatures, NodeRuntimeHandler, Pod } from "../../../core/schema/kubernetes.d.ts";
import { archiveNames } from "../../image/archive-names.ts";
import { findStaticBusybox } from "../../image/busybox.ts";
import { buildPauseImage, PAUSE_IMAGE_REF } from "../../image/pause-image.ts";
import { normalizeImageRef } from "../../image/reference.ts";
import { PodNetwork } from "../../network/pod-network.ts";
import {
	type ContainerConfig,
	type ContainerRuntime,
	type ContainerStateInfo,
	type ContainerUsage,
	type ExecOptions,
	type ImageStatus,
	RuntimeError,
	type RuntimeErrorReason,
	type RuntimeInfo,
	type SandboxConfig,
	type SandboxState,
} from "../runtime.ts";
import { type AttachOptions, attachToContainer } from "./attach-stream.ts";
import { DEFAULT_NETWORK } from "../../../core/protocol/cluster-addresses.ts";
import { podMtu } from "../../network/link-mtu.ts";
import { removeCgroup, removeEmptyAncestors } from "./cgroups.ts";
import { removeLeftovers } from "./leftovers.ts";
import { writeNetworkConfig } from "./cni.ts";
import { ANNOTATIONS, containerConfigOf, type HostPort, hostPortsOf, resourcesOf, sandboxConfigOf } from "./cri-config.ts";
import { CRI } from "./cri-messages.ts";
import { annotationsOf, containerInfo, containerUsageOf, imageStatusOf, milliseconds, STATES } from "./cri-states.ts";
import { ContainerdDaemon } from "./daemon.ts";
import { execInContainer } from "./exec-stream.ts";
import { type GrpcClient, GrpcError, GRPC_STATUS, type Method } from "./grpc-client.ts";
import { ImageMounts } from "./image-mount.ts";
import { NATIVE } from "./native-messages.ts";
import { limitPodCgroup, podLimits } from "./pod-cgroup.ts";
import { dialPod } from "./pod-dial.ts";
import { stopAgainWhenShimLeft } from "./stop-again.ts";
import { TaskEvents } from "./task-events.ts";

const run = promisify(execFile);
const CALL_TIMEOUT_MS = 30_000;
/** As kubelet's: making a pod or stopping one may take its time. */
const LONG_CALL_TIMEOUT_MS = 240_000;
const PULL_TIMEOUT_MS = 3_600_000;
const IMPORT_TIMEOUT_MS = 600_000;
const IMAGE_VISIBLE_TIMEOUT_MS = 10_000;
const NETWORK_READY_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 50;
/** How often a sandbox's name may turn out to be taken by a failed attempt. */
const ATTEMPTS_MAX = 5;

function hostAddress(): string {
	const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
	return addresses.find((one) => one.family === "IPv4" && !one.internal)?.address ?? "127.0.0.1";
}

/** A GrpcError as the RuntimeError that the agent understands. */
function translated(error: unknown, reason: RuntimeErrorReason): RuntimeError {
	if (error instanceof RuntimeError) return error;
	const { message } = error as Error;
	const code = error instanceof GrpcError ? error.code : GRPC_STATUS.unknown;
	if (code === GRPC_STATUS.unavailable) return new RuntimeError("Unavailable", message, { cause: error });
	return new RuntimeError(code === GRPC_STATUS.notFound && reason !== "ErrImagePull" ? "NotFound" : reason, message, { cause: error });
}

interface SandboxDetails {
	ips: string[];
	netnsPath: string | undefined;
	hostNetwork: boolean;
}

export interface ContainerdOptions {
	dataDir: string;
	/** Program and folder, as `detectRuntime` found them. */
	containerd: string;
	cniPluginDir: string;
	/** Processes of one pod; -1 for no limit. */
	podPidsLimit?: number;
}

export class ContainerdRuntime implements ContainerRuntime {
	#dataDir: string;
	#podPidsLimit: number;
	#daemon: ContainerdDaemon;
	#client: GrpcClient;
	#network: PodNetwork;
	#imageMounts: ImageMounts;
	#version = "";
	/** What it says of itself; nothing before containerd 2.0. */
	#handlers: Pick<RuntimeInfo, "runtimeHandlers" | "features"> = {};
	#busybox: string | undefined;
	#events: TaskEvents;
	/** What does not change while a pod or a container is in the state it is in. */
	#details = new Map<string, SandboxDetails>();
	#statuses = new Map<string, ContainerStateInfo>();
	#podOfContainer = new Map<string, string>();
	#podOfSandbox = new Map<string, string>();
	/** Names of images that came from a file: no registry may have them. */
	#imported = new Set<string>();

	constructor(options: ContainerdOptions) {
		this.#dataDir = options.dataDir;
		this.#podPidsLimit = options.podPidsLimit ?? -1;
		this.#daemon = new ContainerdDaemon(options.dataDir, options);
		this.#client = this.#daemon.client;
		this.#events = new TaskEvents({ client: this.#client, podOf: (id) => this.#podOf(id), restart: () => this.#daemon.start() });
		this.#imageMounts = new ImageMounts(this.#client, () => this.#daemon.snapshotter());
		this.#network = new PodNetwork(this.#daemon.paths.instance);
	}

	info(): RuntimeInfo {
		return { version: `containerd://${this.#version.split("~")[0]?.split("+")[0] ?? ""}`, isolated: true, ...this.#handlers };
	}

	async #call(method: Method, request: Message, reason: RuntimeErrorReason = "Unavailable", timeoutMs: number = CALL_TIMEOUT_MS): Promise<Message> {
		return this.#client.call(method, request, timeoutMs).catch((error: unknown) => {
			throw translated(error, reason);
		});
	}

	async start(): Promise<void> {
		this.#version = await this.#daemon.start();
		this.#busybox = await findStaticBusybox();
		if ((await this.imageStatus(PAUSE_IMAGE_REF)) === undefined) await this.importImage((await buildPauseImage({ dataDir: this.#dataDir })).tarPath);
		this.#events.start();
	}

	/**
	 * The node's ranges of pod addresses, of each IP family one, from the control plane; before the first sandbox. What goes to an address of
	 * the cluster's ranges keeps the pod's. Idempotent.
	 */
	async setPodCidrs(podCidrs: readonly string[], clusterCidrs: readonly string[] = DEFAULT_NETWORK.podCidrs): Promise<void> {
		await writeNetworkConfig(this.#daemon.paths, podCidrs, await podMtu(podCidrs));
		await this.#network.start(podCidrs, clusterCidrs);
		await this.#refreshHostPorts();
		const deadline = Date.now() + NETWORK_READY_TIMEOUT_MS;
		for (;;) {
			const { status, runtimeHandlers, features } = await this.#call(CRI.status, {});
			this.#handlers = { runtimeHandlers: (runtimeHandlers ?? []) as NodeRuntimeHandler[], features: features as NodeFeatures | undefined };
			const conditions = ((status as Message | undefined)?.conditions ?? []) as Message[];
			const network = conditions.find((one) => one.type === "NetworkReady");
			if (network?.status === true) return;
			if (Date.now() > deadline) throw new RuntimeError("Unavailable", `the pod network is not ready: ${String(network?.message ?? "")}`);
			await pause(POLL_INTERVAL_MS);
		}
	}

	/** Without `removeAll` containerd stays too: the output of the containers that go on passes through it. */
	async stop({ removeAll }: { removeAll: boolean }): Promise<void> {
		this.#events.stop();
		try {
			if (removeAll) await this.#removeAllPods();
		} finally {
			if (removeAll) await this.#removeTraces();
			this.#client.close();
			for (const map of [this.#details, this.#statuses, this.#podOfContainer]) map.clear();
		}
	}

	async #removeTraces(): Promise<void> {
		await this.#network.stop();
		await this.#daemon.stop();
		await removeLeftovers(this.#daemon.paths);
	}

	async #removeAllPods(): Promise<void> {
		const { items = [] } = await this.#call(CRI.listPodSandbox, {});
		const remove = async (item: Message): Promise<void> => {
			const id = String(item.id);
			await this.stopSandbox(id);
			await this.removeSandbox(id);
			await removeEmptyAncestors(annotationsOf(item)[ANNOTATIONS.cgroupParent] ?? "");
		};
		const results = await Promise.allSettled((items as Message[]).map(remove));
		const failure = results.find((result) => result.status === "rejected");
		if (failure !== undefined) throw failure.reason;
	}

	async imageStatus(ref: string): Promise<ImageStatus | undefined> {
		const name = /^sha256:[0-9a-f]{64}$/.test(ref) ? ref : normalizeImageRef(ref);
		const { image } = await this.#call(CRI.imageStatus, { image: { image: name } });
		return image === undefined ? undefined : { ...imageStatusOf(image as Message), ...(this.#imported.has(name) ? { pinned: true } : {}) };
	}

	imageMounted(directory: string): Promise<boolean> {
		return this.#imageMounts.mounted(directory);
	}

	async mountImage(ref: string, directory: string): Promise<void> {
		await this.#imageMounts.mount(normalizeImageRef(ref), directory).catch((error: unknown) => {
			throw translated(error, "CreateContainerError");
		});
	}

	unmountImage(directory: string): Promise<void> {
		return this.#imageMounts.unmount(directory);
	}

	async pullImage(ref: string, auth?: { username: string; password: string }): Promise<ImageStatus> {
		const name = normalizeImageRef(ref);
		await this.#call(CRI.pullImage, { image: { image: name }, auth }, "ErrImagePull", PULL_TIMEOUT_MS);
		const status = await this.imageStatus(name);
		if (status === undefined) throw new RuntimeError("ErrImagePull", `the image ${name} was pulled but is not there`);
		return status;
	}

	async importImage(tarPath: string): Promise<string[]> {
		const names = await archiveNames(tarPath).catch((error: Error) => {
			throw new RuntimeError("ErrImagePull", `cannot import ${tarPath}: ${error.message}`, { cause: error });
		});
		const args = ["--address", this.#daemon.paths.socket, "--namespace", "k8s.io", "images", "import", tarPath];
		await run("ctr", args, { timeout: IMPORT_TIMEOUT_MS }).catch((error: Error & { stderr?: string }) => {
			throw new RuntimeError("ErrImagePull", `cannot import ${tarPath}: ${error.stderr?.trim() || error.message}`, { cause: error });
		});
		const deadline = Date.now() + IMAGE_VISIBLE_TIMEOUT_MS;
		for (const name of names) {
			while ((await this.imageStatus(name)) === undefined && Date.now() < deadline) await pause(POLL_INTERVAL_MS);
		}
		for (const name of names) this.#imported.add(name);
		return names;
	}

	async listImages(): Promise<ImageStatus[]> {
		const { images = [] } = await this.#call(CRI.listImages, {});
		const all = (images as Message[]).map(imageStatusOf).filter((image) => !image.tags.includes(PAUSE_IMAGE_REF));
		return all.map((image) => (image.tags.some((tag) => this.#imported.has(tag)) ? { ...image, pinned: true } : image));
	}

	async removeImage(ref: string): Promise<void> {
		const status = await this.imageStatus(ref);
		if (status !== undefined) await this.#call(CRI.removeImage, { image: { image: status.id } });
	}

	#cgroupParent(config: SandboxConfig): string {
		return config.cgroupParent || this.#podCgroup(config.pod);
	}

	#podCgroup(pod: Pod): string {
		return `/petrel-${this.#daemon.paths.instance}/pod${pod.metadata?.uid ?? ""}`;
	}

	/** What nobody asked for may fail: a machine that lends its cgroups in part still runs pods, by their containers' limits. */
	async #limitPod(pod: Pod, cgroup: string): Promise<void> {
		await limitPodCgroup(cgroup, podLimits(pod, this.#podPidsLimit)).catch((error: Error) => {
			if (pod.spec?.resources === undefined && this.#podPidsLimit <= 0) return;
			const message = `failed to ensure that the pod: ${pod.metadata?.uid} cgroups exist and are correctly applied: ${error.message}`;
			throw new RuntimeError("CreatePodSandboxError", message, { cause: error });
		});
	}

	/** Removes what a failed attempt has left under the name, which containerd would keep reserved. */
	async #runSandbox(config: SandboxConfig): Promise<{ id: string; attempt: number }> {
		let failure: RuntimeError | undefined;
		for (let attempt = config.attempt; attempt < config.attempt + ATTEMPTS_MAX; attempt++) {
			try {
				const request = { config: sandboxConfigOf(config, this.#cgroupParent(config), attempt), runtimeHandler: config.runtimeHandler };
				const { podSandboxId } = await this.#call(CRI.runPodSandbox, request, "CreatePodSandboxError", LONG_CALL_TIMEOUT_MS);
				return { id: String(podSandboxId), attempt };
			} catch (error) {
				failure = error as RuntimeError;
				if (!/ is reserved for /.test(failure.message)) break;
			}
		}
		throw failure;
	}

	async runSandbox(config: SandboxConfig): Promise<SandboxState> {
		await this.#limitPod(config.pod, this.#cgroupParent(config));
		const { id, attempt } = await this.#runSandbox(config);
		const { ips, netnsPath } = await this.#sandboxDetails(id);
		const { uid = "", name = "", namespace = "" } = config.pod.metadata ?? {};
		if (hostPortsOf(config.pod).length > 0) await this.#refreshHostPorts();
		return { id, podUid: uid, podName: name, podNamespace: namespace, attempt, ready: true, createdAtMs: Date.now(), ips, netnsPath };
	}

	async #sandboxDetails(id: string): Promise<SandboxDetails> {
		const known = this.#details.get(id);
		if (known !== undefined) return known;
		const answer = await this.#call(CRI.podSandboxStatus, { podSandboxId: id, verbose: true });
		const network = ((answer.status as Message).network ?? {}) as Message;
		const additional = ((network.additionalIps ?? []) as Message[]).map((one) => String(one.ip));
		const info = JSON.parse(((answer.info ?? {}) as Record<string, string>).info ?? "{}") as {
			config?: { linux?: { security_context?: { namespace_options?: { network?: number } } } };
			runtimeSpec?: { linux?: { namespaces?: { type: string; path?: string }[] } };
		};
		const hostNetwork = info.config?.linux?.security_context?.namespace_options?.network === 2;
		const details: SandboxDetails = {
			ips: hostNetwork ? [hostAddress()] : [String(network.ip ?? ""), ...additional].filter((ip) => ip !== ""),
			netnsPath: info.runtimeSpec?.linux?.namespaces?.find((one) => one.type === "network")?.path,
			hostNetwork,
		};
		if (details.ips.length > 0) this.#details.set(id, details);
		return details;
	}

	async #refreshHostPorts(): Promise<void> {
		const { items = [] } = await this.#call(CRI.listPodSandbox, {});
		const rules = [];
		for (const item of (items as Message[]).filter((one) => (one.state ?? 0) === 0)) {
			const ports = JSON.parse(annotationsOf(item)[ANNOTATIONS.hostPorts] ?? "[]") as HostPort[];
			const podIps = ports.length === 0 ? [] : (await this.#sandboxDetails(String(item.id))).ips;
			rules.push(...podIps.flatMap((podIp) => ports.map((port) => ({ ...port, podIp }))));
		}
		const text = JSON.stringify(rules);
		if (text === this.#hostPorts) return;
		await this.#network.setHostPorts(rules);
		this.#hostPorts = text;
	}
	#hostPorts = "[]";

	async stopSandbox(id: string): Promise<void> {
		const stop = () => this.#call(CRI.stopPodSandbox, { podSandboxId: id }, "Unavailable", LONG_CALL_TIMEOUT_MS).catch(ignoreNotFound);
		await stopAgainWhenShimLeft(stop, pause);
		this.#details.delete(id);
		if (this.#hostPorts !== "[]") await this.#refreshHostPorts();
	}

	async removeSandbox(id: string): Promise<void> {
		const answer = await this.#call(CRI.podSandboxStatus, { podSandboxId: id }).catch(ignoreNotFound);
		await this.#call(CRI.removePodSandbox, { podSandboxId: id }, "Unavailable", LONG_CALL_TIMEOUT_MS).catch(ignoreNotFound);
		const cgroupParent = answer === undefined ? undefined : annotationsOf(answer.status as Message)[ANNOTATIONS.cgroupParent];
		if (cgroupParent !== undefined) await removeCgroup(cgroupParent);
		this.#details.delete(id);
	}

	async listSandboxes(): Promise<SandboxState[]> {
		const { items = [] } = await this.#call(CRI.listPodSandbox, {});
		this.#podOfSandbox = new Map((items as Message[]).map(({ id, metadata }) => [String(id), String((metadata as Message).uid ?? "")]));
		const states = await Promise.all((items as Message[]).map((item) => this.#sandboxState(item)));
		return states.filter((state) => state !== undefined);
	}

	/** Undefined for one that was removed since it was listed. */
	async #sandboxState(item: Message): Promise<SandboxState | undefined> {
		const id = String(item.id);
		const metadata = item.metadata as Message;
		const ready = (item.state ?? 0) === 0;
		const none: SandboxDetails = { ips: [], netnsPath: undefined, hostNetwork: false };
		const details = ready ? await this.#sandboxDetails(id).catch(ignoreNotFound) : none;
		if (details === undefined) return undefined;
		return {
			id,
			podUid: String(metadata.uid ?? ""),
			podName: String(metadata.name ?? ""),
			podNamespace: String(metadata.namespace ?? ""),
			attempt: Number(metadata.attempt ?? 0),
			ready,
			createdAtMs: milliseconds(item.createdAt),
			ips: details.ips,
			netnsPath: details.netnsPath,
		};
	}

	async createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string> {
		const request = {
			podSandboxId: sandboxId,
			config: containerConfigOf(config, totalmem(), join(this.#dataDir, "seccomp")),
			sandboxConfig: sandboxConfigOf(sandbox, this.#cgroupParent(sandbox), sandbox.attempt),
		};
		return String((await this.#call(CRI.createContainer, request, "CreateContainerError", LONG_CALL_TIMEOUT_MS)).containerId);
	}

	async startContainer(id: string): Promise<void> {
		await this.#call(CRI.startContainer, { containerId: id }, "RunContainerError", LONG_CALL_TIMEOUT_MS);
	}

	async updateContainerResources(id: string, pod: Pod, container: Container): Promise<void> {
		// The pod's own limits go up before and down after its containers'; the kernel refuses the other order.
		await this.#limitPod(pod, this.#podCgroup(pod)).catch(() => undefined);
		await this.#call(CRI.updateContainerResources, { containerId: id, linux: resourcesOf(pod, container, totalmem()) });
		await this.#limitPod(pod, this.#podCgroup(pod));
	}

	async stopContainer(id: string, timeoutSeconds: number, signal?: string): Promise<void> {
		const number = signal === undefined ? undefined : constants.signals[signal as NodeJS.Signals];
		const inTime = number === undefined || timeoutSeconds <= 0 || (await this.#endsBySignal(id, number, timeoutSeconds));
		const timeoutMs = timeoutSeconds * 1000 + CALL_TIMEOUT_MS;
		// CRI hears of an end a moment later, and is asked even then: it waits until it has.
		const request = { containerId: id, timeout: inTime ? Math.ceil(timeoutSeconds) : 0 };
		const stop = () => this.#call(CRI.stopContainer, request, "Unavailable", timeoutMs).catch(ignoreNotFound);
		await stopAgainWhenShimLeft(stop, pause);
	}

	/** CRI knows no signal of the container's own before containerd 2.2: sent past it. False when the container outlasts its time. */
	async #endsBySignal(id: string, signal: number, timeoutSeconds: number): Promise<boolean> {
		if ((await this.#call(NATIVE.kill, { containerId: id, signal }).catch(ignoreNotFound)) === undefined) return true;
		try {
			await this.#client.call(NATIVE.wait, { containerId: id }, timeoutSeconds * 1000);
			return true;
		} catch (error) {
			if (!(error instanceof GrpcError)) throw error;
			if (error.code === GRPC_STATUS.notFound) return true;
			if (error.code !== GRPC_STATUS.deadlineExceeded) throw translated(error, "Unavailable");
			return false;
		}
	}

	async removeContainer(id: string): Promise<void> {
		await this.#call(CRI.removeContainer, { containerId: id }).catch(ignoreNotFound);
		this.#statuses.delete(id);
		this.#podOfContainer.delete(id);
	}

	async reopenContainerLog(id: string): Promise<void> {
		await this.#call(CRI.reopenContainerLog, { containerId: id });
	}

	async listContainers(): Promise<ContainerStateInfo[]> {
		const { containers = [] } = await this.#call(CRI.listContainers, {});
		const states = await Promise.all((containers as Message[]).map((one) => this.#containerState(one)));
		const listed = new Set(states.map((state) => state?.id));
		for (const id of this.#statuses.keys()) if (!listed.has(id)) this.#statuses.delete(id);
		for (const id of this.#podOfContainer.keys()) if (!listed.has(id)) this.#podOfContainer.delete(id);
		return states.filter((state) => state !== undefined);
	}

	/** The details of a container in the state it was last seen in are known. */
	async #containerState(item: Message): Promise<ContainerStateInfo | undefined> {
		const id = String(item.id);
		const state = STATES[Number(item.state ?? 0)] ?? "unknown";
		const known = this.#statuses.get(id);
		if (known !== undefined && known.state === state) return known;
		const answer = await this.#call(CRI.containerStatus, { containerId: id }).catch(ignoreNotFound);
		if (answer === undefined) return undefined;
		const info = containerInfo(answer.status as Message, String(item.podSandboxId));
		this.#statuses.set(id, info);
		this.#podOfContainer.set(id, info.podUid);
		return info;
	}

	async containerUsage(): Promise<ContainerUsage[]> {
		const { stats = [] } = await this.#call(CRI.listContainerStats, {});
		return (stats as Message[]).map(containerUsageOf).filter((usage) => usage !== undefined);
	}

	onEvent(listener: (podUid: string) => void): () => void {
		return this.#events.listen(listener);
	}

	get tellsEvents(): boolean {
		return this.#events.flowing;
	}

	/** A container that was not seen before is looked up; a sandbox is known when it has started. */
	async #podOf(id: string): Promise<string | undefined> {
		if (!this.#podOfContainer.has(id)) await this.listContainers().catch(() => undefined);
		return this.#podOfContainer.get(id) ?? this.#podOfSandbox.get(id);
	}

	async exec(containerId: string, options: ExecOptions): Promise<number> {
		try {
			return await execInContainer(this.#client, containerId, this.#daemon.paths.fifos, options);
		} catch (error) {
			throw error instanceof GrpcError ? translated(error, "StartError") : error;
		}
	}

	async attach(containerId: string, options: AttachOptions): Promise<void> {
		await attachToContainer(this.#client, containerId, options).catch((error: unknown) => {
			throw error instanceof GrpcError ? translated(error, "Unavailable") : error;
		});
	}

	async dial(sandboxId: string, port: number): Promise<Duplex> {
		const { ips, hostNetwork } = await this.#sandboxDetails(sandboxId);
		const pid = async (): Promise<number> => {
			const { process } = await this.#call(NATIVE.getTask, { containerId: sandboxId });
			return Number((process as Message | undefined)?.pid ?? 0);
		};
		return dialPod({ ip: ips[0] ?? "", hostNetwork, pid, busybox: this.#busybox }, port);
	}
}

function ignoreNotFound(error: unknown): undefined {
	if (error instanceof RuntimeError && error.reason === "NotFound") return undefined;
	throw error;
}
