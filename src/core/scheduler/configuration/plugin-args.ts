/** The arguments that plugins of the scheduler take, as kubescheduler.config.k8s.io/v1 has them, with their defaults. */
import type { JsonObject } from "../../meta/object.ts";
import type { NodeAffinity, TopologySpreadConstraint } from "../../schema/kubernetes.d.ts";
import type { PreemptionArgs } from "../profile.ts";

export interface ResourceSpec {
	name: string;
	weight: number;
}

export interface ShapePoint {
	/** In percent. */
	utilization: number;
	/** Of SHAPE_SCORE_MAX. */
	score: number;
}

/** MaxCustomPriorityScore. */
export const SHAPE_SCORE_MAX = 10;

export interface ScoringStrategy {
	type: string;
	resources: readonly ResourceSpec[];
	requestedToCapacityRatio?: { shape: readonly ShapePoint[] };
}

export interface NodeResourcesFitArgs {
	ignoredResources: readonly string[];
	ignoredResourceGroups: readonly string[];
	scoringStrategy: ScoringStrategy;
}

export interface NodeResourcesBalancedAllocationArgs {
	resources: readonly ResourceSpec[];
}

export interface InterPodAffinityArgs {
	/** What a placed pod's required affinity to another is worth. */
	hardPodAffinityWeight: number;
	ignorePreferredTermsOfExistingPods: boolean;
}

export interface PodTopologySpreadArgs {
	defaultConstraints: readonly TopologySpreadConstraint[];
	defaultingType: string;
}

export interface NodeAffinityArgs {
	addedAffinity?: NodeAffinity;
}

export interface PluginArgs {
	NodeResourcesFit: NodeResourcesFitArgs;
	NodeResourcesBalancedAllocation: NodeResourcesBalancedAllocationArgs;
	InterPodAffinity: InterPodAffinityArgs;
	PodTopologySpread: PodTopologySpreadArgs;
	NodeAffinity: NodeAffinityArgs;
	DefaultPreemption: PreemptionArgs;
	/** Volumes are bound without waiting here: a limit of the wait is accepted and means nothing. */
	VolumeBinding: { bindTimeoutSeconds: number; shape?: unknown };
	DynamicResources: Record<string, unknown>;
}

const CPU_AND_MEMORY: readonly ResourceSpec[] = [
	{ name: "cpu", weight: 1 },
	{ name: "memory", weight: 1 },
];

export const DEFAULT_ARGS: PluginArgs = {
	NodeResourcesFit: { ignoredResources: [], ignoredResourceGroups: [], scoringStrategy: { type: "LeastAllocated", resources: CPU_AND_MEMORY } },
	NodeResourcesBalancedAllocation: { resources: CPU_AND_MEMORY },
	InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
	PodTopologySpread: { defaultConstraints: [], defaultingType: "System" },
	NodeAffinity: {},
	DefaultPreemption: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
	VolumeBinding: { bindTimeoutSeconds: 600 },
	DynamicResources: {},
};

export const takesArgs = (name: string): name is keyof PluginArgs => Object.hasOwn(DEFAULT_ARGS, name);

type Given<Name extends keyof PluginArgs> = Partial<PluginArgs[Name]>;

/** A weight that is not given is 1. */
const weighted = (resources: readonly ResourceSpec[] | undefined): readonly ResourceSpec[] =>
	resources === undefined || resources.length === 0 ? CPU_AND_MEMORY : resources.map(({ name, weight }) => ({ name, weight: weight || 1 }));

/** What is not given is the default. */
export function withDefaults<Name extends keyof PluginArgs>(name: Name, given: Given<Name>): PluginArgs[Name] {
	const args: PluginArgs[Name] = { ...DEFAULT_ARGS[name], ...given };
	if (name === "NodeResourcesFit") {
		const { scoringStrategy = DEFAULT_ARGS.NodeResourcesFit.scoringStrategy } = given as Given<"NodeResourcesFit">;
		return { ...args, scoringStrategy: { ...scoringStrategy, resources: weighted(scoringStrategy.resources) } };
	}
	if (name === "NodeResourcesBalancedAllocation") return { ...args, resources: weighted((given as Given<"NodeResourcesBalancedAllocation">).resources) };
	return args;
}

/** A profile's arguments by plugin, the defaults for those that it does not name. */
export function argsOf(pluginConfig: readonly { name: string; args: JsonObject }[]): PluginArgs {
	const given = pluginConfig.flatMap(({ name, args: { apiVersion: _version, kind: _kind, ...args } }) =>
		takesArgs(name) ? [[name, withDefaults(name, args)] as const] : [],
	);
	return { ...DEFAULT_ARGS, ...Object.fromEntries(given) };
}
