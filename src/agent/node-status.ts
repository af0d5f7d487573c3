/** What the node tells of itself: capacity, conditions, addresses, versions; after k8s.io/kubernetes/pkg/kubelet/nodestatus. */
import { readFile, statfs } from "node:fs/promises";
import { arch, availableParallelism, hostname, platform, release, totalmem } from "node:os";
import type { ContainerImage, NodeCondition, NodeStatus } from "../core/schema/kubernetes.d.ts";
import { type Clock, timestamp } from "./clock.ts";
import type { Pressure } from "./eviction/eviction.ts";
import type { KubeletConfiguration } from "./kubelet-configuration.ts";
import { parseQuantityNumber } from "./quantity-number.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import { AGENT_VERSION } from "./version.ts";

/** Kubelet's nodeStatusMaxImages. */
export const MAX_IMAGES = 50;
const BYTES_PER_KIB = 1024;

const ARCHITECTURES: Record<string, string> = { x64: "amd64", arm64: "arm64", arm: "arm", ppc64: "ppc64le", s390x: "s390x", ia32: "386", riscv64: "riscv64" };

export const nodeArchitecture = (): string => ARCHITECTURES[arch()] ?? arch();

export interface NodeStatusInput {
	clock: Clock;
	runtime: ContainerRuntime;
	runtimeDown: boolean;
	nodeName: string;
	instanceId: string;
	dataDirectory: string;
	addresses: readonly string[];
	previous: NodeStatus | undefined;
	/** What is short, as the eviction manager has it. */
	pressures: readonly Pressure[];
	shuttingDown: boolean;
	configuration: KubeletConfiguration;
	/** Volumes that the cluster has attached and that are not to be taken away. */
	volumesInUse: readonly string[];
	/** Extended resources, by plugins' word. */
	devices: { capacity: Record<string, string>; allocatable: Record<string, string> };
}

/** The labels that kubelet puts on its own node, with the user's. */
export function nodeLabels(nodeName: string, extra: Readonly<Record<string, string>>): Record<string, string> {
	const os = platform();
	return {
		"beta.kubernetes.io/arch": nodeArchitecture(),
		"beta.kubernetes.io/os": os,
		"kubernetes.io/arch": nodeArchitecture(),
		"kubernetes.io/hostname": nodeName,
		"kubernetes.io/os": os,
		...extra,
	};
}

export async function computeNodeStatus(input: NodeStatusInput): Promise<NodeStatus> {
	const disk = await statfs(input.dataDirectory);
	const diskBytes = disk.blocks * disk.bsize;
	const images = await nodeImages(input.runtime);
	const capacity = {
		cpu: String(availableParallelism()),
		"ephemeral-storage": `${Math.floor(diskBytes / BYTES_PER_KIB)}Ki`,
		memory: `${Math.floor(totalmem() / BYTES_PER_KIB)}Ki`,
		pods: String(input.configuration.maxPods),
		...input.devices.capacity,
	};
	const now = timestamp(input.clock.nowMs());
	const { runtimeHandlers, features } = input.runtime.info();
	return {
		capacity,
		allocatable: { ...capacity, ...allocatable(input.configuration, diskBytes), ...input.devices.allocatable },
		conditions: nodeConditions(input, now),
		addresses: [...input.addresses.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: input.nodeName }],
		nodeInfo: await systemInfo(input),
		...(runtimeHandlers?.length ? { runtimeHandlers: [...runtimeHandlers] } : {}),
		...(features ? { features } : {}),
		images,
		volumesInUse: [...input.volumesInUse],
	};
}

/** Capacity without what is reserved and what hard eviction keeps free. */
function allocatable({ systemReserved, kubeReserved, evictionHard }: KubeletConfiguration, diskBytes: number): Record<string, string> {
	const reserved = (resource: string): number =>
		[systemReserved, kubeReserved].reduce((sum, from) => sum + (from[resource] === undefined ? 0 : parseQuantityNumber(String(from[resource]))), 0);
	const kept = (signal: string, capacity: number): number => {
		const text = String(evictionHard[signal] ?? "0");
		return text.endsWith("%") ? (capacity * Number.parseFloat(text)) / 100 : parseQuantityNumber(text);
	};
	const memory = Math.max(0, totalmem() - reserved("memory") - kept("memory.available", totalmem()));
	const milliCpu = Math.max(0, Math.round((availableParallelism() - reserved("cpu")) * 1000));
	return {
		cpu: milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`,
		"ephemeral-storage": String(Math.floor(Math.max(0, diskBytes - reserved("ephemeral-storage") - kept("nodefs.available", diskBytes)))),
		memory: `${Math.floor(memory / BYTES_PER_KIB)}Ki`,
	};
}

function nodeConditions(input: NodeStatusInput, now: string): NodeCondition[] {
	const trouble = input.runtimeDown ? "container runtime is down" : input.shuttingDown ? "node is shutting down" : undefined;
	const ready = trouble === undefined;
	const condition = (type: string, status: boolean, reason: string, message: string): NodeCondition => {
		const before = input.previous?.conditions?.find((c) => c.type === type);
		const text = status ? "True" : "False";
		return {
			type,
			status: text,
			lastHeartbeatTime: now,
			lastTransitionTime: before?.status === text && before.lastTransitionTime ? before.lastTransitionTime : now,
			reason,
			message,
		};
	};
	const [memory, disk, pids] = (["MemoryPressure", "DiskPressure", "PIDPressure"] as const).map((pressure) => input.pressures.includes(pressure)) as [
		boolean,
		boolean,
		boolean,
	];
	return [
		condition(
			"MemoryPressure",
			memory,
			memory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
			`kubelet has ${memory ? "insufficient memory" : "sufficient memory"} available`,
		),
		condition("DiskPressure", disk, disk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure", `kubelet has ${disk ? "disk pressure" : "no disk pressure"}`),
		condition(
			"PIDPressure",
			pids,
			pids ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID",
			`kubelet has ${pids ? "insufficient" : "sufficient"} PID available`,
		),
		condition("Ready", ready, ready ? "KubeletReady" : "KubeletNotReady", trouble ?? "kubelet is posting ready status"),
	];
}

async function nodeImages(runtime: ContainerRuntime): Promise<ContainerImage[]> {
	const images = await runtime.listImages().catch(() => []);
	return [...images]
		.sort((a, b) => b.sizeBytes - a.sizeBytes)
		.slice(0, MAX_IMAGES)
		.map((i) => ({ names: [...i.digests, ...i.tags], sizeBytes: i.sizeBytes }));
}

const readText = async (path: string): Promise<string> => (await readFile(path, "utf8").catch(() => "")).trim();

async function systemInfo(input: NodeStatusInput): Promise<NonNullable<NodeStatus["nodeInfo"]>> {
	const osRelease = await readText("/etc/os-release");
	const machineId = await readText("/etc/machine-id");
	return {
		machineID: machineId || input.instanceId.replaceAll("-", ""),
		systemUUID: (await readText("/sys/class/dmi/id/product_uuid")) || input.instanceId,
		bootID: await readText("/proc/sys/kernel/random/boot_id"),
		kernelVersion: release(),
		osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? platform(),
		containerRuntimeVersion: input.runtime.info().version,
		kubeletVersion: AGENT_VERSION,
		kubeProxyVersion: "",
		operatingSystem: platform(),
		architecture: nodeArchitecture(),
	};
}

/** A node's name when none is given: the machine's, as kubelet's. */
export const defaultNodeName = (): string => hostname().toLowerCase();
