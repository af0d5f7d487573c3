/** nodeSelector and required node affinity, the pod's own and what the profile adds. */
import type { NodeAffinityArgs } from "../configuration/plugin-args.ts";
import { requiredNodes, termMatches } from "../node-selection.ts";
import type { NodeState } from "../node-state.ts";
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";

const NOT_SELECTED: Rejection = { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvable: false };
const NOT_OF_PROFILE: Rejection = { reasons: ["node(s) didn't match scheduler-enforced node affinity"], resolvable: false };

export function nodeAffinityWith({ addedAffinity }: NodeAffinityArgs): FilterPlugin {
	const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
	const isOfProfile = (node: NodeState): boolean => added?.some((term) => termMatches(term, node)) ?? true;
	return {
		name: "NodeAffinity",
		filter({ pod }) {
			const matches = requiredNodes(pod);
			if (added === undefined) return matches && ((node) => (matches(node) ? undefined : NOT_SELECTED));
			return (node) => (!isOfProfile(node) ? NOT_OF_PROFILE : (matches?.(node) ?? true) ? undefined : NOT_SELECTED);
		},
		helps(happening, { pod }) {
			const node = nodeOf(happening, "labels");
			return node !== undefined && isOfProfile(node) && (requiredNodes(pod)?.(node) ?? true);
		},
	};
}
