/** Cordoned nodes take only pods that tolerate it. */
import { UNSCHEDULABLE_TAINT } from "../node-state.ts";
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";
import { isTolerated } from "../tolerations.ts";

const CORDONED: Rejection = { reasons: ["node(s) were unschedulable"], resolvable: false };

export const nodeUnschedulable: FilterPlugin = {
	name: "NodeUnschedulable",
	filter({ pod }) {
		if (isTolerated(UNSCHEDULABLE_TAINT, pod.spec?.tolerations ?? [])) return undefined;
		return (node) => (node.unschedulable ? CORDONED : undefined);
	},
	helps: (happening) => nodeOf(happening, "unschedulable")?.unschedulable === false,
};
