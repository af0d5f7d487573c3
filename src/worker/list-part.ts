/** One namespace's share of a list across namespaces. The items stay text: they are spliced, not parsed. */
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import { RESUME_OVERLAP_MS, revisionAt } from "../store/revision-clock.ts";

export interface ListPart {
	namespace: string;
	version: string;
	/** The namespace's own continue token; "" at its end. */
	continue: string;
	/** The items without the brackets around them, in UTF-8. */
	items: Uint8Array;
	count: number;
}

interface ListJson {
	metadata: { resourceVersion: string; continue?: string };
	items: unknown[];
}

/** An object's list ends with its items, so what stands before them is small and can be parsed alone. */
const ITEMS = '"items":[';
/** More than what stands before the items ever takes. */
const HEAD_BYTES_MAX = 16 * 1024;
const CLOSING_BRACKET = 0x5d;
/** workerd takes a copy of each write: with one of 10 MB that was half of what such a list cost. */
const WRITE_BYTES_MAX = 256 * 1024;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** How many objects a JSON array's inside holds: commas outside of everything. */
function countItems(items: Uint8Array): number {
	return items.length === 0 ? 0 : (JSON.parse(`[${decoder.decode(items)}]`) as unknown[]).length;
}

/** `list`: an object's answer. Throws when it is no list: a fault of the object's. */
export function parseListPart(namespace: string, list: Uint8Array): ListPart {
	// All of it ASCII: kinds, versions and a token in base64.
	const head = decoder.decode(list.subarray(0, HEAD_BYTES_MAX));
	const start = head.indexOf(ITEMS);
	const end = list.lastIndexOf(CLOSING_BRACKET);
	if (start === -1 || end < start) throw new Error(`namespace ${namespace} did not answer with a list`);
	const { metadata } = JSON.parse(`${head.slice(0, start)}"items":[]}`) as ListJson;
	const items = list.subarray(start + ITEMS.length, end);
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

/** The version of the cut that the parts make. */
export function highestVersion(parts: readonly Pick<ListPart, "version">[]): string {
	// Where there is no namespace yet, any cut in the recent past is exact.
	if (parts.length === 0) return String(revisionAt(Date.now() - RESUME_OVERLAP_MS));
	return parts.reduce((highest, part) => (Number(part.version) > Number(highest) ? part.version : highest), "0");
}

/** The list's text up to its first item. */
export function listHead(kind: KindDefinition, version: string, next = ""): string {
	const metadata = { resourceVersion: version, ...(next === "" ? {} : { continue: next }) };
	const head = JSON.stringify({ kind: kind.listKind ?? `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata });
	return `${head.slice(0, -1)},"items":[`;
}

/** The list's text after its last item. */
export const LIST_TAIL = "]}\n";

/** The list of all parts in order, as the object of one namespace would have answered it. */
export function mergeParts(parts: readonly ListPart[], version: string, next: string, kind: KindDefinition): Response {
	const items = parts.filter((part) => part.items.length > 0).map((part) => part.items);
	return new Response(streamOf([listHead(kind, version, next), ...items.flatMap((part, at) => (at === 0 ? [part] : [",", part])), LIST_TAIL]));
}

/** The pieces in writes of a bounded size. */
function* writesOf(pieces: readonly (string | Uint8Array)[]): Generator<Uint8Array> {
	for (const piece of pieces) {
		const bytes = typeof piece === "string" ? encoder.encode(piece) : piece;
		for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) yield bytes.subarray(at, at + WRITE_BYTES_MAX);
	}
}

function streamOf(pieces: readonly (string | Uint8Array)[]): ReadableStream<Uint8Array> {
	const writes = writesOf(pieces);
	return new ReadableStream<Uint8Array>({
		pull(controller) {
			const { value, done } = writes.next();
			if (done) controller.close();
			else controller.enqueue(value);
		},
	});
}
