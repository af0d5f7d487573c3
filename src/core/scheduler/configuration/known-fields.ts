/** Strict decoding of the scheduler's configuration: a field that nobody reads would be a setting that silently does nothing. */
import type { Json } from "../../meta/object.ts";

/** The fields of an object: those of the objects in them, "any" for what is taken as it is; of a list, those of each of its items. */
export type Fields = { readonly [field: string]: Fields | "any" };

const PLUGIN_SET: Fields = { enabled: { name: "any", weight: "any" }, disabled: { name: "any", weight: "any" } };

export function pluginSetsFields(points: readonly string[]): Fields {
	return Object.fromEntries(points.map((point) => [point, PLUGIN_SET]));
}

const TYPE: Fields = { apiVersion: "any", kind: "any" };
const RESOURCES: Fields = { name: "any", weight: "any" };

export const ARGS_FIELDS: Readonly<Record<string, Fields>> = {
	NodeResourcesFit: {
		...TYPE,
		ignoredResources: "any",
		ignoredResourceGroups: "any",
		scoringStrategy: { type: "any", resources: RESOURCES, requestedToCapacityRatio: { shape: { utilization: "any", score: "any" } } },
	},
	NodeResourcesBalancedAllocation: { ...TYPE, resources: RESOURCES },
	InterPodAffinity: { ...TYPE, hardPodAffinityWeight: "any", ignorePreferredTermsOfExistingPods: "any" },
	PodTopologySpread: { ...TYPE, defaultConstraints: "any", defaultingType: "any" },
	NodeAffinity: { ...TYPE, addedAffinity: "any" },
	DefaultPreemption: { ...TYPE, minCandidateNodesPercentage: "any", minCandidateNodesAbsolute: "any" },
	VolumeBinding: { ...TYPE, bindTimeoutSeconds: "any", shape: "any" },
	DynamicResources: { ...TYPE, filterTimeout: "any", bindingTimeout: "any" },
};

/** Paths of the fields that are not known. */
export function unknownFields(value: Json | undefined, fields: Fields, path = ""): string[] {
	if (Array.isArray(value)) return value.flatMap((item, i) => unknownFields(item, fields, `${path}[${i}]`));
	if (value === null || typeof value !== "object") return [];
	return Object.entries(value).flatMap(([name, inner]) => {
		const at = path === "" ? name : `${path}.${name}`;
		const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
		if (known === undefined) return [at];
		return known === "any" ? [] : unknownFields(inner, known, at);
	});
}
