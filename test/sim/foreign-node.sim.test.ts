import { expect, it } from "vitest";
import type { Lease, Node } from "../../src/core/schema/kubernetes.d.ts";
import { World } from "./world.ts";

const NODES = { resource: "nodes", namespace: "" };
const LEASES = { group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease" };

/** The status of Ready, and the taints' keys. */
async function stateOf(world: World, name: string): Promise<{ ready: string | undefined; taints: string[] }> {
	const node = (await world.api({ ...NODES, verb: "get", name })) as unknown as Node;
	const ready = node.status?.conditions?.find(({ type }) => type === "Ready")?.status;
	return { ready, taints: (node.spec?.taints ?? []).map(({ key }) => key) };
}

it("a node that no agent serves is there while it renews its Lease, and lost 40 s after it ceased", async () => {
	const world = new World(1);
	world.cluster();
	await world.settle({ object: "cluster" });
	await world.run(1_000);
	const ready = { type: "Ready", status: "True", reason: "KubeletReady", message: "" } as const;
	const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name: "kwok-0" }, status: { conditions: [ready as never] } };
	await world.api({ ...NODES, verb: "create" }, node as never);
	const lease = (second: number): Lease => ({
		apiVersion: "coordination.k8s.io/v1",
		kind: "Lease",
		metadata: { name: "kwok-0", namespace: "kube-node-lease" },
		spec: { holderIdentity: "kwok-0", leaseDurationSeconds: 40, renewTime: `2020-01-01T00:00:${String(second).padStart(2, "0")}.000000Z` },
	});
	await world.api({ ...LEASES, verb: "create" }, lease(0) as never);
	for (let second = 1; second <= 12; second++) {
		await world.run(10_000);
		const { metadata } = await world.api({ ...LEASES, verb: "get", name: "kwok-0" });
		await world.api({ ...LEASES, verb: "update", name: "kwok-0" }, { ...lease(second), metadata } as never);
	}
	await world.run(1_000);
	expect(await stateOf(world, "kwok-0")).toEqual({ ready: "True", taints: [] });
	await world.run(45_000);
	const lost = await stateOf(world, "kwok-0");
	expect(lost.ready).toBe("Unknown");
	expect(lost.taints).toContain("node.kubernetes.io/unreachable");
});
