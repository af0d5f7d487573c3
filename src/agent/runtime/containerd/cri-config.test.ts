import { describe, expect, test } from "vitest";
import type { Container, Pod, ResourceRequirements } from "../../../core/schema/kubernetes.d.ts";
import { hostPortsOf, resourcesOf } from "./cri-config.ts";

const GIB = 1024 ** 3;
function podOf(containers: Container[], more: Partial<Pod["spec"]> = {}): Pod {
	return { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { ...more, containers } };
}
const resources = (wanted?: ResourceRequirements) => {
	const container = { name: "c", resources: wanted };
	return resourcesOf(podOf([container]), container, 4 * GIB);
};

describe("resourcesOf", () => {
	test("without requests a container has the least weight and is killed first", () => {
		expect(resources()).toEqual({ cpuPeriod: 100_000, cpuQuota: 0, cpuShares: 2, memoryLimitInBytes: 0, oomScoreAdj: 1000 });
	});

	test("requests are weights, limits quotas", () => {
		expect(resources({ requests: { cpu: "250m", memory: "1Gi" }, limits: { cpu: "1500m", memory: "2Gi" } })).toEqual({
			cpuPeriod: 100_000,
			cpuQuota: 150_000,
			cpuShares: 256,
			memoryLimitInBytes: 2 * GIB,
			oomScoreAdj: 750,
		});
	});

	test("a limit is the request where none is given; limits that are the requests make the container guaranteed", () => {
		const limits = { cpu: "1", memory: "1Gi" };
		expect(resources({ limits })).toMatchObject({ cpuShares: 1024 });
		expect(resources({ limits, requests: limits })).toMatchObject({ cpuShares: 1024, oomScoreAdj: -997 });
	});

	test("the whole pod's class decides who is killed first, and a sidecar goes with what it serves", () => {
		const score = (pod: Pod, container: Container | undefined) => container && resourcesOf(pod, container, 4 * GIB).oomScoreAdj;
		const bare: Container = { name: "bare" };
		const burstable = podOf([{ name: "c", resources: { limits: { cpu: "1", memory: "1Gi" } } }, bare]);
		expect(burstable.spec?.containers.map((one) => score(burstable, one))).toEqual([750, 999]);
		const sidecar: Container = { name: "side", restartPolicy: "Always" };
		const served = podOf([{ name: "c", resources: { requests: { memory: "2Gi" } } }], { initContainers: [sidecar] });
		expect(score(served, sidecar)).toBe(500);
		expect(score(podOf([bare], { priority: 2_000_001_000 }), bare)).toBe(-997);
		expect(score(podOf([bare], { resources: { requests: { memory: "1Gi" } } }), bare)).toBe(750);
	});

	test("no quota is shorter than the kernel takes", () => {
		expect(resources({ limits: { cpu: "1m" } })).toMatchObject({ cpuQuota: 1000, cpuShares: 2 });
	});
});

test("host ports are those of all containers, and none with hostNetwork", () => {
	const container: Container = {
		name: "c",
		image: "i",
		ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }, { containerPort: 53, hostPort: 53, protocol: "UDP" }],
	};
	const pod = (hostNetwork: boolean): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: {}, spec: { hostNetwork, containers: [container] } });
	expect(hostPortsOf(pod(false))).toEqual([
		{ protocol: "TCP", hostPort: 8080, containerPort: 80 },
		{ protocol: "UDP", hostPort: 53, containerPort: 53 },
	]);
	expect(hostPortsOf(pod(true))).toEqual([]);
});
