/** Amounts of resources as plain numbers: CPU in thousandths, everything else in its own unit (bytes, pieces). */
import { milliValue, value } from "../quantity/quantity.ts";
import type { Container, Pod, ResourceList } from "../schema/kubernetes.d.ts";

export interface Resources {
	milliCpu: number;
	memoryBytes: number;
	/** ephemeral-storage, hugepages-*, extended resources. */
	other: Record<string, number>;
}

/** What scoring takes a pod to use that asks for nothing, so that such pods do not all land on one node (GetNonzeroRequests). */
const DEFAULT_MILLI_CPU = 100;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;

export const noResources = (): Resources => ({ milliCpu: 0, memoryBytes: 0, other: {} });

export function resourcesOf(list: ResourceList | undefined): Resources {
	const resources = noResources();
	for (const [name, text] of Object.entries(list ?? {})) {
		if (name === "cpu") resources.milliCpu = milliValue(text);
		else if (name === "memory") resources.memoryBytes = value(text);
		else if (name !== "pods") resources.other[name] = value(text);
	}
	return resources;
}

/** Adds `amount` times `sign` to `total`. Mutates `total`. */
export function accumulate(total: Resources, amount: Resources, sign: 1 | -1): void {
	total.milliCpu += sign * amount.milliCpu;
	total.memoryBytes += sign * amount.memoryBytes;
	for (const name in amount.other) total.other[name] = (total.other[name] ?? 0) + sign * (amount.other[name] ?? 0);
}

/** Whether an otherwise empty node of these amounts would do. */
export function fitsInto(requests: Resources, total: Resources): boolean {
	if (requests.milliCpu > total.milliCpu || requests.memoryBytes > total.memoryBytes) return false;
	return Object.entries(requests.other).every(([name, amount]) => amount <= (total.other[name] ?? 0));
}

/** Whether both ask for some of one resource. */
export function sharesResource(a: Resources, b: Resources): boolean {
	if ((a.milliCpu > 0 && b.milliCpu > 0) || (a.memoryBytes > 0 && b.memoryBytes > 0)) return true;
	return Object.entries(a.other).some(([name, amount]) => amount > 0 && (b.other[name] ?? 0) > 0);
}

function larger(a: Resources, b: Resources): Resources {
	const other = { ...a.other };
	for (const [name, amount] of Object.entries(b.other)) other[name] = Math.max(other[name] ?? 0, amount);
	return { milliCpu: Math.max(a.milliCpu, b.milliCpu), memoryBytes: Math.max(a.memoryBytes, b.memoryBytes), other };
}

function sum(a: Resources, b: Resources): Resources {
	const total: Resources = { ...a, other: { ...a.other } };
	accumulate(total, b, 1);
	return total;
}

/**
 * What a pod asks for: the sum of its containers and sidecars, or the most that any step of its initialisation needs at
 * once, whichever is more (resource.PodRequests); amounts given for the whole pod count instead of the containers'.
 */
export function podRequests(pod: Pod): Resources {
	const total = combine(pod, (container) => resourcesOf(container.resources?.requests));
	const whole = resourcesOf(pod.spec?.resources?.requests);
	if (pod.spec?.resources?.requests?.cpu !== undefined) total.milliCpu = whole.milliCpu;
	if (pod.spec?.resources?.requests?.memory !== undefined) total.memoryBytes = whole.memoryBytes;
	Object.assign(total.other, whole.other);
	return sum(total, resourcesOf(pod.spec?.overhead));
}

/** The same for scoring, with a share for containers that ask for no CPU or memory. */
export function podNonZeroRequests(pod: Pod): { milliCpu: number; memoryBytes: number } {
	const total = combine(pod, (container) => {
		const requests = resourcesOf(container.resources?.requests);
		if (container.resources?.requests?.cpu === undefined) requests.milliCpu = DEFAULT_MILLI_CPU;
		if (container.resources?.requests?.memory === undefined) requests.memoryBytes = DEFAULT_MEMORY_BYTES;
		return requests;
	});
	const whole = pod.spec?.resources?.requests ?? {};
	const overhead = resourcesOf(pod.spec?.overhead);
	return {
		milliCpu: (whole.cpu === undefined ? total.milliCpu : resourcesOf(whole).milliCpu) + overhead.milliCpu,
		memoryBytes: (whole.memory === undefined ? total.memoryBytes : resourcesOf(whole).memoryBytes) + overhead.memoryBytes,
	};
}

function combine(pod: Pod, requestsOf: (container: Container) => Resources): Resources {
	let total = (pod.spec?.containers ?? []).map(requestsOf).reduce(sum, noResources());
	let sidecars = noResources();
	let initialising = noResources();
	for (const container of pod.spec?.initContainers ?? []) {
		const requests = requestsOf(container);
		if (container.restartPolicy === "Always") {
			sidecars = sum(sidecars, requests);
			initialising = larger(initialising, sidecars);
		} else {
			initialising = larger(initialising, sum(sidecars, requests));
		}
	}
	total = sum(total, sidecars);
	return larger(total, initialising);
}
