/** Whether what pods ask for fits on this node: kubelet's own admission (lifecycle/predicate.go) and its answer to a resize. Pure. */
import { podRequests, resourcesOf } from "../core/scheduler/resources.ts";
import type { Pod } from "../core/schema/kubernetes.d.ts";

/** A resource of which there is not enough; CPU in thousandths. */
interface Shortage {
	resource: string;
	requested: number;
	used: number;
	capacity: number;
}

type Amounts = Readonly<Record<string, number>>;

function amountsOf({ milliCpu, memoryBytes, other }: ReturnType<typeof podRequests>): Amounts {
	return { cpu: milliCpu, memory: memoryBytes, ...other };
}

/** Every pod takes one of the places. */
const demandOf = (pod: Pod): Amounts => ({ pods: 1, ...amountsOf(podRequests(pod)) });

function capacityOf(allocatable: Readonly<Record<string, string>>): Amounts {
	return { pods: Number(allocatable.pods ?? 0), ...amountsOf(resourcesOf(allocatable)) };
}

/** What the node has nothing of (a device that went) is not asked for: the pod then fails where it is used. */
function shortage(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): Shortage | undefined {
	const capacities = capacityOf(allocatable);
	const used: Record<string, number> = {};
	for (const other of others) for (const [resource, amount] of Object.entries(demandOf(other))) used[resource] = (used[resource] ?? 0) + amount;
	for (const [resource, requested] of Object.entries(demandOf(pod))) {
		const capacity = capacities[resource];
		if (capacity === undefined || requested === 0) continue;
		if (requested + (used[resource] ?? 0) > capacity) return { resource, requested, used: used[resource] ?? 0, capacity };
	}
	return undefined;
}

const shortageText = ({ resource, requested, used, capacity }: Shortage): string =>
	`Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;

/** Of a pod that is new here. Nothing is said before the node knows what it has. */
export function admitByCapacity(
	pod: Pod,
	others: readonly Pod[],
	allocatable: Readonly<Record<string, string>>,
): { reason: string; message: string } | undefined {
	const lacking = allocatable.cpu === undefined ? undefined : shortage(pod, others, allocatable);
	return lacking && { reason: `OutOf${lacking.resource}`, message: shortageText(lacking) };
}

export interface ResizeRefusal {
	reason: "Deferred" | "Infeasible";
	message: string;
}

/** Infeasible is what the node could not hold if it were empty; what it cannot hold now may come true later. */
export function refuseResize(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): ResizeRefusal | undefined {
	if (allocatable.cpu === undefined) return { reason: "Deferred", message: "the node's resources are not known yet" };
	const demand = demandOf(pod);
	const capacities = capacityOf(allocatable);
	for (const resource of ["memory", "cpu"]) {
		const [requested = 0, capacity = 0] = [demand[resource], capacities[resource]];
		if (requested <= capacity) continue;
		return { reason: "Infeasible", message: `Node didn't have enough capacity: ${resource}, requested: ${requested}, capacity: ${capacity}` };
	}
	const lacking = shortage(pod, others, allocatable);
	return lacking && { reason: "Deferred", message: shortageText(lacking) };
}
