/** No two pods of a node share a host port. */
import type { Filter, Rejection } from "../plugin.ts";

const TAKEN: Rejection = { reasons: ["node(s) didn't have free ports for the requested pod ports"], resolvable: true };

export const nodePorts: Filter = ({ scheduling }) => {
	if (scheduling.hostPorts.length === 0) return undefined;
	return (node) => (node.hasPortConflict(scheduling.hostPorts) ? TAKEN : undefined);
};
