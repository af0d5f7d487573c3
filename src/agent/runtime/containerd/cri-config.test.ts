import { describe, expect, test } from "vitest";
import type { Container, Pod, ResourceRequirements } from "../../../core/schema/kubernetes.d.ts";
import { hostPortsOf, resourcesOf } from "./cri-config.ts";

const GIB = 1024 ** 3;
const resources = (wanted?: ResourceRequirements) => resourcesOf({ name: "c", resources: wanted }, 4 * GIB);

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

	test("a limit is the request where none is given, and makes the container guaranteed", () => {
		expect(resources({ limits: { cpu: "1", memory: "1Gi" } })).toMatchObject({ cpuShares: 1024, oomScoreAdj: -997 });
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
