/** nodeSelector and required node affinity. */
import { requiredNodes } from "../node-selection.ts";
import type { Filter, Rejection } from "../plugin.ts";

const NOT_SELECTED: Rejection = { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvable: false };

export const nodeAffinity: Filter = ({ pod }) => {
	const matches = requiredNodes(pod);
	return matches && ((node) => (matches(node) ? undefined : NOT_SELECTED));
};
