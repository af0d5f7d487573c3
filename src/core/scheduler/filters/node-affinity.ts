/** nodeSelector and required node affinity. */
import { requiredNodes } from "../node-selection.ts";
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";

const NOT_SELECTED: Rejection = { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvable: false };

export const nodeAffinity: FilterPlugin = {
	name: "NodeAffinity",
	filter({ pod }) {
		const matches = requiredNodes(pod);
		return matches && ((node) => (matches(node) ? undefined : NOT_SELECTED));
	},
	helps(happening, { pod }) {
		const node = nodeOf(happening, "labels");
		return node !== undefined && (requiredNodes(pod)?.(node) ?? true);
	},
};
