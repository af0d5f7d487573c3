/** kube-scheduler's plugins by name: which extension points each has part in, and what it does here at them. */
import { dynamicResources } from "../filters/dynamic-resources.ts";
import { interPodAffinity } from "../filters/inter-pod-affinity.ts";
import { nodeAffinityWith } from "../filters/node-affinity.ts";
import { nodeName } from "../filters/node-name.ts";
import { nodePorts } from "../filters/node-ports.ts";
import { nodeResourcesFitWith } from "../filters/node-resources-fit.ts";
import { nodeUnschedulable } from "../filters/node-unschedulable.ts";
import { nodeVolumeLimits } from "../filters/node-volume-limits.ts";
import { podTopologySpreadWith } from "../filters/pod-topology-spread.ts";
import { taintToleration } from "../filters/taint-toleration.ts";
import { volumeBinding } from "../filters/volume-binding.ts";
import { volumeRestrictions } from "../filters/volume-restrictions.ts";
import { volumeZone } from "../filters/volume-zone.ts";
import type { FilterPlugin, Scorer } from "../plugin.ts";
import { balancedAllocationOf } from "../scores/balanced-allocation.ts";
import { dynamicResourcesScore } from "../scores/dynamic-resources.ts";
import { imageLocality } from "../scores/image-locality.ts";
import { interPodAffinityScoreWith } from "../scores/inter-pod-affinity.ts";
import { leastAllocatedOf } from "../scores/least-allocated.ts";
import { mostAllocatedOf } from "../scores/most-allocated.ts";
import { nodeAffinityScoreWith } from "../scores/node-affinity.ts";
import { podTopologySpreadScoreWith } from "../scores/pod-topology-spread.ts";
import { requestedToCapacityRatioOf } from "../scores/requested-to-capacity-ratio.ts";
import { taintTolerationScore } from "../scores/taint-toleration.ts";
import type { PluginArgs, ScoringStrategy } from "./plugin-args.ts";

export const EXTENSION_POINTS = [
	"preEnqueue",
	"queueSort",
	"preFilter",
	"filter",
	"postFilter",
	"preScore",
	"score",
	"reserve",
	"permit",
	"preBind",
	"bind",
	"postBind",
] as const;
export type ExtensionPoint = (typeof EXTENSION_POINTS)[number];

export interface Plugin {
	points: readonly ExtensionPoint[];
	/** In the default profile's score. */
	weight?: number;
	filter?(args: PluginArgs): FilterPlugin;
	score?(args: PluginArgs): Scorer;
}

const FILTERING: readonly ExtensionPoint[] = ["preFilter", "filter"];
const BOTH: readonly ExtensionPoint[] = [...FILTERING, "preScore", "score"];

function fitScore({ type, resources, requestedToCapacityRatio }: ScoringStrategy): Scorer {
	if (type === "MostAllocated") return mostAllocatedOf(resources);
	return type === "RequestedToCapacityRatio" ? requestedToCapacityRatioOf(resources, requestedToCapacityRatio?.shape ?? []) : leastAllocatedOf(resources);
}

/** In the default profile's order. */
export const PLUGINS: Readonly<Record<string, Plugin>> = {
	SchedulingGates: { points: ["preEnqueue"] },
	PrioritySort: { points: ["queueSort"] },
	NodeUnschedulable: { points: ["filter"], filter: () => nodeUnschedulable },
	NodeName: { points: ["filter"], filter: () => nodeName },
	TaintToleration: { points: ["filter", "preScore", "score"], weight: 3, filter: () => taintToleration, score: () => taintTolerationScore },
	NodeAffinity: {
		points: BOTH,
		weight: 2,
		filter: ({ NodeAffinity: args }) => nodeAffinityWith(args),
		score: ({ NodeAffinity: args }) => nodeAffinityScoreWith(args),
	},
	NodePorts: { points: FILTERING, filter: () => nodePorts },
	NodeResourcesFit: {
		points: BOTH,
		weight: 1,
		filter: ({ NodeResourcesFit: args }) => nodeResourcesFitWith(args),
		score: ({ NodeResourcesFit: { scoringStrategy } }) => fitScore(scoringStrategy),
	},
	VolumeRestrictions: { points: FILTERING, filter: () => volumeRestrictions },
	NodeVolumeLimits: { points: FILTERING, filter: () => nodeVolumeLimits },
	VolumeBinding: { points: [...BOTH, "reserve", "preBind"], filter: () => volumeBinding },
	VolumeZone: { points: FILTERING, filter: () => volumeZone },
	PodTopologySpread: {
		points: BOTH,
		weight: 2,
		filter: ({ PodTopologySpread: args }) => podTopologySpreadWith(args),
		score: ({ PodTopologySpread: args }) => podTopologySpreadScoreWith(args),
	},
	InterPodAffinity: {
		points: BOTH,
		weight: 2,
		filter: () => interPodAffinity,
		score: ({ InterPodAffinity: args }) => interPodAffinityScoreWith(args),
	},
	DynamicResources: {
		points: ["preEnqueue", ...FILTERING, "postFilter", "score", "reserve", "preBind"],
		weight: 1,
		filter: () => dynamicResources,
		score: () => dynamicResourcesScore,
	},
	DefaultPreemption: { points: ["postFilter"] },
	NodeResourcesBalancedAllocation: {
		points: ["preScore", "score"],
		weight: 1,
		score: ({ NodeResourcesBalancedAllocation: { resources } }) => balancedAllocationOf(resources),
	},
	ImageLocality: { points: ["score"], weight: 1, score: () => imageLocality },
	DefaultBinder: { points: ["bind"] },
};
