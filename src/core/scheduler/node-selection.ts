/** Whether a node is one that a pod's nodeSelector and node affinity ask for (component-helpers/scheduling/corev1/nodeaffinity). */
import type { NodeSelectorRequirement, NodeSelectorTerm, Pod } from "../schema/kubernetes.d.ts";
import type { NodeState } from "./node-state.ts";

/** What of a node these rules look at. */
export type SelectableNode = Pick<NodeState, "name" | "labels">;

/** undefined when the pod takes any node. */
export function requiredNodes(pod: Pod): ((node: SelectableNode) => boolean) | undefined {
	const selector = Object.entries(pod.spec?.nodeSelector ?? {});
	const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
	if (selector.length === 0 && terms === undefined) return undefined;
	return (node) => selector.every(([key, value]) => node.labels[key] === value) && (terms === undefined || terms.some((term) => termMatches(term, node)));
}

/** An empty term matches nothing. */
export function termMatches(term: NodeSelectorTerm, node: SelectableNode): boolean {
	const expressions = term.matchExpressions ?? [];
	const fields = term.matchFields ?? [];
	if (expressions.length === 0 && fields.length === 0) return false;
	return (
		expressions.every((requirement) => requirementMatches(requirement, node.labels[requirement.key])) &&
		fields.every((requirement) => requirement.key === "metadata.name" && requirementMatches(requirement, node.name))
	);
}

function requirementMatches({ operator, values = [] }: NodeSelectorRequirement, actual: string | undefined): boolean {
	switch (operator) {
		case "In":
			return actual !== undefined && values.includes(actual);
		case "NotIn":
			return actual === undefined || !values.includes(actual);
		case "Exists":
			return actual !== undefined;
		case "DoesNotExist":
			return actual === undefined;
		case "Gt":
			return compares(actual, values[0], (a, b) => a > b);
		case "Lt":
			return compares(actual, values[0], (a, b) => a < b);
		default:
			return false;
	}
}

function compares(actual: string | undefined, bound: string | undefined, holds: (a: bigint, b: bigint) => boolean): boolean {
	const isInteger = (text: string | undefined): text is string => text !== undefined && /^[+-]?[0-9]+$/.test(text);
	return isInteger(actual) && isInteger(bound) && holds(BigInt(actual), BigInt(bound));
}
