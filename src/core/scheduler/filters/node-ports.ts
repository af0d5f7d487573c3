/** No two pods of a node share a host port. */
import { hasPortClash } from "../node-state.ts";
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";

const TAKEN: Rejection = { reasons: ["node(s) didn't have free ports for the requested pod ports"], resolvable: true };

export const nodePorts: FilterPlugin = {
	name: "NodePorts",
	filter({ scheduling }) {
		if (scheduling.hostPorts.length === 0) return undefined;
		return (node) => (node.hasPortConflict(scheduling.hostPorts) ? TAKEN : undefined);
	},
	helps(happening, { scheduling }) {
		if (happening.type === "podRemoved") return hasPortClash(happening.placement.pod.hostPorts, scheduling.hostPorts);
		return nodeOf(happening) !== undefined;
	},
};
