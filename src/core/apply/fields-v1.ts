/**
 * Sets of field paths in the form of FieldsV1 (sigs.k8s.io/structured-merge-diff fieldpath), worked on as they are: an
 * object whose keys are path elements (`f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`). A node with "." or without children
 * is itself in the set. Nodes are never changed once they are made; an empty set is `undefined`.
 */

export interface FieldSet {
	readonly [element: string]: FieldSet;
}

type Building = Record<string, FieldSet>;

/** The path that is in the set and has nothing below it. */
export const LEAF: FieldSet = Object.freeze({});
const SELF = ".";

export const fieldElement = (name: string): string => `f:${name}`;
export const valueElement = (value: unknown): string => `v:${JSON.stringify(value)}`;
export const indexElement = (index: number): string => `i:${index}`;

/** The element of a list item by its keys; names are sorted, as FieldsV1 has them. */
export function keyElement(keys: readonly (readonly [string, unknown])[]): string {
	const sorted = [...keys].sort((a, b) => (a[0] < b[0] ? -1 : 1));
	return `k:{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
}

function hasKeys(node: object): boolean {
	for (const _ in node) return true;
	return false;
}

/** Whether the node's own path is in the set. */
export const isMember = (node: FieldSet): boolean => SELF in node || !hasKeys(node);

/** A node from its own membership and its children; undefined when that leaves nothing. */
export function makeNode(member: boolean, children: Building): FieldSet | undefined {
	if (!hasKeys(children)) return member ? LEAF : undefined;
	return member ? { [SELF]: LEAF, ...children } : children;
}

/** The children's elements, without the node's own mark. */
export const elementsOf = (node: FieldSet): string[] => Object.keys(node).filter((element) => element !== SELF);

export function union(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
	if (a === undefined || a === b) return b;
	if (b === undefined) return a;
	const children: Building = {};
	for (const element in a) if (element !== SELF) children[element] = a[element] as FieldSet;
	for (const element in b) if (element !== SELF) children[element] = union(children[element], b[element]) as FieldSet;
	return makeNode(isMember(a) || isMember(b), children);
}

/** What is in `a` and not in `b`, path by path. `a` itself when nothing goes. Both are roots: a root is no member. */
export function difference(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
	if (a === undefined || b === undefined) return a;
	let changed = isMember(a) && isMember(b);
	const member = isMember(a) && !isMember(b);
	const children: Building = {};
	for (const element in a) {
		if (element === SELF) continue;
		const child = a[element] as FieldSet;
		const rest = difference(child, b[element]);
		if (rest !== child) changed = true;
		if (rest !== undefined) children[element] = rest;
	}
	return changed ? makeNode(member, children) : a;
}

export function intersection(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
	if (a === undefined || b === undefined) return undefined;
	const children: Building = {};
	for (const element in a) {
		if (element === SELF) continue;
		const shared = intersection(a[element], b[element]);
		if (shared !== undefined) children[element] = shared;
	}
	return makeNode(isMember(a) && isMember(b), children);
}

/** Takes out each member of `b` with everything below it. */
export function recursiveDifference(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
	if (a === undefined || b === undefined) return a;
	if (isMember(b)) return undefined;
	const children: Building = {};
	let changed = false;
	for (const element in a) {
		if (element === SELF) continue;
		const child = a[element] as FieldSet;
		const rest = recursiveDifference(child, b[element]);
		if (rest !== child) changed = true;
		if (rest !== undefined) children[element] = rest;
	}
	return changed ? makeNode(isMember(a), children) : a;
}

/** Every path of the set, as its elements. */
export function pathsOf(set: FieldSet, prefix: readonly string[] = []): string[][] {
	const paths: string[][] = prefix.length > 0 && isMember(set) ? [[...prefix]] : [];
	for (const element of elementsOf(set).sort(compareElements)) paths.push(...pathsOf(set[element] as FieldSet, [...prefix, element]));
	return paths;
}

function quotedPairs(text: string): string {
	return Object.entries(JSON.parse(text) as Record<string, unknown>)
		.map(([name, value]) => `${name}=${JSON.stringify(value)}`)
		.join(",");
}

/** A path as messages have it: `.spec.containers[name="app"].image`. */
export function pathText(path: readonly string[]): string {
	return path
		.map((element) => {
			const rest = element.slice(2);
			if (element.startsWith("f:")) return `.${rest}`;
			if (element.startsWith("k:")) return `[${quotedPairs(rest)}]`;
			return element.startsWith("v:") ? `[=${rest}]` : `[${rest}]`;
		})
		.join("");
}

function compareValues(a: unknown, b: unknown): number {
	if (typeof a === "number" && typeof b === "number") return a - b;
	const [left, right] = typeof a === typeof b ? [String(a), String(b)] : [typeof a, typeof b];
	return left < right ? -1 : left > right ? 1 : 0;
}

/** The order in which upstream writes path elements: numbers among keys by their value. */
export function compareElements(a: string, b: string): number {
	if (a[0] === b[0] && (a[0] === "k" || a[0] === "v" || a[0] === "i")) {
		const [left, right] = [JSON.parse(a.slice(2)), JSON.parse(b.slice(2))] as unknown[];
		if (a[0] !== "k") return compareValues(left, right);
		const [leftPairs, rightPairs] = [Object.entries(left as object), Object.entries(right as object)];
		for (let i = 0; i < Math.min(leftPairs.length, rightPairs.length); i++) {
			const order = compareValues(leftPairs[i]?.[0], rightPairs[i]?.[0]) || compareValues(leftPairs[i]?.[1], rightPairs[i]?.[1]);
			if (order !== 0) return order;
		}
		return leftPairs.length - rightPairs.length;
	}
	return a < b ? -1 : a > b ? 1 : 0;
}

/** The set with its elements in upstream's order, for writing it out. */
export function sortedSet(set: FieldSet): FieldSet {
	const elements = Object.keys(set);
	if (elements.length === 0) return set;
	if (elements.length > 1) elements.sort(compareElements);
	const sorted: Building = {};
	for (const element of elements) sorted[element] = sortedSet(set[element] as FieldSet);
	return sorted;
}

/** Whether a set's JSON form holds no path. */
export const isEmptySet = (set: FieldSet): boolean => !hasKeys(set);

/** Whether a value that a client sent is a well-formed FieldsV1. */
export function isFieldSet(node: unknown): node is FieldSet {
	if (typeof node !== "object" || node === null || Array.isArray(node)) return false;
	for (const element in node) {
		if (element !== SELF && !isElement(element)) return false;
		if (!isFieldSet((node as Record<string, unknown>)[element])) return false;
	}
	return true;
}

function isElement(element: string): boolean {
	if (element.startsWith("f:")) return true;
	if (!/^[kvi]:/.test(element)) return false;
	try {
		const value: unknown = JSON.parse(element.slice(2));
		return element[0] !== "k" || (typeof value === "object" && value !== null && !Array.isArray(value));
	} catch {
		return false;
	}
}
