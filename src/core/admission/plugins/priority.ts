/** Priority: resolves a pod's priorityClassName into its number and its preemption policy. */
import { resourceOf } from "../../kinds/define-kind.ts";
import type { Pod, PodSpec, PreemptionPolicy, PriorityClass } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";

const PRIORITY_CLASSES = "scheduling.k8s.io/priorityclasses";
const PRIORITY_WITHOUT_CLASS = 0;
const PREEMPT_LOWER = "PreemptLowerPriority";

/** The classes every cluster has. */
export const SYSTEM_PRIORITY_CLASSES: readonly PriorityClass[] = [
	{
		apiVersion: "scheduling.k8s.io/v1",
		kind: "PriorityClass",
		metadata: { name: "system-node-critical" },
		value: 2_000_001_000,
		description: "Used for system critical pods that must not be moved from their current node.",
		preemptionPolicy: PREEMPT_LOWER,
	},
	{
		apiVersion: "scheduling.k8s.io/v1",
		kind: "PriorityClass",
		metadata: { name: "system-cluster-critical" },
		value: 2_000_000_000,
		description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
		preemptionPolicy: PREEMPT_LOWER,
	},
];

/** Go prints and reads an unset value as 0. */
const priorityOf = (priorityClass: PriorityClass | undefined): number => priorityClass?.value ?? PRIORITY_WITHOUT_CLASS;

/** Of several defaults the one with the lowest value counts, as upstream. */
function defaultClass(view: AdmissionView): PriorityClass | undefined {
	let chosen: PriorityClass | undefined;
	for (const candidate of view.priorityClasses()) {
		if (candidate.globalDefault && (chosen === undefined || priorityOf(candidate) < priorityOf(chosen))) chosen = candidate;
	}
	return chosen;
}

function classOf(request: AdmissionRequest, name: string, view: AdmissionView): PriorityClass {
	const isNamed = (candidate: PriorityClass): boolean => candidate.metadata.name === name;
	const found = view.priorityClasses().find(isNamed) ?? SYSTEM_PRIORITY_CLASSES.find(isNamed);
	if (found === undefined) throw refuse(request, `no PriorityClass with name ${name} was found`);
	return found;
}

function resolve(request: AdmissionRequest, spec: PodSpec, view: AdmissionView): void {
	const chosen = spec.priorityClassName ? classOf(request, spec.priorityClassName, view) : defaultClass(view);
	const value = priorityOf(chosen);
	if (spec.priority !== undefined && spec.priority !== null && spec.priority !== value) {
		const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
		throw refuse(request, why);
	}
	const policy = chosen === undefined ? PREEMPT_LOWER : (chosen.preemptionPolicy as PreemptionPolicy | undefined);
	if (policy && spec.preemptionPolicy && spec.preemptionPolicy !== policy) {
		const why = `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`;
		throw refuse(request, why);
	}
	if (chosen?.metadata.name) spec.priorityClassName = chosen.metadata.name;
	spec.priority = value;
	if (policy) spec.preemptionPolicy = policy;
}

function keep(spec: PodSpec, old: PodSpec | undefined): void {
	if (old?.priority !== undefined) spec.priority ??= old.priority;
	if (old?.preemptionPolicy) spec.preemptionPolicy ??= old.preemptionPolicy;
}

export const priority: AdmissionPlugin = {
	name: "Priority",
	resources: ["pods", PRIORITY_CLASSES],
	operations: ["CREATE", "UPDATE"],
	mutate(request, view) {
		if (resourceOf(request.kind) !== "pods") return;
		const { spec } = request.object as Pod;
		if (spec === undefined) return;
		if (request.operation === "CREATE") resolve(request, spec, view);
		else keep(spec, (request.old as Pod | undefined)?.spec);
	},
	validate(request, view) {
		if (resourceOf(request.kind) !== PRIORITY_CLASSES) return;
		const priorityClass = request.object as PriorityClass;
		if (!priorityClass.globalDefault) return;
		const current = defaultClass(view);
		if (current === undefined || current.metadata.name === priorityClass.metadata.name) return;
		throw refuse(request, `PriorityClass ${current.metadata.name} is already marked as default. Only one default can exist`);
	},
};
