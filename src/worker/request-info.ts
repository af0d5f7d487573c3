/**
 * Which resource a path and a method speak of: the rules of k8s.io/apiserver/pkg/endpoints/request (RequestInfo). Pure;
 * whether the resource exists is asked of the registry by api-routes.ts.
 */
import type { RequestVerb } from "../core/api/request.ts";
import { pathNotFound, StatusError } from "../core/errors/status-error.ts";
import { isTrue } from "../core/api/query-values.ts";

export interface ResourcePath {
	verb: RequestVerb;
	group: string;
	version: string;
	resource: string;
	subresource: string;
	namespace: string;
	name: string;
	/** Path segments behind the subresource (proxy paths). */
	rest: string[];
}

/** Subresources of a Namespace itself, which stand where a namespaced resource otherwise does. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(["status", "finalize"]);
const VERB_BY_METHOD: Readonly<Record<string, RequestVerb>> = {
	GET: "get",
	HEAD: "get",
	POST: "create",
	PUT: "update",
	PATCH: "patch",
	DELETE: "delete",
	OPTIONS: "",
};
/** The proxy subresource of a pod, Service or node, and what is behind it. */
export const PROXY_PATH = /^(\/api\/v1\/(?:namespaces\/[^/]+\/(?:pods|services)|nodes)\/[^/]+\/proxy)(\/.*)?$/;

export const methodNotAllowed = (): StatusError =>
	new StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

function decodeSegment(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch {
		throw pathNotFound();
	}
}

/** The segments behind /api/v1 or /apis/group/version; undefined when the path is no resource path. */
function apiSegments(path: string): { group: string; version: string; segments: string[] } | undefined {
	const given = path.split("/").filter((s) => s !== "");
	const segments = path.includes("%") ? given.map(decodeSegment) : given;
	if (segments[0] === "api" && segments.length >= 3) return { group: "", version: segments[1] ?? "", segments: segments.slice(2) };
	if (segments[0] === "apis" && segments.length >= 4) return { group: segments[1] ?? "", version: segments[2] ?? "", segments: segments.slice(3) };
	return undefined;
}

/** Takes `namespaces/<namespace>` off the front unless the Namespace itself is meant. */
function splitNamespace(segments: string[]): { namespace: string; segments: string[] } {
	const [first, namespace = "", third] = segments;
	if (first !== "namespaces" || third === undefined || NAMESPACE_SUBRESOURCES.has(third)) return { namespace: "", segments };
	return { namespace, segments: segments.slice(2) };
}

function collectionVerb(verb: RequestVerb, query: URLSearchParams): RequestVerb {
	if (verb === "get") return isTrue(query.get("watch")) ? "watch" : "list";
	if (verb === "delete") return "deletecollection";
	if (verb === "create") return verb;
	throw methodNotAllowed();
}

/**
 * Undefined when the path is no resource path (discovery, health, ...).
 * @throws StatusError 405 for a method that no resource has.
 */
export function parseResourcePath(method: string, path: string, query: URLSearchParams): ResourcePath | undefined {
	const api = apiSegments(path);
	if (!api) return undefined;
	const verb = VERB_BY_METHOD[method];
	if (verb === undefined || (verb === "" && !PROXY_PATH.test(path))) throw methodNotAllowed();
	const legacyWatch = api.segments[0] === "watch" && api.segments.length > 1 && verb === "get";
	const { namespace, segments } = splitNamespace(legacyWatch ? api.segments.slice(1) : api.segments);
	const [resource = "", name = "", subresource = "", ...rest] = segments;
	const parsed = { group: api.group, version: api.version, resource, subresource, namespace, name, rest };
	if (legacyWatch) return { ...parsed, verb: "watch" };
	if (name === "") return { ...parsed, verb: collectionVerb(verb, query) };
	if (subresource === "" && verb === "create") throw methodNotAllowed();
	return { ...parsed, verb };
}
