/**
 * A list of all namespaces without pages: the objects' streams are joined one after the other as they are read, so that the
 * front door never holds the list.
 */
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import { inParallel } from "../objects/parallel.ts";
import { ITEM_COUNT_HEADER, ITEMS_ONLY_HEADER, VERSION_HEADER } from "../objects/rpc.ts";
import { highestVersion, LIST_TAIL, listHead } from "./list-part.ts";
import { FAN_OUT, type PartCaller } from "./part-call.ts";

/** One namespace's items, not yet read. */
interface OpenPart {
	namespace: string;
	version: string;
	isEmpty: boolean;
	items: ReadableStream<Uint8Array> | null;
}

const ITEMS_ONLY = { [ITEMS_ONLY_HEADER]: "1" };

const partOf = (namespace: string, { headers, body }: Response): OpenPart => ({
	namespace,
	version: headers.get(VERSION_HEADER) ?? "0",
	isEmpty: headers.get(ITEM_COUNT_HEADER) === "0",
	items: body as ReadableStream<Uint8Array> | null,
});

async function advanced(caller: PartCaller, part: OpenPart, cut: string): Promise<OpenPart> {
	if (Number(part.version) >= Number(cut)) return part;
	const response = await caller.advanced(part.namespace, part.version, cut, ITEMS_ONLY);
	if (response === undefined) return part;
	await part.items?.cancel();
	return partOf(part.namespace, response);
}

/** Writes the list; a client that goes away cancels what was not read. */
async function join(parts: readonly OpenPart[], head: string, writable: WritableStream<Uint8Array>): Promise<void> {
	const encoder = new TextEncoder();
	const write = async (text: string): Promise<void> => {
		const writer = writable.getWriter();
		await writer.write(encoder.encode(text));
		writer.releaseLock();
	};
	const left = parts.filter((part) => !part.isEmpty);
	try {
		await write(head);
		for (let part = left.shift(), isFirst = true; part !== undefined; part = left.shift(), isFirst = false) {
			if (!isFirst) await write(",");
			await part.items?.pipeTo(writable, { preventClose: true });
		}
		await write(LIST_TAIL);
		await writable.close();
	} catch (error) {
		await Promise.allSettled([writable.abort(error), ...left.map((part) => part.items?.cancel())]);
	}
}

/** `exact`: the client pinned the version, so that no object is to advance. @throws PartRefused */
export async function wholeList(caller: PartCaller, namespaces: readonly string[], kind: KindDefinition, exact: boolean): Promise<Response> {
	const first = await inParallel(namespaces, FAN_OUT, async (namespace) => partOf(namespace, await caller.call(namespace, {}, ITEMS_ONLY)));
	const cut = highestVersion(first);
	const parts = exact ? first : await inParallel(first, FAN_OUT, (part) => advanced(caller, part, cut));
	const { readable, writable } = new IdentityTransformStream();
	void join(parts, listHead(kind, cut), writable);
	return new Response(readable);
}
