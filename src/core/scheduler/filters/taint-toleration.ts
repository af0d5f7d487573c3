/** NoSchedule and NoExecute taints keep away what does not tolerate them. */
import type { Filter, Rejection } from "../plugin.ts";
import { isTolerated } from "../tolerations.ts";

const UNTOLERATED: Rejection = { reasons: ["node(s) had untolerated taint(s)"], resolvable: false };

export const taintToleration: Filter = ({ pod }) => {
	const tolerations = pod.spec?.tolerations ?? [];
	return (node) => (node.taints.some((taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(taint, tolerations)) ? UNTOLERATED : undefined);
};
