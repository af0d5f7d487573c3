/**
 * JSON Patch (RFC 6902), all or nothing, with the answers of the API server: what does not parse is a 400, what does not
 * apply a 422, and too many operations a 413. As upstream, a negative array index counts from the end.
 */
import { badRequest, StatusError } from "../errors/status-error.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import { jsonEqual } from "../meta/equality.ts";
import { setMember } from "./json-member.ts";

/** maxJSONPatchOperations upstream. */
export const JSON_PATCH_OPERATIONS_MAX = 10_000;
/** How much `copy` may add up to, in characters of JSON text (upstream: three times a request body's limit, in bytes). */
export const JSON_PATCH_COPIED_CHARACTERS_MAX = 9 * 1024 * 1024;

/** Why an operation could not be applied: for the log, since upstream does not tell the client. */
class PatchFailure extends Error {
	override readonly name = "PatchFailure";
}

/** The root of the document is held in a box, so that replacing it is an ordinary change of a member. */
interface Box {
	"": Json | undefined;
}

type Container = Json[] | JsonObject;

const isContainer = (value: Json | undefined): value is Container => typeof value === "object" && value !== null;

function segmentsOf(pointer: unknown, what: string): string[] {
	if (typeof pointer !== "string") throw new PatchFailure(`missing operation ${what} field`);
	if (pointer === "") return [];
	if (!pointer.startsWith("/")) throw new PatchFailure(`${what} ${JSON.stringify(pointer)} does not start with a slash`);
	return pointer
		.slice(1)
		.split("/")
		.map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The index that a segment names in an array of `length` elements; `length` itself only where an insertion may go. */
function indexOf(segment: string, length: number, inserting: boolean): number {
	if (inserting && segment === "-") return length;
	if (!/^(0|-?[1-9][0-9]*)$/.test(segment)) throw new PatchFailure(`invalid array index ${JSON.stringify(segment)}`);
	const limit = inserting ? length + 1 : length;
	const given = Number(segment);
	const index = given < 0 ? given + limit : given;
	if (index < 0 || index >= limit) throw new PatchFailure(`array index out of bounds: ${segment}`);
	return index;
}

function member(container: Container, segment: string): Json | undefined {
	if (Array.isArray(container)) return container[indexOf(segment, container.length, false)];
	return Object.hasOwn(container, segment) ? container[segment] : undefined;
}

/** Applies the operations to a document that it owns. */
class Patcher {
	private readonly box: Box;
	/** Containers that this patch has made or copied, which it may change in place. */
	private readonly owned = new WeakSet<object>();
	private copiedCharacters = 0;

	constructor(document: Json) {
		this.box = { "": document };
	}

	get document(): Json {
		return this.box[""] as Json;
	}

	/** A container that may be changed in place: itself or a shallow copy, put where the original was. */
	private own(container: Container, replace: (copy: Container) => void): Container {
		if (this.owned.has(container)) return container;
		const copy = Array.isArray(container) ? [...container] : { ...container };
		this.owned.add(copy);
		replace(copy);
		return copy;
	}

	private get(segments: readonly string[]): Json | undefined {
		let at: Json | undefined = this.box[""];
		for (const segment of segments) {
			if (!isContainer(at)) throw new PatchFailure(`missing path /${segments.join("/")}`);
			at = member(at, segment);
		}
		return at;
	}

	/** The container that holds the last segment, made ready for a change. */
	private parent(segments: readonly string[]): Container {
		const root = this.box[""];
		if (!isContainer(root)) throw new PatchFailure("the document is no object or array");
		let at = this.own(root, (copy) => {
			this.box[""] = copy;
		});
		for (const segment of segments.slice(0, -1)) {
			const next = member(at, segment);
			if (!isContainer(next)) throw new PatchFailure(`missing path /${segments.join("/")}`);
			const holder = at;
			at = this.own(next, (copy) => {
				if (Array.isArray(holder)) holder[indexOf(segment, holder.length, false)] = copy;
				else setMember(holder, segment, copy);
			});
		}
		return at;
	}

	add(segments: readonly string[], value: Json): void {
		if (segments.length === 0) {
			this.box[""] = value;
			return;
		}
		const parent = this.parent(segments);
		const last = segments[segments.length - 1] as string;
		if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length, true), 0, value);
		else setMember(parent, last, value);
	}

	remove(segments: readonly string[]): void {
		if (segments.length === 0) throw new PatchFailure("the whole document cannot be removed");
		const parent = this.parent(segments);
		const last = segments[segments.length - 1] as string;
		if (Array.isArray(parent)) {
			parent.splice(indexOf(last, parent.length, false), 1);
		} else {
			if (!Object.hasOwn(parent, last)) throw new PatchFailure(`unable to remove nonexistent key: ${last}`);
			delete parent[last];
		}
	}

	replace(segments: readonly string[], value: Json): void {
		if (segments.length === 0) {
			this.box[""] = value;
			return;
		}
		const parent = this.parent(segments);
		const last = segments[segments.length - 1] as string;
		if (Array.isArray(parent)) {
			parent[indexOf(last, parent.length, false)] = value;
		} else {
			if (!Object.hasOwn(parent, last)) throw new PatchFailure(`missing key: ${last}`);
			setMember(parent, last, value);
		}
	}

	move(from: readonly string[], to: readonly string[]): void {
		if (to.length > from.length && from.every((segment, i) => to[i] === segment)) throw new PatchFailure("a value cannot be moved into itself");
		const value = this.get(from);
		if (value === undefined) throw new PatchFailure(`missing path /${from.join("/")}`);
		if (from.length === 0) return;
		this.remove(from);
		this.add(to, value);
	}

	copy(from: readonly string[], to: readonly string[]): void {
		const value = this.get(from);
		if (value === undefined) throw new PatchFailure(`missing path /${from.join("/")}`);
		const text = JSON.stringify(value);
		this.copiedCharacters += text.length;
		if (this.copiedCharacters > JSON_PATCH_COPIED_CHARACTERS_MAX) throw new PatchFailure("the copies of this patch are too large");
		this.add(to, JSON.parse(text) as Json);
	}

	/** As upstream, what is missing equals null. */
	test(segments: readonly string[], expected: Json): void {
		const actual = this.get(segments);
		if (!jsonEqual(actual ?? null, expected)) throw new PatchFailure(`testing value /${segments.join("/")} failed`);
	}
}

function applyOperation(patcher: Patcher, operation: JsonObject): void {
	const segments = segmentsOf(operation["path"], "path");
	const source = (): string[] => segmentsOf(operation["from"], "from");
	const value = (): Json => {
		if (!Object.hasOwn(operation, "value")) throw new PatchFailure("missing operation value field");
		return operation["value"] as Json;
	};
	const { op } = operation;
	if (op === "add") patcher.add(segments, value());
	else if (op === "remove") patcher.remove(segments);
	else if (op === "replace") patcher.replace(segments, value());
	else if (op === "move") patcher.move(source(), segments);
	else if (op === "copy") patcher.copy(source(), segments);
	else if (op === "test") patcher.test(segments, value());
	else throw new PatchFailure(`unexpected kind: ${JSON.stringify(op)}`);
}

/**
 * Applies the operations in order to a copy; `document` and `patch` stay as they are. Throws a StatusError: 400 when the
 * patch is no list of operations, 413 above JSON_PATCH_OPERATIONS_MAX, 422 when an operation does not apply.
 */
export function applyJsonPatch(document: JsonObject, patch: Json): JsonObject {
	if (!Array.isArray(patch)) throw badRequest(`json: cannot unmarshal ${goKind(patch)} into Go value of type jsonpatch.Patch`);
	const wrong = patch.find((operation) => !isContainer(operation) || Array.isArray(operation));
	if (wrong !== undefined) throw badRequest(`json: cannot unmarshal ${goKind(wrong)} into Go value of type jsonpatch.Operation`);
	if (patch.length > JSON_PATCH_OPERATIONS_MAX) {
		const message = `The allowed maximum operations in a JSON patch is ${JSON_PATCH_OPERATIONS_MAX}, got ${patch.length}`;
		throw new StatusError(413, "RequestEntityTooLarge", `Request entity too large: ${message}`);
	}
	try {
		const patcher = new Patcher(document);
		for (const operation of patch) applyOperation(patcher, operation as JsonObject);
		if (!isContainer(patcher.document) || Array.isArray(patcher.document)) throw new PatchFailure("the patched document is no object");
		return patcher.document;
	} catch (error) {
		if (error instanceof PatchFailure) throw unprocessablePatch(error);
		throw error;
	}
}

/** The 422 that says no more than upstream's NewGenericServerResponse does. */
export const unprocessablePatch = (cause: Error): StatusError =>
	new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {}, { cause });

/** A JSON value's kind in the words of encoding/json. */
export function goKind(value: Json | undefined): string {
	if (value === null || value === undefined) return "null";
	if (Array.isArray(value)) return "array";
	return typeof value === "boolean" ? "bool" : typeof value;
}
