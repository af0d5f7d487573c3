import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestNode, testPod } from "../../test/support/agent-node.ts";
import type { Container, Pod, PodCondition } from "../core/schema/kubernetes.d.ts";
import { admitByCapacity, refuseResize } from "./node-capacity.ts";

const MIB = 1024 * 1024;
let node: TestNode;
beforeEach(async () => {
	node = await TestNode.create();
});
afterEach(() => node.close());

const app = (cpu: string, memory: string, more: Partial<Container> = {}): Container => ({
	name: "app",
	image: "app:1",
	resources: { limits: { memory }, requests: { cpu, memory } },
	...more,
});
const podOf = (container: Container, generation = 1): Pod => testPod({ containers: [container] }, { generation });
const condition = (type: string): PodCondition | undefined => node.status()?.conditions?.find((one) => one.type === type);
const status = () => node.status()?.containerStatuses?.[0];

async function run(container: Container): Promise<void> {
	node.supervisor.upsert(podOf(container));
	await node.reported(({ phase }) => phase === "Running");
}

describe("a pod that is resized", () => {
	it("gets its new resources without a restart, and says so", async () => {
		await run(app("100m", "64Mi"));
		const { containerID } = status() ?? {};
		node.supervisor.upsert(podOf(app("200m", "128Mi"), 2));
		await node.event("ResizeCompleted");
		await node.reported((s) => s.containerStatuses?.[0]?.resources?.requests?.cpu === "200m" && !condition("PodResizeInProgress"));
		expect(status()).toMatchObject({ containerID, restartCount: 0, allocatedResources: { cpu: "200m", memory: "128Mi" } });
		expect(node.runtime.calls.filter((call) => call.startsWith("updateContainerResources"))).toEqual(["updateContainerResources app"]);
		const message = '{"containers":[{"name":"app","resources":{"limits":{"memory":"128Mi"},"requests":{"cpu":"200m","memory":"128Mi"}}}],"generation":2}';
		expect((await node.event("ResizeStarted")).message).toBe(`Pod resize started: ${message}`);
		expect((await node.event("ResizeCompleted")).message).toBe(`Pod resize completed: ${message}`);
	});

	it("restarts a container whose policy for the resource asks for it", async () => {
		const resizePolicy = [{ resourceName: "memory", restartPolicy: "RestartContainer" }];
		await run(app("100m", "64Mi", { resizePolicy }));
		node.supervisor.upsert(podOf(app("200m", "64Mi", { resizePolicy }), 2));
		await node.reported((s) => s.containerStatuses?.[0]?.resources?.requests?.cpu === "200m");
		expect(status()?.restartCount).toBe(0);
		node.supervisor.upsert(podOf(app("200m", "128Mi", { resizePolicy }), 3));
		await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 1 && s.containerStatuses[0].state?.running !== undefined);
		expect(await node.event("Killing")).toMatchObject({ message: "Container app resize requires restart" });
		await node.reported((s) => s.containerStatuses?.[0]?.resources?.limits?.memory === "128Mi");
		expect(condition("PodResizeInProgress")).toBeUndefined();
	});

	it("keeps what it has while the node has no room, and gets the rest when it has", async () => {
		await run(app("100m", "64Mi"));
		const message = "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000";
		node.refuseResize = () => ({ reason: "Deferred", message });
		node.supervisor.upsert(podOf(app("3", "64Mi"), 2));
		await node.reported(() => condition("PodResizePending") !== undefined);
		expect(condition("PodResizePending")).toMatchObject({ status: "True", reason: "Deferred", message, observedGeneration: 2 });
		expect(status()).toMatchObject({ allocatedResources: { cpu: "100m" }, resources: { requests: { cpu: "100m" } } });
		expect(await node.event("ResizeDeferred")).toMatchObject({ type: "Warning" });
		await node.restart();
		node.supervisor.upsert(podOf(app("3", "64Mi"), 2));
		await node.reported(() => condition("PodResizePending")?.reason === "Deferred");
		expect(status()?.allocatedResources?.cpu).toBe("100m");
		node.refuseResize = () => undefined;
		await node.clock.advance(10_000);
		await node.reported((s) => s.containerStatuses?.[0]?.allocatedResources?.cpu === "3");
		expect(condition("PodResizePending")).toBeUndefined();
	});

	it("does not take memory away that is in use", async () => {
		await run(app("100m", "64Mi"));
		node.runtime.usages.set("app", { cpuNanos: 0, memoryBytes: 50 * MIB });
		node.supervisor.upsert(podOf(app("100m", "32Mi"), 2));
		await node.reported(() => condition("PodResizeInProgress")?.reason === "Error");
		expect(condition("PodResizeInProgress")?.message).toBe(`attempting to set container memory limit (${32 * MIB}) below current usage (${50 * MIB})`);
		expect(status()).toMatchObject({ allocatedResources: { memory: "32Mi" }, resources: { limits: { memory: "64Mi" } } });
		node.runtime.usages.set("app", { cpuNanos: 0, memoryBytes: 10 * MIB });
		await node.clock.advance(10_000);
		await node.reported((s) => s.containerStatuses?.[0]?.resources?.limits?.memory === "32Mi");
		expect(condition("PodResizeInProgress")).toBeUndefined();
	});
});

describe("a node's capacity", () => {
	const allocatable = { cpu: "4", memory: "4Gi", pods: "2" };
	const asking = (cpu: string, memory: string) => podOf(app(cpu, memory));

	it("is enough or is told in kubelet's words", () => {
		expect(admitByCapacity(asking("4", "1Gi"), [], allocatable)).toBeUndefined();
		expect(admitByCapacity(asking("3", "1Gi"), [asking("2", "1Gi")], allocatable)).toEqual({
			reason: "OutOfcpu",
			message: "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000",
		});
		expect(admitByCapacity(testPod(), [testPod(), testPod()], allocatable)?.reason).toBe("OutOfpods");
		expect(admitByCapacity(asking("64", "1Ti"), [], {})).toBeUndefined();
	});

	it("makes a resize impossible, or only for now", () => {
		expect(refuseResize(asking("2", "1Gi"), [asking("2", "1Gi")], allocatable)).toBeUndefined();
		expect(refuseResize(asking("5", "1Gi"), [], allocatable)).toEqual({
			reason: "Infeasible",
			message: "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
		});
		expect(refuseResize(asking("1", "4Gi"), [asking("2", "1Gi")], allocatable)).toEqual({
			reason: "Deferred",
			message: `Node didn't have enough resource: memory, requested: ${4096 * MIB}, used: ${1024 * MIB}, capacity: ${4096 * MIB}`,
		});
	});
});
