/**
 * A list across namespaces is a consistent cut: every Namespace object is asked in parallel, the highest version among
 * the answers is the cut, and each object behind it is advanced to it and asked whether anything changed. Pages walk the
 * namespaces in order of name at the cut, which their continue token carries.
 */
import type { ApiRequest } from "../core/api/request.ts";
import { badRequest, StatusError } from "../core/errors/status-error.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import { RESUME_OVERLAP_MS, revisionAt } from "../store/revision-clock.ts";
import { AT_LEAST_HEADER, AUTHORIZED_HEADER, IF_CHANGED_SINCE_HEADER } from "../objects/rpc.ts";
import { type ListPart, mergeParts, parseListPart } from "./list-part.ts";
import { callObject } from "./object-call.ts";
import { inParallel } from "../objects/parallel.ts";

/** Namespace objects asked at the same time. */
const FAN_OUT = 32;
const NOT_MODIFIED = 304;

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

/** An object's refusal (410, 400) ends the whole list with it. */
class PartRefused extends Error {
	readonly response: Response;
	constructor(response: Response) {
		super("a namespace refused its part of the list");
		this.response = response;
	}
}

const partOf = async (namespace: string, answered: Response): Promise<ListPart> => parseListPart(namespace, new Uint8Array(await answered.arrayBuffer()));

class PartLister {
	readonly #env: WorkerEnv;
	readonly #cluster: string;
	readonly #request: ApiRequest;

	constructor(env: WorkerEnv, cluster: string, request: ApiRequest) {
		this.#env = env;
		this.#cluster = cluster;
		this.#request = request;
	}

	async #call(namespace: string, query: Partial<ApiRequest["query"]>, headers: Record<string, string>): Promise<Response> {
		const request = { ...this.#request, query: { ...this.#request.query, ...query } };
		const response = await callObject(namespaceObject(this.#env, this.#cluster, namespace), this.#cluster, request, { [AUTHORIZED_HEADER]: "1", ...headers });
		if (!response.ok && response.status !== NOT_MODIFIED) throw new PartRefused(response);
		return response;
	}

	async first(namespace: string): Promise<ListPart> {
		return partOf(namespace, await this.#call(namespace, {}, {}));
	}

	/** The part as of the cut; `part` again when nothing changed since. */
	async advanced(part: ListPart, cut: string): Promise<ListPart> {
		if (Number(part.version) >= Number(cut)) return part;
		const anyVersion = { resourceVersion: undefined, resourceVersionMatch: undefined };
		const response = await this.#call(part.namespace, anyVersion, { [AT_LEAST_HEADER]: cut, [IF_CHANGED_SINCE_HEADER]: part.version });
		return response.status === NOT_MODIFIED ? part : partOf(part.namespace, response);
	}

	/** A page of one namespace exactly at the cut. */
	async at(namespace: string, cut: string, inner: string, limit: number | undefined): Promise<ListPart> {
		const position =
			inner === ""
				? { continue: undefined, resourceVersion: cut, resourceVersionMatch: "Exact" }
				: { continue: inner, resourceVersion: undefined, resourceVersionMatch: undefined };
		return partOf(namespace, await this.#call(namespace, { ...position, limit }, { [AT_LEAST_HEADER]: cut }));
	}
}

function highestVersion(parts: readonly ListPart[]): string {
	// Where there is no namespace yet, any cut in the recent past is exact.
	if (parts.length === 0) return String(revisionAt(Date.now() - RESUME_OVERLAP_MS));
	return parts.reduce((highest, part) => (Number(part.version) > Number(highest) ? part.version : highest), "0");
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

async function firstPage(lister: PartLister, namespaces: readonly string[], request: ApiRequest): Promise<{ cut: string; page: Page }> {
	const { cut, parts } = await consistentParts(lister, namespaces, isExact(request));
	const { limit } = request.query;
	if (limit === undefined) return { cut, page: { parts } };
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
	const lister = new PartLister(env, cluster, request);
	try {
		const token = request.query.continue;
		const { cut, page } = token === undefined ? await firstPage(lister, namespaces, request) : await nextPage(lister, namespaces, request, token);
		const next = page.next === undefined ? "" : encodePosition({ version: cut, ...page.next });
		return mergeParts(page.parts, cut, next, kind);
	} catch (error) {
		if (error instanceof PartRefused) return error.response;
		throw error;
	}
}
