/** What a whole pod requests and is limited to (component-helpers resource.PodRequests, PodLimits). */
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from "../quantity/quantity.ts";
import type { Container, PodSpec } from "../schema/kubernetes.d.ts";

export type Quantities = Map<string, Quantity>;

export const quantitiesOf = (list: Readonly<Record<string, string>> | undefined): Quantities =>
	new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));

function add(target: Quantities, more: Quantities): void {
	for (const [name, quantity] of more) {
		const had = target.get(name);
		target.set(name, had === undefined ? quantity : addQuantities(had, quantity));
	}
}

function raise(target: Quantities, to: Quantities): void {
	for (const [name, quantity] of to) {
		const had = target.get(name);
		if (had === undefined || compareQuantities(quantity, had) > 0) target.set(name, quantity);
	}
}

/**
 * Containers and sidecars run together, the other init containers one after another beside the sidecars started before
 * them; the larger of both counts. Resources of the whole pod replace the sum, and overhead comes on top.
 */
export function podQuantities(spec: PodSpec, which: "requests" | "limits"): Quantities {
	const of = (container: Container): Quantities => quantitiesOf(container.resources?.[which]);
	const total: Quantities = new Map();
	for (const container of spec.containers) add(total, of(container));
	const sidecars: Quantities = new Map();
	const starting: Quantities = new Map();
	for (const container of spec.initContainers ?? []) {
		if (container.restartPolicy === "Always") {
			add(total, of(container));
			add(sidecars, of(container));
			raise(starting, sidecars);
		} else {
			const beside = new Map(sidecars);
			add(beside, of(container));
			raise(starting, beside);
		}
	}
	raise(total, starting);
	for (const [name, quantity] of quantitiesOf(spec.resources?.[which])) total.set(name, quantity);
	const overhead = quantitiesOf(spec.overhead);
	// A limit that is not set stays unlimited.
	if (which === "limits") for (const name of overhead.keys()) if (!total.has(name)) overhead.delete(name);
	add(total, overhead);
	return total;
}
