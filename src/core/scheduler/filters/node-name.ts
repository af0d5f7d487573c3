/** A pod that names a node goes there or nowhere. */
import type { Filter, Rejection } from "../plugin.ts";

const OTHER_NODE: Rejection = { reasons: ["node(s) didn't match the requested node name"], resolvable: false };

export const nodeName: Filter = ({ pod }) => {
	const wanted = pod.spec?.nodeName;
	return wanted ? (node) => (node.name === wanted ? undefined : OTHER_NODE) : undefined;
};
