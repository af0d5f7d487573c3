/**
 * A list across namespaces is a consistent cut: every Namespace object is asked in parallel, the highest version among
 * the answers is the cut, and each object behind it is advanced to it and asked whether anything changed. A whole list streams
 * through (whole-list.ts); pages walk the namespaces in order of name at the cut, which their continue token carries.
 */
import type { ApiRequest } from "../core/api/request.ts";
import { badRequest, StatusError } from "../core/errors/status-error.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject } from "../objects/addresses.ts";
import { inParallel } from "../objects/parallel.ts";
import { AT_LEAST_HEADER } from "../objects/rpc.ts";
import { highestVersion, type ListPart, mergeParts, parseListPart } from "./list-part.ts";
import { FAN_OUT, PartCaller, PartRefused } from "./part-call.ts";
import { wholeList } from "./whole-list.ts";

interface Position {
	/** The cut all pages are of. */
	version: string;
	/** Where to go on: this namespace, at its own continue token ("" for its beginning). */
	namespace: string;
	inner: string;
}

const TOKEN_FORMAT = "petrel.dev/all-namespaces/v1";

export function encodePosition(position: Position): string {
	const text = JSON.stringify({ format: TOKEN_FORMAT, ...position });
	return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @throws StatusError 400 for what `encodePosition` did not make. */
export function decodePosition(token: string): Position {
	try {
		const { format, version, namespace, inner } = JSON.parse(atob(token.replaceAll("-", "+").replaceAll("_", "/"))) as Position & { format: string };
		if (format === TOKEN_FORMAT && /^\d+$/.test(version) && typeof namespace === "string" && typeof inner === "string") return { version, namespace, inner };
	} catch {
		// Told below.
	}
	throw badRequest("continue key is not valid: it was not made by a list across namespaces");
}

const partOf = async (namespace: string, answered: Response): Promise<ListPart> => parseListPart(namespace, new Uint8Array(await answered.arrayBuffer()));

class PartLister {
	readonly #caller: PartCaller;

	constructor(caller: PartCaller) {
		this.#caller = caller;
	}

	async first(namespace: string): Promise<ListPart> {
		return partOf(namespace, await this.#caller.call(namespace, {}, {}));
	}

	/** The part as of the cut; `part` again when nothing changed since. */
	async advanced(part: ListPart, cut: string): Promise<ListPart> {
		if (Number(part.version) >= Number(cut)) return part;
		const response = await this.#caller.advanced(part.namespace, part.version, cut, {});
		return response === undefined ? part : partOf(part.namespace, response);
	}

	/** A page of one namespace exactly at the cut. */
	async at(namespace: string, cut: string, inner: string, limit: number | undefined): Promise<ListPart> {
		const position =
			inner === ""
				? { continue: undefined, resourceVersion: cut, resourceVersionMatch: "Exact" }
				: { continue: inner, resourceVersion: undefined, resourceVersionMatch: undefined };
		return partOf(namespace, await this.#caller.call(namespace, { ...position, limit }, { [AT_LEAST_HEADER]: cut }));
	}
}

/** Objects that took part at an earlier version than the cut cannot be advanced to a version the client pinned. */
const isExact = (request: ApiRequest): boolean => request.query.resourceVersionMatch === "Exact";

async function consistentParts(lister: PartLister, namespaces: readonly string[], exact: boolean): Promise<{ cut: string; parts: ListPart[] }> {
	const first = await inParallel(namespaces, FAN_OUT, (namespace) => lister.first(namespace));
	const cut = highestVersion(first);
	if (exact) return { cut, parts: first };
	return { cut, parts: await inParallel(first, FAN_OUT, (part) => lister.advanced(part, cut)) };
}

interface Page {
	parts: ListPart[];
	next?: Omit<Position, "version">;
}

/** Takes whole parts while there is room; `next` is where the following page begins. */
async function takePage(parts: AsyncIterable<ListPart>, limit: number, narrower: (namespace: string, limit: number) => Promise<ListPart>): Promise<Page> {
	const taken: ListPart[] = [];
	let room = limit;
	for await (const part of parts) {
		if (part.count === 0) continue;
		if (room === 0) return { parts: taken, next: { namespace: part.namespace, inner: "" } };
		const fitting = part.count <= room ? part : await narrower(part.namespace, room);
		taken.push(fitting);
		room -= fitting.count;
		if (fitting.continue !== "") return { parts: taken, next: { namespace: fitting.namespace, inner: fitting.continue } };
	}
	return { parts: taken };
}

async function* overall(parts: readonly ListPart[]): AsyncGenerator<ListPart> {
	yield* parts;
}

/** Reads ahead a few namespaces at a time, in order. */
async function* following(lister: PartLister, namespaces: readonly string[], position: Position, limit: number): AsyncGenerator<ListPart> {
	for (let at = 0; at < namespaces.length; at += FAN_OUT) {
		const batch = namespaces.slice(at, at + FAN_OUT);
		yield* await inParallel(batch, FAN_OUT, (ns) => lister.at(ns, position.version, ns === position.namespace ? position.inner : "", limit));
	}
}

async function firstPage(lister: PartLister, namespaces: readonly string[], request: ApiRequest, limit: number): Promise<{ cut: string; page: Page }> {
	const { cut, parts } = await consistentParts(lister, namespaces, isExact(request));
	return { cut, page: await takePage(overall(parts), limit, (namespace, room) => lister.at(namespace, cut, "", room)) };
}

async function nextPage(lister: PartLister, namespaces: readonly string[], request: ApiRequest, token: string): Promise<{ cut: string; page: Page }> {
	const position = decodePosition(token);
	const left = namespaces.filter((namespace) => namespace >= position.namespace);
	const limit = request.query.limit ?? Number.MAX_SAFE_INTEGER;
	const narrower = (namespace: string, room: number) => lister.at(namespace, position.version, namespace === position.namespace ? position.inner : "", room);
	return { cut: position.version, page: await takePage(following(lister, left, position, limit), limit, narrower) };
}

/** @throws StatusError 403 when the user may not list across namespaces, 400 for a foreign continue token. */
export async function listAllNamespaces(env: WorkerEnv, cluster: string, request: ApiRequest, kind: KindDefinition): Promise<Response> {
	const owner = clusterObject(env, cluster);
	const [refusal, names] = await Promise.all([owner.authorizeCluster(request), owner.namespaces()]);
	if (refusal) throw StatusError.from(refusal);
	const namespaces = [...names].sort();
	const caller = new PartCaller(env, cluster, request);
	const lister = new PartLister(caller);
	const { continue: token, limit } = request.query;
	try {
		if (token === undefined && limit === undefined) return await wholeList(caller, namespaces, kind, isExact(request));
		const { cut, page } =
			token === undefined ? await firstPage(lister, namespaces, request, limit as number) : await nextPage(lister, namespaces, request, token);
		const next = page.next === undefined ? "" : encodePosition({ version: cut, ...page.next });
		return mergeParts(page.parts, cut, next, kind);
	} catch (error) {
		if (error instanceof PartRefused) return error.response;
		throw error;
	}
}
