/**
 * How fast nodes that are not ready may lose their pods (node-lifecycle-controller's zones). When a whole cluster falls
 * silent it is rather the control plane that is cut off: then nothing is evicted.
 */
import type { Node } from "../schema/kubernetes.d.ts";
import { labelsOf } from "./identity.ts";

/** Seconds between two nodes of a zone: --node-eviction-rate, --secondary-node-eviction-rate. */
const PERIOD_SECONDS = 10;
const SECONDARY_PERIOD_SECONDS = 100;
/** --unhealthy-zone-threshold */
const UNHEALTHY_SHARE = 0.55;
/** So many nodes may be not ready before a zone counts as unhealthy. */
const NOT_READY_MAX = 2;
/** Smaller zones that are unhealthy evict nothing at all (--large-cluster-size-threshold). */
const LARGE_ZONE = 50;

export const zoneOf = (node: Node): string => `${labelsOf(node)["topology.kubernetes.io/region"] ?? ""}:${labelsOf(node)["topology.kubernetes.io/zone"] ?? ""}`;
export const isNodeReady = (node: Node): boolean => node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

export type Disruption =
	/** Nothing in any zone is ready: taints that evict are taken back. */
	| { everywhere: true }
	/** The least time between two nodes of the zone, in milliseconds; undefined for never. */
	| { everywhere: false; periodMs?: number };

/** What holds for the zone of one of the nodes. */
export function disruptionOf(zone: string, nodes: readonly Node[]): Disruption {
	const zones = Map.groupBy(nodes, zoneOf);
	const isFull = (members: readonly Node[]): boolean => !members.some(isNodeReady);
	if ([...zones.values()].every(isFull)) return { everywhere: true };
	const members = zones.get(zone) ?? [];
	const notReady = members.filter((node) => !isNodeReady(node)).length;
	const isPartial = notReady > NOT_READY_MAX && notReady / members.length >= UNHEALTHY_SHARE && !isFull(members);
	if (!isPartial) return { everywhere: false, periodMs: PERIOD_SECONDS * 1000 };
	return members.length > LARGE_ZONE ? { everywhere: false, periodMs: SECONDARY_PERIOD_SECONDS * 1000 } : { everywhere: false };
}
