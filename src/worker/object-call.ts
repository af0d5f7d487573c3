/** One API request to the Durable Object that owns its object. */
import type { ApiRequest } from "../core/api/request.ts";
import { tooManyRequests } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject, namespaceObject, type ObjectStub } from "../objects/addresses.ts";
import { CLUSTER_HEADER, REQUEST_HEADER } from "../objects/rpc.ts";
import { jsonHeader } from "./header-text.ts";

const READS: ReadonlySet<string> = new Set(["get", "list", "watch"]);
const RETRY_AFTER_SECONDS = 1;

/** The object that owns what the request names. */
export const ownerOf = (env: WorkerEnv, cluster: string, request: Pick<ApiRequest, "namespace">): ObjectStub =>
	request.namespace === "" ? clusterObject(env, cluster) : namespaceObject(env, cluster, request.namespace);

export function requestHeaders(cluster: string, request: ApiRequest): Record<string, string> {
	const { body: _, ...withoutBody } = request;
	return { [CLUSTER_HEADER]: cluster, [REQUEST_HEADER]: jsonHeader(withoutBody) };
}

/** What the platform says of a call that failed: https://developers.cloudflare.com/durable-objects/best-practices/error-handling/ */
interface ObjectFault {
	retryable?: boolean;
	overloaded?: boolean;
}

/**
 * Calls, and calls once more when the object was being replaced and the request only reads.
 * @throws StatusError 429 when the object is overloaded.
 */
export async function withRetry<T>(verb: string, call: () => Promise<T>): Promise<T> {
	try {
		return await call();
	} catch (cause) {
		const fault = cause as ObjectFault;
		if (fault.overloaded) throw tooManyRequests("the server is too busy to serve this request, please try again later", RETRY_AFTER_SECONDS);
		if (fault.retryable && READS.has(verb)) return call();
		throw cause;
	}
}

export function callObject(stub: ObjectStub, cluster: string, request: ApiRequest, headers: Record<string, string> = {}): Promise<Response> {
	const init: RequestInit = { method: "POST", headers: { ...requestHeaders(cluster, request), ...headers } };
	if (request.body !== "") init.body = request.body;
	return withRetry(request.verb, () => stub.fetch("https://object/api", init as RequestInit & { cf?: never }) as Promise<Response>);
}
