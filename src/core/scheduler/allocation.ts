/** What of each resource a node would have in use with the pod, for the scores by resources (resource_allocation.go). */
import type { ResourceSpec } from "./configuration/plugin-args.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate } from "./plugin.ts";

export interface Allocation {
	requested: number;
	/** 0 where the resource does not count: the node has none, or the pod asks for none of an extended one. */
	allocatable: number;
}

export type AllocationOf = (candidate: Candidate, node: NodeState) => Allocation;

/** CPU and memory as if each container asked for some (`nonZero`), or as they are asked for. */
export function allocationOf({ name }: ResourceSpec, nonZero: boolean): AllocationOf {
	if (name === "cpu") {
		return nonZero
			? ({ scheduling }, node) => ({ requested: node.nonZeroRequested.milliCpu + scheduling.nonZeroRequests.milliCpu, allocatable: node.allocatable.milliCpu })
			: ({ scheduling }, node) => ({ requested: node.requested.milliCpu + scheduling.requests.milliCpu, allocatable: node.allocatable.milliCpu });
	}
	if (name === "memory") {
		return nonZero
			? ({ scheduling }, node) => ({
					requested: node.nonZeroRequested.memoryBytes + scheduling.nonZeroRequests.memoryBytes,
					allocatable: node.allocatable.memoryBytes,
				})
			: ({ scheduling }, node) => ({ requested: node.requested.memoryBytes + scheduling.requests.memoryBytes, allocatable: node.allocatable.memoryBytes });
	}
	const counts = (asked: number): boolean => asked > 0 || name === "ephemeral-storage";
	return ({ scheduling }, node) => {
		const asked = scheduling.requests.other[name] ?? 0;
		return { requested: (node.requested.other[name] ?? 0) + asked, allocatable: counts(asked) ? (node.allocatable.other[name] ?? 0) : 0 };
	};
}

/** The mean of the resources' scores by their weights, those left out that do not count. */
export function meanScore(resources: readonly ResourceSpec[], scoreOf: (allocation: Allocation) => number): (candidate: Candidate, node: NodeState) => number {
	const parts = resources.map((resource) => ({ weight: resource.weight, of: allocationOf(resource, true) }));
	return (candidate, node) => {
		let sum = 0;
		let weights = 0;
		for (const { weight, of } of parts) {
			const allocation = of(candidate, node);
			if (allocation.allocatable === 0) continue;
			sum += weight * scoreOf(allocation);
			weights += weight;
		}
		return weights === 0 ? 0 : Math.trunc(sum / weights);
	};
}
