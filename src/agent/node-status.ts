/** What the node tells of itself: capacity, conditions, addresses, versions; after k8s.io/kubernetes/pkg/kubelet/nodestatus. */
import { readFile, statfs } from "node:fs/promises";
import { arch, availableParallelism, freemem, hostname, networkInterfaces, platform, release, totalmem } from "node:os";
import type { ContainerImage, NodeCondition, NodeStatus } from "../core/schema/kubernetes.d.ts";
import { type Clock, timestamp } from "./clock.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import { AGENT_VERSION } from "./version.ts";

/** Kubelet's defaults: pods per node, images shown, and the hard eviction thresholds. */
export const MAX_PODS = 110;
export const MAX_IMAGES = 50;
const EVICTION_MEMORY_BYTES = 100 * 1024 * 1024;
const EVICTION_DISK_FRACTION = 0.1;
const EVICTION_INODES_FRACTION = 0.05;
const MIN_FREE_PIDS = 500;

const ARCHITECTURES: Record<string, string> = { x64: "amd64", arm64: "arm64", arm: "arm", ppc64: "ppc64le", s390x: "s390x", ia32: "386", riscv64: "riscv64" };

export const nodeArchitecture = (): string => ARCHITECTURES[arch()] ?? arch();

export interface NodeStatusInput {
	clock: Clock;
	runtime: ContainerRuntime;
	/** Why the runtime does not answer, if it does not. */
	runtimeError: unknown;
	nodeName: string;
	instanceId: string;
	dataDirectory: string;
	addresses: readonly string[];
	previous: NodeStatus | undefined;
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
	const memoryKi = Math.floor(totalmem() / 1024);
	const capacity = {
		cpu: String(availableParallelism()),
		"ephemeral-storage": `${Math.floor(diskBytes / 1024)}Ki`,
		memory: `${memoryKi}Ki`,
		pods: String(MAX_PODS),
	};
	const now = timestamp(input.clock.nowMs());
	const pressure = {
		memory: freeMemory(await readFile("/proc/meminfo", "utf8").catch(() => "")) < EVICTION_MEMORY_BYTES,
		disk: disk.bavail < disk.blocks * EVICTION_DISK_FRACTION || (disk.files > 0 && disk.ffree < disk.files * EVICTION_INODES_FRACTION),
		pids: await shortOfPids(),
	};
	return {
		capacity,
		allocatable: {
			...capacity,
			"ephemeral-storage": String(Math.floor(diskBytes * (1 - EVICTION_DISK_FRACTION))),
			memory: `${Math.max(0, memoryKi - EVICTION_MEMORY_BYTES / 1024)}Ki`,
		},
		conditions: nodeConditions(input, pressure, now),
		addresses: [...input.addresses.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: input.nodeName }],
		nodeInfo: await systemInfo(input),
		images,
	};
}

function nodeConditions(input: NodeStatusInput, pressure: { memory: boolean; disk: boolean; pids: boolean }, now: string): NodeCondition[] {
	const ready = input.runtimeError === undefined;
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
	const { memory, disk, pids } = pressure;
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
		condition("Ready", ready, ready ? "KubeletReady" : "KubeletNotReady", ready ? "kubelet is posting ready status" : "container runtime is down"),
	];
}

/** Memory that can be had without swapping; os.freemem leaves the page cache out. */
function freeMemory(meminfo: string): number {
	const available = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
	return available ? Number(available) * 1024 : freemem();
}

async function shortOfPids(): Promise<boolean> {
	const [loadavg, limit] = await Promise.all(["/proc/loadavg", "/proc/sys/kernel/pid_max"].map((path) => readFile(path, "utf8").catch(() => "")));
	const running = /\d+\/(\d+)/.exec(loadavg ?? "")?.[1];
	return running !== undefined && Number(limit) > 0 && Number(limit) - Number(running) < MIN_FREE_PIDS;
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

/** The first IPv4 address that is neither loopback nor a pod's gateway; 127.0.0.1 on a machine without one. */
export function nodeAddresses(podCidr: string): string[] {
	const inPods = cidrMatcher(podCidr);
	for (const addresses of Object.values(networkInterfaces())) {
		for (const a of addresses ?? []) if (a.family === "IPv4" && !a.internal && !a.address.startsWith("169.254.") && !inPods(a.address)) return [a.address];
	}
	return ["127.0.0.1"];
}

function cidrMatcher(cidr: string): (address: string) => boolean {
	const [base, bits] = cidr.split("/");
	const number = (ip: string): number => ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
	if (!base || !bits || !/^\d+\.\d+\.\d+\.\d+$/.test(base)) return () => false;
	const size = 2 ** (32 - Number(bits));
	return (address) => Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

/** A node's name when none is given: the machine's, as kubelet's. */
export const defaultNodeName = (): string => hostname().toLowerCase();
