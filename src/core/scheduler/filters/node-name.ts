/** A pod that names a node goes there or nowhere. */
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";

const OTHER_NODE: Rejection = { reasons: ["node(s) didn't match the requested node name"], resolvable: false };

export const nodeName: FilterPlugin = {
	name: "NodeName",
	filter({ pod }) {
		const wanted = pod.spec?.nodeName;
		return wanted ? (node) => (node.name === wanted ? undefined : OTHER_NODE) : undefined;
	},
	helps: (happening, { pod }) => nodeOf(happening)?.name === pod.spec?.nodeName,
};
