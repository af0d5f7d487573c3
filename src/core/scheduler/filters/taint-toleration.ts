/** NoSchedule and NoExecute taints keep away what does not tolerate them. */
import type { NodeState } from "../node-state.ts";
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";
import type { Toleration } from "../../schema/kubernetes.d.ts";
import { isTolerated } from "../tolerations.ts";

const UNTOLERATED: Rejection = { reasons: ["node(s) had untolerated taint(s)"], resolvable: false };

export const taintToleration: FilterPlugin = {
	name: "TaintToleration",
	filter({ pod }) {
		const tolerations = pod.spec?.tolerations ?? [];
		return (node) => (isRepelling(node, tolerations) ? UNTOLERATED : undefined);
	},
	helps(happening, { pod }) {
		const node = nodeOf(happening, "taints");
		return node !== undefined && !isRepelling(node, pod.spec?.tolerations ?? []);
	},
};

const isRepelling = (node: NodeState, tolerations: readonly Toleration[]): boolean =>
	node.taints.some((taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(taint, tolerations));
