/** Arithmetic over lists of resources (k8s.io/apiserver/pkg/quota/v1). A list holds a quantity by the resource's name. */
import type { Quantities } from "../admission/pod-resources.ts";
import { addQuantities, type Quantity, quantityText, subtractQuantities, ZERO_QUANTITY } from "../quantity/quantity.ts";

const byName = ([a]: [string, Quantity], [b]: [string, Quantity]): number => (a < b ? -1 : 1);

/** As a ResourceList, by name. */
export const writeList = (list: Quantities): Record<string, string> =>
	Object.fromEntries([...list].sort(byName).map(([name, quantity]) => [name, quantityText(quantity)]));

/** As messages print it: `cpu=1,pods=2`. */
export const listText = (list: Quantities): string =>
	[...list]
		.sort(byName)
		.map(([name, quantity]) => `${name}=${quantityText(quantity)}`)
		.join(",");

export function addLists(a: Quantities, b: Quantities): Quantities {
	const sum = new Map(a);
	for (const [name, quantity] of b) sum.set(name, addQuantities(sum.get(name) ?? ZERO_QUANTITY, quantity));
	return sum;
}

export function subtractLists(a: Quantities, b: Quantities): Quantities {
	const difference = new Map(a);
	for (const [name, quantity] of b) difference.set(name, subtractQuantities(difference.get(name) ?? { ...quantity, nano: 0n }, quantity));
	return difference;
}

/** Only these resources. */
export const maskList = (list: Quantities, names: Iterable<string>): Quantities => {
	const wanted = new Set(names);
	return new Map([...list].filter(([name]) => wanted.has(name)));
};

export const withoutZeros = (list: Quantities): Quantities => new Map([...list].filter(([, { nano }]) => nano !== 0n));
/** What may not be negative is nothing. */
export const withoutNegatives = (list: Quantities): Quantities =>
	new Map([...list].map(([name, quantity]) => [name, quantity.nano < 0n ? { ...quantity, nano: 0n } : quantity]));
