/**
 * What the agent asks of a container runtime. Two drivers implement it: `containerd` (CRI) and `process` (no
 * isolation). The agent decides; a driver only does. All methods are idempotent where they can be and reject with a
 * RuntimeError whose `reason` is kubelet's word for it.
 */
import type { Duplex, Readable, Writable } from "node:stream";
import type { Container, NodeFeatures, NodeRuntimeHandler, Pod } from "../../core/schema/kubernetes.d.ts";

export type RuntimeErrorReason =
	| "ErrImagePull"
	| "ErrImageNeverPull"
	| "InvalidImageName"
	| "CreateContainerError"
	| "CreateContainerConfigError"
	| "RunContainerError"
	| "StartError"
	| "CreatePodSandboxError"
	| "NotFound"
	| "Unavailable";

export class RuntimeError extends Error {
	readonly reason: RuntimeErrorReason;
	constructor(reason: RuntimeErrorReason, message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = "RuntimeError";
		this.reason = reason;
	}
}

export interface SandboxState {
	/** The runtime's id of the sandbox. */
	id: string;
	podUid: string;
	podName: string;
	podNamespace: string;
	attempt: number;
	ready: boolean;
	createdAtMs: number;
	/** Empty until known; the host's address with hostNetwork. */
	ips: string[];
	/** Path of its network namespace, when it has one of its own. */
	netnsPath?: string;
}

export interface ContainerStateInfo {
	id: string;
	sandboxId: string;
	podUid: string;
	/** The container's name in the pod. */
	name: string;
	attempt: number;
	image: string;
	imageId: string;
	state: "created" | "running" | "exited" | "unknown";
	createdAtMs: number;
	startedAtMs: number;
	finishedAtMs: number;
	exitCode: number;
	/** Kubelet's: Completed, Error, OOMKilled, StartError, ContainerCannotRun. */
	reason: string;
	message: string;
	/** Set at creation by the agent: a hash of what the container was made from. */
	specHash: string;
	/** Absolute. */
	logPath: string;
}

/** A bind mount or, in the process runtime, a link. */
export interface Mount {
	hostPath: string;
	containerPath: string;
	readOnly: boolean;
	/** Whether mounts below it come to the other side: to the container, or both ways. */
	propagation?: "HostToContainer" | "Bidirectional";
}

/** A device of the host as a container has it. */
export interface Device {
	hostPath: string;
	containerPath: string;
	/** What the cgroup lets it do: r, w, m. */
	permissions: string;
}

export interface SandboxConfig {
	pod: Pod;
	attempt: number;
	hostname: string;
	logDirectory: string;
	dns: { servers: string[]; searches: string[]; options: string[] };
	cgroupParent: string;
	/** Of the runtime's handlers the one that runs the pod; empty for its default. */
	runtimeHandler?: string;
}

export interface ContainerConfig {
	pod: Pod;
	container: Container;
	attempt: number;
	imageRef: string;
	/** Expanded, in order. */
	env: { name: string; value: string }[];
	/** Expanded; undefined leaves the image's own. */
	command?: string[];
	args?: string[];
	mounts: Mount[];
	devices: Device[];
	/** Relative to the sandbox's log directory. */
	logPath: string;
	specHash: string;
	/** Fully qualified names (vendor.com/class=device). */
	cdiDevices?: readonly string[];
	annotations?: Readonly<Record<string, string>>;
	/** A container of the pod whose processes this one sees and may signal. */
	targetId?: string;
}

export interface ExecOptions {
	command: string[];
	tty: boolean;
	stdin?: Readable;
	stdout?: Writable;
	stderr?: Writable;
	/** Terminal sizes as they change. */
	resize?: AsyncIterable<{ width: number; height: number }>;
	timeoutMs?: number;
	signal?: AbortSignal;
}

export interface RuntimeInfo {
	/** For nodeInfo.containerRuntimeVersion: "containerd://1.6.20" or "process://0.1.0". */
	version: string;
	/** False where there is no isolation at all. */
	isolated: boolean;
	/** For the node's status: the handlers that RuntimeClasses may name, and what the runtime can do, where it says so. */
	runtimeHandlers?: readonly NodeRuntimeHandler[];
	features?: NodeFeatures | undefined;
	/** Pods may have users of their own. */
	userNamespaces?: boolean;
}

export interface ImageStatus {
	id: string;
	tags: string[];
	digests: string[];
	sizeBytes: number;
	/** From the image's configuration. */
	user: string;
	/** Never removed for lack of space: the runtime needs it, or it was imported and cannot be pulled again. */
	pinned?: boolean;
}

/** What a running container has used so far. */
export interface ContainerUsage {
	id: string;
	/** When this was measured, in milliseconds since 1970. */
	atMs: number;
	/** Nanoseconds of CPU since its start. */
	cpuNanos: number;
	/** The working set. */
	memoryBytes: number;
	/** What it has written beside its volumes, where the runtime counts that. */
	disk?: { bytes: number; inodes: number };
}

/** The node's ranges of pod addresses, and the cluster's. */
export type SetPodCidrs = (podCidrs: readonly string[], clusterCidrs?: readonly string[]) => Promise<void>;

export interface ContainerRuntime {
	info(): RuntimeInfo;
	/** Starts what it needs (its private containerd), idempotent. */
	start(): Promise<void>;
	/** Lets go of what runs, for a later agent to take over; with `removeAll` nothing is left: no pod, process, mount, rule. */
	stop(options: { removeAll: boolean }): Promise<void>;

	imageStatus(ref: string): Promise<ImageStatus | undefined>;
	pullImage(ref: string, auth?: { username: string; password: string }): Promise<ImageStatus>;
	/** An OCI or docker-archive tar file. */
	importImage(tarPath: string): Promise<string[]>;
	listImages(): Promise<ImageStatus[]>;
	removeImage(ref: string): Promise<void>;
	/** Shows an image's files in a directory, for reading alone; idempotent. */
	mountImage(ref: string, directory: string): Promise<void>;
	imageMounted(directory: string): Promise<boolean>;
	/** Whoever made the mount, and whether or not it is there. */
	unmountImage(directory: string): Promise<void>;

	runSandbox(config: SandboxConfig): Promise<SandboxState>;
	stopSandbox(id: string): Promise<void>;
	removeSandbox(id: string): Promise<void>;
	listSandboxes(): Promise<SandboxState[]>;

	createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string>;
	startContainer(id: string): Promise<void>;
	/** Gives a running container the resources that `container` now asks for; nothing where there are no limits. */
	updateContainerResources(id: string, pod: Pod, container: Container): Promise<void>;
	/** `signal` ("SIGUSR1"), else the image's or SIGTERM; then SIGKILL after `timeoutSeconds`. */
	stopContainer(id: string, timeoutSeconds: number, signal?: string): Promise<void>;
	removeContainer(id: string): Promise<void>;
	/** The container's log was moved away: its output goes to a new file in its place. */
	reopenContainerLog(id: string): Promise<void>;
	listContainers(): Promise<ContainerStateInfo[]>;
	/** Of running containers; one of which nothing is known is left out. */
	containerUsage(): Promise<ContainerUsage[]>;
	/** Called when a container starts or exits; the agent also relists. Returns a stop function. */
	onEvent(listener: (podUid: string) => void): () => void;
	/** Whether every start and exit that happens now will be told; not so without it. */
	readonly tellsEvents?: boolean;

	/** Resolves to the exit code. */
	exec(containerId: string, options: ExecOptions): Promise<number>;
	attach(containerId: string, options: Omit<ExecOptions, "command" | "timeoutMs">): Promise<void>;
	/** A TCP connection to 127.0.0.1:port (then the pod's address) inside the pod's network namespace. */
	dial(sandboxId: string, port: number): Promise<Duplex>;
}
