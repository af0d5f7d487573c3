/** One namespace's share of a list across namespaces. The items stay text: they are spliced, not parsed. */
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";

export interface ListPart {
	namespace: string;
	version: string;
	/** The namespace's own continue token; "" at its end. */
	continue: string;
	/** The items without the brackets around them. */
	items: string;
	count: number;
}

interface ListJson {
	metadata: { resourceVersion: string; continue?: string };
	items: unknown[];
}

/** An object's list ends with its items, so what stands before them is small and can be parsed alone. */
const ITEMS = '"items":[';

/** How many objects a JSON array's inside holds: commas outside of everything. */
function countItems(items: string): number {
	return items === "" ? 0 : (JSON.parse(`[${items}]`) as unknown[]).length;
}

/** Throws when the text is no list: a fault of the object's. */
export function parseListPart(namespace: string, text: string): ListPart {
	const start = text.indexOf(ITEMS);
	const end = text.lastIndexOf("]");
	if (start === -1 || end < start) throw new Error(`namespace ${namespace} did not answer with a list`);
	const { metadata } = JSON.parse(`${text.slice(0, start)}"items":[]}`) as ListJson;
	const items = text.slice(start + ITEMS.length, end).trim();
	let count: number | undefined;
	return {
		namespace,
		version: metadata.resourceVersion,
		continue: metadata.continue ?? "",
		items,
		// Counted when a page's room is reckoned, never for a whole list.
		get count() {
			count ??= countItems(items);
			return count;
		},
	};
}

/** The list of all parts in order, as the object of one namespace would have answered it. */
export function mergeParts(parts: readonly ListPart[], version: string, next: string, kind: KindDefinition): Response {
	const metadata = { resourceVersion: version, ...(next === "" ? {} : { continue: next }) };
	const head = JSON.stringify({ kind: kind.listKind ?? `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata });
	const texts = parts.filter((part) => part.items !== "").map((part) => part.items);
	return new Response(streamOf([`${head.slice(0, -1)},"items":[`, ...texts.flatMap((text, at) => (at === 0 ? [text] : [",", text])), "]}\n"]));
}

function streamOf(texts: readonly string[]): ReadableStream<Uint8Array> {
	const encoder = new TextEncoder();
	let at = 0;
	return new ReadableStream<Uint8Array>({
		pull(controller) {
			const text = texts[at++];
			if (text === undefined) controller.close();
			else controller.enqueue(encoder.encode(text));
		},
	});
}
