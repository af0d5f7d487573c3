/** What the ledger keeps of one node: what it offers and, in running totals, what its pods take. */
import type { Node, Taint } from "../schema/kubernetes.d.ts";
import { value } from "../quantity/quantity.ts";
import { accumulate, noResources, type Resources, resourcesOf } from "./resources.ts";
import type { HostPort, Placement } from "./scheduling-pod.ts";

/** The taint that stands for spec.unschedulable. */
export const UNSCHEDULABLE_TAINT: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

export class NodeState {
	readonly name: string;
	labels: Readonly<Record<string, string>> = {};
	taints: readonly Taint[] = [];
	unschedulable = false;
	allocatable: Resources = noResources();
	podsMax = 0;
	/** Bytes of each image that the node holds, by name. */
	images: ReadonlyMap<string, number> = new Map();
	readonly requested: Resources = noResources();
	readonly nonZeroRequested = { milliCpu: 0, memoryBytes: 0 };
	readonly placements = new Map<string, Placement>();

	/** Pods that other pods make way for here, by uid: they count for those of no higher priority. */
	readonly nominated = new Map<string, Placement>();

	constructor(name: string) {
		this.name = name;
	}

	/** Takes over what the Node object says. */
	set(node: Node): void {
		this.labels = node.metadata.labels ?? {};
		this.taints = node.spec?.taints ?? [];
		this.unschedulable = node.spec?.unschedulable ?? false;
		this.allocatable = resourcesOf(node.status?.allocatable);
		this.podsMax = value(node.status?.allocatable?.pods ?? "0");
		this.images = new Map((node.status?.images ?? []).flatMap((image) => (image.names ?? []).map((name): [string, number] => [name, image.sizeBytes ?? 0])));
	}

	add(placement: Placement): void {
		this.placements.set(placement.ref.uid, placement);
		this.count(placement, 1);
	}

	remove(placement: Placement): void {
		if (!this.placements.delete(placement.ref.uid)) return;
		this.count(placement, -1);
	}

	private count({ pod }: Placement, sign: 1 | -1): void {
		accumulate(this.requested, pod.requests, sign);
		this.nonZeroRequested.milliCpu += sign * pod.nonZeroRequests.milliCpu;
		this.nonZeroRequested.memoryBytes += sign * pod.nonZeroRequests.memoryBytes;
	}

	hasPortConflict(wanted: readonly HostPort[]): boolean {
		for (const { pod } of this.placements.values()) {
			if (hasPortClash(pod.hostPorts, wanted)) return true;
		}
		return false;
	}
}

export const hasPortClash = (used: readonly HostPort[], wanted: readonly HostPort[]): boolean => used.some((one) => wanted.some((port) => clash(one, port)));

const ANY_ADDRESS = "0.0.0.0";

function clash(a: HostPort, b: HostPort): boolean {
	return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === ANY_ADDRESS || b.ip === ANY_ADDRESS);
}
