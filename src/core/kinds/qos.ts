/** The quality-of-service class of a pod: pkg/apis/core/helper/qos. */
import { addQuantities, compareQuantities, parseQuantity, type Quantity, ZERO_QUANTITY } from "../quantity/quantity.ts";
import type { Pod, ResourceRequirements } from "../schema/kubernetes.d.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";
const COMPUTE = ["cpu", "memory"] as const;

/** The positive amounts of cpu and memory in a list of resources. */
function computeAmounts(resources: Record<string, string> | undefined): Map<string, Quantity> {
	const found = new Map<string, Quantity>();
	for (const name of COMPUTE) {
		const text = resources?.[name];
		if (text === undefined) continue;
		const amount = parseQuantity(text);
		if (compareQuantities(amount, ZERO_QUANTITY) > 0) found.set(name, amount);
	}
	return found;
}

function addInto(sums: Map<string, Quantity>, amounts: Map<string, Quantity>): void {
	for (const [name, amount] of amounts) sums.set(name, addQuantities(sums.get(name) ?? ZERO_QUANTITY, amount));
}

/** Guaranteed: limits on cpu and memory everywhere, equal to the requests. BestEffort: nothing asked. Else Burstable. */
export function qosClassOf(pod: Pod): QosClass {
	const spec = pod.spec;
	const podLevel = spec?.resources;
	const hasPodLevel = podLevel && (Object.keys(podLevel.requests ?? {}).length > 0 || Object.keys(podLevel.limits ?? {}).length > 0);
	const all: (ResourceRequirements | undefined)[] = hasPodLevel
		? [podLevel]
		: [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map((container) => container.resources);
	const requests = new Map<string, Quantity>();
	const limits = new Map<string, Quantity>();
	let limitedEverywhere = true;
	for (const resources of all) {
		const containerLimits = computeAmounts(resources?.limits);
		addInto(requests, computeAmounts(resources?.requests));
		addInto(limits, containerLimits);
		if (containerLimits.size < COMPUTE.length) limitedEverywhere = false;
	}
	if (requests.size === 0 && limits.size === 0) return "BestEffort";
	const equal = requests.size === limits.size && [...requests].every(([name, amount]) => compareQuantities(amount, limits.get(name) ?? ZERO_QUANTITY) === 0);
	return limitedEverywhere && equal ? "Guaranteed" : "Burstable";
}
