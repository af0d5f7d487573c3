/** A node must have left what the pod asks for. */
import type { NodeState } from "../node-state.ts";
import { type Candidate, type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";
import { fitsInto, sharesResource } from "../resources.ts";

export const nodeResourcesFit: FilterPlugin = {
	name: "NodeResourcesFit",
	filter: (candidate) => (node) => insufficient(candidate, node),
	helps(happening, { scheduling: { requests } }) {
		// Each pod takes one of the pods that a node allows, whatever it requests.
		if (happening.type === "podRemoved") return true;
		if (happening.type === "podUpdated") return sharesResource(happening.old.pod.requests, requests);
		const node = nodeOf(happening, "allocatable");
		return node !== undefined && node.podsMax > 0 && fitsInto(requests, node.allocatable);
	},
};

function insufficient({ scheduling: { requests } }: Candidate, node: NodeState): Rejection | undefined {
	let reasons: string[] | undefined;
	let resolvable = true;
	const lack = (reason: string, wanted: number, total: number): void => {
		reasons ??= [];
		reasons.push(reason);
		if (wanted > total) resolvable = false;
	};
	if (node.placements.size + 1 > node.podsMax) lack("Too many pods", 1, node.podsMax);
	const { allocatable, requested } = node;
	if (requests.milliCpu > 0 && requests.milliCpu > allocatable.milliCpu - requested.milliCpu) lack("Insufficient cpu", requests.milliCpu, allocatable.milliCpu);
	if (requests.memoryBytes > 0 && requests.memoryBytes > allocatable.memoryBytes - requested.memoryBytes) {
		lack("Insufficient memory", requests.memoryBytes, allocatable.memoryBytes);
	}
	for (const name in requests.other) {
		const wanted = requests.other[name] ?? 0;
		const total = allocatable.other[name] ?? 0;
		if (wanted > 0 && wanted > total - (requested.other[name] ?? 0)) lack(`Insufficient ${name}`, wanted, total);
	}
	return reasons && { reasons, resolvable };
}
