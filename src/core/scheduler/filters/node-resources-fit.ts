/** A node must have left what the pod asks for. */
import type { NodeResourcesFitArgs } from "../configuration/plugin-args.ts";
import { deviceResources } from "../../devices/extended-resources.ts";
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import { DEVICE_CLASSES, dynamicResources } from "./dynamic-resources.ts";
import { type Candidate, type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";
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
		filter(candidate, ledger) {
			const requests = asked(candidate.scheduling.requests);
			const left = leftToDevices(requests, candidate, ledger);
			return left === undefined ? (node) => insufficient(requests, node) : (node) => insufficient(left(node), node);
		},
		helps(happening, candidate, ledger) {
			// Each pod takes one of the pods that a node allows, whatever it requests.
			if (happening.type === "podRemoved") return true;
			const requests = asked(candidate.scheduling.requests);
			const left = leftToDevices(requests, candidate, ledger);
			if (happening.type === "objectChanged") return happening.resource === DEVICE_CLASSES && left !== undefined;
			if (happening.type === "podUpdated") return sharesResource(happening.old.pod.requests, requests);
			const node = nodeOf(happening, "allocatable");
			return node !== undefined && node.podsMax > 0 && fitsInto(left?.(node) ?? requests, node.allocatable);
		},
	};
}

/** What a node must have itself: devices stand for what of the rest it has none of. Undefined for a pod that asks for no such thing. */
function leftToDevices(requests: Resources, { profile }: Candidate, { devices }: Ledger): ((node: NodeState) => Resources) | undefined {
	if (!profile.filters.includes(dynamicResources)) return undefined;
	const resources = deviceResources(requests, (name) => devices.objects.classOf(name));
	if (resources.length === 0) return undefined;
	return ({ allocatable }) => {
		const other = Object.entries(requests.other).filter(([name]) => allocatable.other[name] || !resources.includes(name));
		return { ...requests, other: Object.fromEntries(other) };
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
