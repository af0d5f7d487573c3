/** Preferred node affinity, the pod's own and what the profile adds. */
import type { NodeAffinityArgs } from "../configuration/plugin-args.ts";
import { termMatches } from "../node-selection.ts";
import { scaleByMax, type Scorer } from "../plugin.ts";

export function nodeAffinityScoreWith({ addedAffinity }: NodeAffinityArgs): Scorer {
	const added = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
	return ({ pod }) => {
		const terms = [...added, ...(pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])];
		if (terms.length === 0) return undefined;
		return {
			score: (node) => terms.reduce((sum, { weight, preference }) => sum + (termMatches(preference, node) ? weight : 0), 0),
			normalize: (scores) => scaleByMax(scores),
		};
	};
}
