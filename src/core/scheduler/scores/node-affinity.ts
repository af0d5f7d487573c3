/** Preferred node affinity. */
import { termMatches } from "../node-selection.ts";
import { scaleByMax, type Scorer } from "../plugin.ts";

export const nodeAffinityScore: Scorer = ({ pod }) => {
	const terms = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
	if (terms.length === 0) return undefined;
	return {
		score: (node) => terms.reduce((sum, { weight, preference }) => sum + (termMatches(preference, node) ? weight : 0), 0),
		normalize: (scores) => scaleByMax(scores),
	};
};
