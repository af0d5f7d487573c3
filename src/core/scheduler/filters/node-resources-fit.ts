/** A node must have left what the pod asks for. */
import type { NodeResourcesFitArgs } from "../configuration/plugin-args.ts";
import type { NodeState } from "../node-state.ts";
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";
import { fitsInto, type Resources, sharesResource } from "../resources.ts";

export function nodeResourcesFitWith({ ignoredResources, ignoredResourceGroups }: NodeResourcesFitArgs): FilterPlugin {
	const isIgnored = (name: string): boolean => ignoredResources.includes(name) || ignoredResourceGroups.includes(name.split("/")[0] ?? "");
	/** Only extended resources can be left to others. */
	const counted = (requests: Resources): Resources => ({
		...requests,
		other: Object.fromEntries(Object.entries(requests.other).filter(([name]) => !name.includes("/") || !isIgnored(name))),
	});
	const asked = ignoredResources.length + ignoredResourceGroups.length === 0 ? (requests: Resources) => requests : counted;
	return {
		name: "NodeResourcesFit",
		filter(candidate) {
			const requests = asked(candidate.scheduling.requests);
			return (node) => insufficient(requests, node);
		},
		helps(happening, { scheduling }) {
			// Each pod takes one of the pods that a node allows, whatever it requests.
			if (happening.type === "podRemoved") return true;
			const requests = asked(scheduling.requests);
			if (happening.type === "podUpdated") return sharesResource(happening.old.pod.requests, requests);
			const node = nodeOf(happening, "allocatable");
			return node !== undefined && node.podsMax > 0 && fitsInto(requests, node.allocatable);
		},
	};
}

function insufficient(requests: Resources, node: NodeState): Rejection | undefined {
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
