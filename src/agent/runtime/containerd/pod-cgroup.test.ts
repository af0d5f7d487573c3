import { describe, expect, test } from "vitest";
import type { Container, Pod, ResourceRequirements } from "../../../core/schema/kubernetes.d.ts";
import { limitFiles, podLimits } from "./pod-cgroup.ts";

const MIB = 1024 * 1024;
const podOf = (containers: (ResourceRequirements | undefined)[], resources?: ResourceRequirements): Pod => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: {},
	spec: { containers: containers.map((one, i): Container => ({ name: `c${i}`, ...(one ? { resources: one } : {}) })), ...(resources ? { resources } : {}) },
});

describe("a pod's own limits", () => {
	test("are the sums of its containers', where each has one", () => {
		const both = podOf([
			{ limits: { cpu: "500m", memory: "64Mi" }, requests: { cpu: "250m" } },
			{ limits: { cpu: "1", memory: "64Mi" }, requests: { cpu: "250m" } },
		]);
		expect(podLimits(both, -1)).toEqual({ cpuShares: 512, cpuQuotaUs: 150_000, memoryBytes: 128 * MIB, pids: undefined });
		expect(podLimits(podOf([{ limits: { memory: "64Mi" } }, undefined]), 100)).toMatchObject({ cpuQuotaUs: undefined, memoryBytes: undefined, pids: 100 });
	});

	test("are the whole pod's, whatever its containers say", () => {
		const pod = podOf([undefined], { requests: { cpu: "1" }, limits: { cpu: "2", memory: "1Gi" } });
		expect(podLimits(pod, -1)).toEqual({ cpuShares: 1024, cpuQuotaUs: 200_000, memoryBytes: 1024 * MIB, pids: undefined });
	});

	test("leave a best-effort pod the least weight", () => {
		expect(podLimits(podOf([undefined]), -1)).toEqual({ cpuShares: 2, cpuQuotaUs: undefined, memoryBytes: undefined, pids: undefined });
	});

	test("are written as each version of cgroups has them", () => {
		const limits = { cpuShares: 1024, cpuQuotaUs: 150_000, memoryBytes: undefined, pids: 10 };
		const text = (unified: boolean) => limitFiles(limits, unified).map(({ file, text: value }) => `${file} ${value}`);
		expect(text(true)).toEqual(["cpu.weight 39", "cpu.max 150000 100000", "memory.max max", "pids.max 10"]);
		expect(text(false)).toEqual(["cpu.shares 1024", "cpu.cfs_period_us 100000", "cpu.cfs_quota_us 150000", "memory.limit_in_bytes -1", "pids.max 10"]);
	});
});
