/** The order of merged lists, and what a patch's list directives ask of it (strategicpatch's list half). */
import { isJsonObject, type Json } from "../meta/object.ts";
import { goKind } from "./json-patch.ts";
import { badSetOrder, goText, listOfLists, noMergeKey, PATCH_DIRECTIVE, plainPatchError } from "./strategic-schema.ts";

/** Whether the elements of both lists are objects; they must all be of one kind, and no lists. */
export function elementsAreObjects(...lists: readonly Json[][]): boolean {
	let kind: string | undefined;
	for (const element of lists.flat()) {
		const current = goKind(element);
		if (current === "array") throw listOfLists();
		if (kind !== undefined && kind !== current) {
			throw plainPatchError(`list element types are not identical: ${[...new Set([kind, current])].join(", ")}`);
		}
		kind = current;
	}
	return kind === "object";
}

/** What makes two elements the same one: their merge key or, without one, their value. */
export function identityOf(element: Json, mergeKey: string): string {
	if (mergeKey === "") return JSON.stringify(element);
	if (!isJsonObject(element)) throw plainPatchError(`expected a map, but received a ${goKind(element)}`);
	return JSON.stringify(element[mergeKey]) ?? "";
}

/** Where each identity first stands in the list. */
export function placesOf(list: readonly Json[], mergeKey: string): Map<string, number> {
	const places = new Map<string, number>();
	list.forEach((element, index) => {
		const identity = identityOf(element, mergeKey);
		if (!places.has(identity)) places.set(identity, index);
	});
	return places;
}

const isDeletion = (element: Json): boolean => isJsonObject(element) && element[PATCH_DIRECTIVE] === "delete";

function requireKeys(lists: readonly (readonly Json[])[], mergeKey: string): void {
	for (const list of lists) {
		for (const element of list) {
			if (!isJsonObject(element) || !Object.hasOwn(element, mergeKey)) throw noMergeKey(isJsonObject(element) ? element : {}, mergeKey);
		}
	}
}

/** Elements named in `order` go by it; the others stay where they stood among themselves. */
function sorted(elements: Json[], order: readonly Json[], places: ReadonlyMap<string, number>, mergeKey: string): Json[] {
	if (mergeKey !== "") requireKeys([elements, order], mergeKey);
	const placed = elements.filter((e) => !isDeletion(e)).map((element) => ({ element, at: places.get(identityOf(element, mergeKey)) }));
	placed.sort((a, b) => (a.at !== undefined && b.at !== undefined ? a.at - b.at : 0));
	return [...placed.map((entry) => entry.element), ...elements.filter(isDeletion)];
}

/**
 * Joins what the patch speaks of, in `patchOrder`, with what only the server has, in `serverOrder`: where both lists of
 * names know the two elements in question the server's order decides, else the patch's element goes first.
 */
export function inOrder(merged: readonly Json[], patchOrder: readonly Json[], serverOrder: readonly Json[], mergeKey: string): Json[] {
	const patchPlaces = placesOf(patchOrder, mergeKey);
	const serverPlaces = placesOf(serverOrder, mergeKey);
	const isPatched = (element: Json): boolean => patchPlaces.has(identityOf(element, mergeKey));
	const notPatched = merged.filter((element) => !isPatched(element));
	const fromPatch = sorted(merged.filter(isPatched), patchOrder, patchPlaces, mergeKey);
	const fromServer = sorted(notPatched, serverOrder, serverPlaces, mergeKey);
	const result: Json[] = [];
	let server = 0;
	let patch = 0;
	while (server < fromServer.length && patch < fromPatch.length) {
		const serverAt = serverPlaces.get(identityOf(fromServer[server] as Json, mergeKey));
		const patchAt = serverPlaces.get(identityOf(fromPatch[patch] as Json, mergeKey));
		if (serverAt !== undefined && patchAt !== undefined && serverAt < patchAt) result.push(fromServer[server++] as Json);
		else result.push(fromPatch[patch++] as Json);
	}
	return [...result, ...fromServer.slice(server), ...fromPatch.slice(patch)];
}

/** Merges lists of scalars: without duplicates, first come first kept. */
export function uniqueScalars(list: readonly Json[]): Json[] {
	return [...new Set(list)];
}

/** Every patched element must be named in the order list, in the same relative order. Throws otherwise. */
export function checkSetOrder(patchList: readonly Json[], order: Json | undefined, mergeKey: string): void {
	if (!Array.isArray(order)) throw badSetOrder();
	if (order.length === 0 || patchList.length === 0) return;
	const kept = mergeKey === "" ? patchList : patchList.filter((element) => !isDeletion(element));
	let matched = 0;
	for (const name of order) {
		if (matched === kept.length) break;
		if (identityOf(name, mergeKey) === identityOf(kept[matched] as Json, mergeKey)) matched++;
	}
	if (matched < kept.length) {
		throw plainPatchError(`The order in patch list:\n${goText([...patchList])}\n doesn't match $setElementOrder list:\n${goText(order)}\n`);
	}
}
