/** Prefers nodes with fewer PreferNoSchedule taints that the pod does not tolerate. */
import { scaleByMax, type Scorer } from "../plugin.ts";
import { isTolerated } from "../tolerations.ts";

export const taintTolerationScore: Scorer = ({ pod }, _ledger, feasible) => {
	const preferring = (effect: string): boolean => effect === "PreferNoSchedule";
	if (!feasible.some((node) => node.taints.some((taint) => preferring(taint.effect)))) return undefined;
	const tolerations = (pod.spec?.tolerations ?? []).filter((toleration) => !toleration.effect || preferring(toleration.effect));
	return {
		score: (node) => node.taints.filter((taint) => preferring(taint.effect) && !isTolerated(taint, tolerations)).length,
		normalize: (scores) => scaleByMax(scores, true),
	};
};
