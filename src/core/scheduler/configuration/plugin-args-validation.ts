/** What is wrong with plugins' arguments, in kube-scheduler's words (pkg/scheduler/apis/config/validation/validation_pluginargs.go). */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../../errors/field-error.ts";
import { validateNodeAffinity } from "../../kinds/scheduling-validation.ts";
import { validateLabelName } from "../../meta/object-meta-validation.ts";
import type { TopologySpreadConstraint } from "../../schema/kubernetes.d.ts";
import { type PluginArgs, type ResourceSpec, type ScoringStrategy, SHAPE_SCORE_MAX, type ShapePoint } from "./plugin-args.ts";

const PERCENT_MAX = 100;
const WEIGHT_MAX = 100;
const STRATEGIES = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"];
const WHEN_UNSATISFIABLE = ["DoNotSchedule", "ScheduleAnyway"];

type Rules = { [Name in keyof PluginArgs]: (args: PluginArgs[Name], path: string) => FieldError[] };

const RULES: Rules = {
	DefaultPreemption({ minCandidateNodesPercentage: percentage, minCandidateNodesAbsolute: absolute }, path) {
		const [percentagePath, absolutePath] = [`${path}.minCandidateNodesPercentage`, `${path}.minCandidateNodesAbsolute`];
		const errors = outside(percentage, PERCENT_MAX) ? [invalid(percentagePath, percentage, "not in valid range [0, 100]")] : [];
		if (absolute < 0) errors.push(invalid(absolutePath, absolute, "not in valid range [0, inf)"));
		if (percentage !== 0 || absolute !== 0) return errors;
		const both = (other: string): string => `cannot be zero at the same time as ${other}`;
		return [
			...errors,
			invalid(percentagePath, percentage, both("minCandidateNodesAbsolute")),
			invalid(absolutePath, absolute, both("minCandidateNodesPercentage")),
		];
	},
	InterPodAffinity: ({ hardPodAffinityWeight: weight }, path) =>
		outside(weight, WEIGHT_MAX) ? [invalid(`${path}.hardPodAffinityWeight`, weight, "not in valid range [0, 100]")] : [],
	NodeAffinity: ({ addedAffinity }, path) => validateNodeAffinity(addedAffinity, `${path}.addedAffinity`),
	NodeResourcesBalancedAllocation: ({ resources }, path) =>
		resources.flatMap(({ name, weight }, i) => [
			...(resources.findIndex((other) => other.name === name) < i ? [duplicate(`${path}.resources[${i}].name`, name)] : []),
			...(weight === 1 ? [] : [invalid(`${path}.resources[${i}].weight`, weight, "must be 1")]),
		]),
	NodeResourcesFit: ({ ignoredResources, ignoredResourceGroups, scoringStrategy }, path) => [
		...ignoredResources.flatMap((name, i) => validateLabelName(name, `${path}.ignoredResources[${i}]`)),
		...ignoredResourceGroups.flatMap((group, i) => groupErrors(group, `${path}.ignoredResourceGroups[${i}]`)),
		...strategyErrors(scoringStrategy, `${path}.scoringStrategy`),
	],
	PodTopologySpread({ defaultingType, defaultConstraints }, path) {
		const errors: FieldError[] = [];
		if (defaultingType !== "System" && defaultingType !== "List") errors.push(notSupported(`${path}.defaultingType`, defaultingType, ["List", "System"]));
		else if (defaultingType === "System" && defaultConstraints.length > 0)
			errors.push(invalid(`${path}.defaultingType`, defaultingType, "when .defaultConstraints are not empty"));
		return [...errors, ...defaultConstraints.flatMap((_, i) => constraintErrors(defaultConstraints, i, `${path}.defaultConstraints[${i}]`))];
	},
	VolumeBinding: ({ bindTimeoutSeconds: seconds, shape }, path) => [
		...(seconds < 0 ? [invalid(`${path}.bindTimeoutSeconds`, seconds, "invalid BindTimeoutSeconds, should not be a negative value")] : []),
		...(shape === undefined ? [] : [invalid(`${path}.shape`, shape, "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring")]),
	],
	DynamicResources: () => [],
};

export const pluginArgsErrors = <Name extends keyof PluginArgs>(name: Name, args: PluginArgs[Name], path: string): FieldError[] => RULES[name](args, path);

const outside = (value: number, max: number): boolean => !(value >= 0 && value <= max);

const groupErrors = (group: string, path: string): FieldError[] => [
	...(group.includes("/") ? [invalid(path, group, "resource group name can't contain '/'")] : []),
	...validateLabelName(group, path),
];

function strategyErrors({ type, resources, requestedToCapacityRatio: ratio }: ScoringStrategy, path: string): FieldError[] {
	const errors = STRATEGIES.includes(type) ? [] : [notSupported(`${path}.type`, type, STRATEGIES)];
	errors.push(...resources.flatMap((resource, i) => weightErrors(resource, `${path}.resources[${i}]`)));
	const ratioPath = `${path}.requestedToCapacityRatio`;
	if (type !== "RequestedToCapacityRatio")
		return ratio === undefined ? errors : [...errors, forbidden(ratioPath, "must be nil when type is not RequestedToCapacityRatio")];
	if (ratio === undefined) return [...errors, required(ratioPath, "must be specified when type is RequestedToCapacityRatio")];
	return [...errors, ...shapeErrors(ratio.shape ?? [], `${ratioPath}.shape`)];
}

const weightErrors = ({ name, weight }: ResourceSpec, path: string): FieldError[] =>
	weight > 0 && weight <= WEIGHT_MAX ? [] : [invalid(`${path}.weight`, weight, `resource weight of ${name} not in valid range (0, 100]`)];

function shapeErrors(shape: readonly ShapePoint[], path: string): FieldError[] {
	if (shape.length === 0) return [required(path, "at least one point must be specified")];
	const errors: FieldError[] = [];
	const unsorted = shape.findIndex(({ utilization }, i) => i > 0 && (shape[i - 1]?.utilization ?? 0) >= utilization);
	if (unsorted > 0) errors.push(invalid(`${path}[${unsorted}].utilization`, shape[unsorted]?.utilization, "values must be sorted in increasing order"));
	for (const [i, { utilization, score }] of shape.entries()) {
		if (outside(utilization, PERCENT_MAX)) errors.push(invalid(`${path}[${i}].utilization`, utilization, "not in valid range [0, 100]"));
		if (outside(score, SHAPE_SCORE_MAX)) errors.push(invalid(`${path}[${i}].score`, score, `not in valid range [0, ${SHAPE_SCORE_MAX}]`));
	}
	return errors;
}

function constraintErrors(constraints: readonly TopologySpreadConstraint[], index: number, path: string): FieldError[] {
	const { maxSkew = 0, topologyKey = "", whenUnsatisfiable: when = "", labelSelector } = constraints[index] as TopologySpreadConstraint;
	const errors = maxSkew > 0 ? [] : [invalid(`${path}.maxSkew`, maxSkew, "not in valid range (0, inf)")];
	if (topologyKey === "") errors.push(required(`${path}.topologyKey`, "can not be empty"));
	else errors.push(...validateLabelName(topologyKey, `${path}.topologyKey`));
	if (when === "") errors.push(required(`${path}.whenUnsatisfiable`, "can not be empty"));
	else if (!WHEN_UNSATISFIABLE.includes(when)) errors.push(notSupported(`${path}.whenUnsatisfiable`, when, WHEN_UNSATISFIABLE));
	if (labelSelector !== undefined) errors.push(forbidden(`${path}.labelSelector`, "constraint must not define a selector, as they deduced for each pod"));
	const repeats = constraints.slice(0, index).some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === when);
	return repeats ? [...errors, duplicate(path, `{${topologyKey}, ${when}}`)] : errors;
}
