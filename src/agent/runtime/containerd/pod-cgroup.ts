/** A pod's own cgroup, above those of its containers: its share of the CPU, its limits, its processes (kubelet's pkg/kubelet/cm). */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { podQuantities } from "../../../core/admission/pod-resources.ts";
import { qosClassOf } from "../../../core/kinds/qos.ts";
import { quantityMilliValue, quantityValue } from "../../../core/quantity/quantity.ts";
import type { Pod } from "../../../core/schema/kubernetes.d.ts";

const CPU_PERIOD_US = 100_000;
const CPU_QUOTA_US_MIN = 1000;
const SHARES_PER_CPU = 1024;
const SHARES_MIN = 2;
const SHARES_MAX = 262_144;
const WEIGHT_MAX = 10_000;
const MILLI = 1000;

export interface PodLimits {
	cpuShares: number;
	/** Microseconds of each period; undefined for no limit. */
	cpuQuotaUs: number | undefined;
	memoryBytes: number | undefined;
	/** Processes; undefined for no limit. */
	pids: number | undefined;
}

/** kubelet's ResourceConfigForPod: limits hold for the pod when the pod has some, or each of its containers has one. */
export function podLimits(pod: Pod, podPidsLimit: number): PodLimits {
	const spec = pod.spec ?? { containers: [] };
	const requests = podQuantities(spec, "requests");
	const limits = podQuantities(spec, "limits");
	const all = [...spec.containers, ...(spec.initContainers ?? [])];
	const limited = (resource: "cpu" | "memory"): boolean =>
		spec.resources?.limits?.[resource] !== undefined || all.every(({ resources }) => resources?.limits?.[resource] !== undefined);
	const bestEffort = qosClassOf(pod) === "BestEffort";
	const cpu = limited("cpu") ? limits.get("cpu") : undefined;
	const memory = limited("memory") ? limits.get("memory") : undefined;
	const asked = requests.get("cpu") ?? (limited("cpu") ? limits.get("cpu") : undefined);
	const shares = bestEffort || !asked ? SHARES_MIN : Math.floor((quantityMilliValue(asked) * SHARES_PER_CPU) / MILLI);
	return {
		cpuShares: Math.min(Math.max(shares, SHARES_MIN), SHARES_MAX),
		cpuQuotaUs: cpu && Math.max(Math.round((quantityMilliValue(cpu) * CPU_PERIOD_US) / MILLI), CPU_QUOTA_US_MIN),
		memoryBytes: memory && quantityValue(memory),
		pids: podPidsLimit > 0 ? podPidsLimit : undefined,
	};
}

/** Shares on the scale of version 2. */
const weight = (shares: number): number => Math.floor(1 + ((shares - SHARES_MIN) * (WEIGHT_MAX - 1)) / (SHARES_MAX - SHARES_MIN));

/** File names and contents, by the controller that they belong to. */
export function limitFiles(limits: PodLimits, unified: boolean): { controller: "cpu" | "memory" | "pids"; file: string; text: string }[] {
	const { cpuShares, cpuQuotaUs, memoryBytes, pids } = limits;
	const pidsFile = { controller: "pids", file: "pids.max", text: String(pids ?? "max") } as const;
	if (unified) {
		return [
			{ controller: "cpu", file: "cpu.weight", text: String(weight(cpuShares)) },
			{ controller: "cpu", file: "cpu.max", text: `${cpuQuotaUs ?? "max"} ${CPU_PERIOD_US}` },
			{ controller: "memory", file: "memory.max", text: String(memoryBytes ?? "max") },
			pidsFile,
		];
	}
	return [
		{ controller: "cpu", file: "cpu.shares", text: String(cpuShares) },
		{ controller: "cpu", file: "cpu.cfs_period_us", text: String(CPU_PERIOD_US) },
		{ controller: "cpu", file: "cpu.cfs_quota_us", text: String(cpuQuotaUs ?? -1) },
		{ controller: "memory", file: "memory.limit_in_bytes", text: String(memoryBytes ?? -1) },
		pidsFile,
	];
}

interface Hierarchy {
	path: string;
	unified: boolean;
	controllers: ReadonlySet<string>;
}

/** The mounted hierarchies with their controllers, out of /proc/self/mountinfo. */
async function hierarchies(): Promise<Hierarchy[]> {
	const lines = (await readFile("/proc/self/mountinfo", "utf8").catch(() => "")).trim().split("\n");
	const found = lines.flatMap((line): { path: string; type: string; options: string }[] => {
		const [before = "", after = ""] = line.split(" - ");
		const [type = "", , options = ""] = after.split(" ");
		return type === "cgroup" || type === "cgroup2" ? [{ path: before.split(" ")[4] ?? "", type, options }] : [];
	});
	return Promise.all(
		found.map(async ({ path, type, options }) => {
			const unified = type === "cgroup2";
			const names = unified ? (await readFile(join(path, "cgroup.controllers"), "utf8").catch(() => "")).trim().split(" ") : options.split(",");
			return { path, unified, controllers: new Set(names) };
		}),
	);
}

/** Rejects when a limit cannot be set. Controllers that the machine has not are passed over. */
export async function limitPodCgroup(parent: string, limits: PodLimits): Promise<void> {
	for (const { path, unified, controllers } of await hierarchies()) {
		const files = limitFiles(limits, unified).filter(({ controller }) => controllers.has(controller));
		if (files.length === 0) continue;
		if (unified) await enableControllers(path, parent, [...new Set(files.map(({ controller }) => controller))]);
		await mkdir(join(path, parent), { recursive: true });
		for (const { file, text } of files) if (existsSync(join(path, parent, file))) await writeFile(join(path, parent, file), text);
	}
}

/** In version 2 a group hands its controllers down one by one. */
async function enableControllers(mount: string, parent: string, controllers: readonly string[]): Promise<void> {
	let path = mount;
	for (const segment of parent.split("/").filter(Boolean)) {
		for (const controller of controllers) await writeFile(join(path, "cgroup.subtree_control"), `+${controller}`);
		path = join(path, segment);
		await mkdir(path, { recursive: true });
	}
}
