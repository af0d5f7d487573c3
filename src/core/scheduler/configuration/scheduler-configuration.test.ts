/** A KubeSchedulerConfiguration as its author writes it: what it makes of profiles, and what it is told when it is wrong. */
import { describe, expect, it } from "vitest";
import { parseYaml } from "../../codec/yaml.ts";
import { DEFAULT_SCHEDULER_CONFIGURATION, readSchedulerConfiguration } from "./scheduler-configuration.ts";

const read = (text: string) =>
	readSchedulerConfiguration(parseYaml(`apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n${text}`).value);
const profile = (text: string) => read(`profiles: [{schedulerName: own, ${text}}]`).profiles[0];
const args = (plugin: string, text: string) => profile(`pluginConfig: [{name: ${plugin}, args: {${text}}}]`);

describe("a scheduler's configuration", () => {
	it("is kube-scheduler's default where nothing is said", () => {
		const [only] = DEFAULT_SCHEDULER_CONFIGURATION.profiles;
		expect(only?.schedulerName).toBe("default-scheduler");
		expect(only?.filters.map(({ name }) => name)).toEqual([
			"NodeUnschedulable",
			"NodeName",
			"TaintToleration",
			"NodeAffinity",
			"NodePorts",
			"NodeResourcesFit",
			"VolumeRestrictions",
			"NodeVolumeLimits",
			"VolumeBinding",
			"VolumeZone",
			"PodTopologySpread",
			"InterPodAffinity",
			"DynamicResources",
		]);
		expect(only?.scorers.map(({ weight }) => weight)).toEqual([3, 2, 1, 2, 2, 1, 1, 1]);
		expect(only?.preemption).toEqual({ minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 });
		expect([DEFAULT_SCHEDULER_CONFIGURATION.podInitialBackoffSeconds, DEFAULT_SCHEDULER_CONFIGURATION.podMaxBackoffSeconds]).toEqual([1, 10]);
	});

	it("takes plugins away and puts them back, at one point or at all", () => {
		const names = (text: string) => profile(`plugins: {${text}}`)?.filters.map(({ name }) => name);
		expect(names("filter: {disabled: [{name: NodePorts}]}")).not.toContain("NodePorts");
		expect(names('filter: {disabled: [{name: "*"}], enabled: [{name: NodeName}]}')).toEqual(["NodeName"]);
		expect(names("multiPoint: {disabled: [{name: NodePorts}]}")).not.toContain("NodePorts");
		expect(names('multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeName}]}')).toEqual(["NodeName"]);
		expect(names("filter: {enabled: [{name: TaintToleration}]}")?.[0]).toBe("TaintToleration");
		expect(profile('plugins: {postFilter: {disabled: [{name: "*"}]}}')?.preemption).toBeUndefined();
	});

	it("weighs scores as it is told", () => {
		const weights = (text: string) => profile(`plugins: {${text}}`)?.scorers.map(({ weight }) => weight);
		expect(weights("score: {enabled: [{name: ImageLocality, weight: 7}]}")).toEqual([7, 3, 2, 1, 2, 2, 1, 1]);
		expect(weights("multiPoint: {enabled: [{name: ImageLocality, weight: 7}]}")).toEqual([3, 2, 1, 2, 2, 1, 1, 7]);
		expect(weights('score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}')).toEqual([1]);
	});

	it("has a percentage of nodes for all profiles, and one's own", () => {
		const { profiles } = read("percentageOfNodesToScore: 20\nprofiles: [{schedulerName: a}, {schedulerName: b, percentageOfNodesToScore: 70}]");
		expect(profiles.map(({ percentageOfNodesToScore }) => percentageOfNodesToScore)).toEqual([20, 70]);
	});

	it.each<[string, () => unknown, string]>([
		["an unknown field", () => read("profile: []"), 'strict decoding error: unknown field "profile"'],
		["an unknown field of a profile", () => profile("plugin: {}"), 'strict decoding error: unknown field "profiles[0].plugin"'],
		["no profiles", () => read("profiles: []"), "profiles: Required value"],
		["two profiles without names", () => read("profiles: [{}, {}]"), "profiles[0].schedulerName: Required value"],
		[
			"two profiles of one name",
			() => read("profiles: [{schedulerName: a}, {schedulerName: a}]"),
			'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"',
		],
		["a percentage", () => read("percentageOfNodesToScore: 101"), "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"],
		["a back-off", () => read("podInitialBackoffSeconds: 0"), "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"],
		[
			"back-offs",
			() => read("podInitialBackoffSeconds: 20"),
			"podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds",
		],
		["a plugin", () => profile("plugins: {filter: {enabled: [{name: Nothing}]}}"), 'FilterPlugin "Nothing" does not exist'],
		["a plugin's point", () => profile("plugins: {score: {enabled: [{name: NodeName}]}}"), 'plugin "NodeName" does not extend ScorePlugin plugin'],
		["no binder", () => profile('plugins: {bind: {disabled: [{name: "*"}]}}'), 'at least one bind plugin is needed for profile with scheduler name "own"'],
		[
			"a removed plugin",
			() => profile("plugins: {filter: {enabled: [{name: EBSLimits}]}}"),
			'profiles[0].plugins.filter.enabled[0]: Invalid value: "EBSLimits": was invalid in version "v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
		],
		[
			"arguments twice",
			() => profile("pluginConfig: [{name: NodeAffinity}, {name: NodeAffinity}]"),
			'profiles[0].pluginConfig[1]: Duplicate value: "NodeAffinity"',
		],
		[
			"another's arguments",
			() => args("NodeAffinity", "kind: NodeResourcesFitArgs"),
			"args for plugin NodeAffinity were not of type NodeAffinityArgs.kubescheduler.config.k8s.io, got NodeResourcesFitArgs.kubescheduler.config.k8s.io",
		],
		[
			"no candidates for preemption",
			() => args("DefaultPreemption", "minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0"),
			"profiles[0].pluginConfig[0].args.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute",
		],
		[
			"a weight of affinity",
			() => args("InterPodAffinity", "hardPodAffinityWeight: 101"),
			"profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
		],
		[
			"a strategy",
			() => args("NodeResourcesFit", "scoringStrategy: {type: Least}"),
			'args.scoringStrategy.type: Unsupported value: "Least": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"',
		],
		[
			"a resource's weight",
			() => args("NodeResourcesFit", "scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 101}]}"),
			"args.scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]",
		],
		[
			"no curve",
			() => args("NodeResourcesFit", "scoringStrategy: {type: RequestedToCapacityRatio}"),
			"args.scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio",
		],
		[
			"a curve that turns back",
			() =>
				args(
					"NodeResourcesFit",
					"scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 50, score: 1}, {utilization: 0, score: 11}]}}",
				),
			"args.scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 0: values must be sorted in increasing order, profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio.shape[1].score: Invalid value: 11: not in valid range [0, 10]",
		],
		[
			"a balance's weight",
			() => args("NodeResourcesBalancedAllocation", "resources: [{name: cpu, weight: 2}]"),
			"args.resources[0].weight: Invalid value: 2: must be 1",
		],
		[
			"constraints beside the system's",
			() => args("PodTopologySpread", "defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]"),
			'args.defaultingType: Invalid value: "System": when .defaultConstraints are not empty',
		],
		[
			"a constraint with a selector",
			() =>
				args(
					"PodTopologySpread",
					"defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}]",
				),
			"args.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod",
		],
		[
			"added affinity",
			() => args("NodeAffinity", "addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}"),
			"args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
		],
	])("refuses %s", (_what, make, message) => {
		expect(make).toThrow(message);
	});
});
