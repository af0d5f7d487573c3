/** One API request to the Durable Object that owns its object. */
import type { CallOutcome } from "../core/admission/outside-call.ts";
import type { ApiRequest } from "../core/api/request.ts";
import { internalFailure, type Status, StatusError, tooManyRequests } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject, namespaceObject, type ObjectStub } from "../objects/addresses.ts";
import { makeCalls } from "../objects/outside/make-calls.ts";
import {
	ANNOTATIONS_HEADER,
	CALLS_HEADER,
	type CallsWanted,
	CLUSTER_HEADER,
	REASON_HEADER,
	REQUEST_HEADER,
	type Resubmission,
	SUBMISSION_HEADER,
	WARNINGS_HEADER,
} from "../objects/rpc.ts";
import { auditOf } from "./audit.ts";
import type { FrontDoor } from "./front-door.ts";
import { jsonHeader } from "./header-text.ts";

const READS: ReadonlySet<string> = new Set(["get", "list", "watch"]);
const RETRY_AFTER_SECONDS = 1;
/** How often a request may have something new to ask of webhooks: a round for each mutating one and one for all validating ones, twice. */
export const ADMISSION_ROUNDS_MAX = 100;

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

/** Calls, asks the webhooks that the object wants asked first, and calls again with their answers until there is nothing more to ask. */
export async function callAdmitted(env: WorkerEnv, cluster: string, request: ApiRequest, stub = ownerOf(env, cluster, request)): Promise<Response> {
	const outcomes = new Map<string, CallOutcome>();
	let response = await callObject(stub, cluster, request);
	for (let round = 1; response.headers.get(CALLS_HEADER) === "1"; round++) {
		if (round > ADMISSION_ROUNDS_MAX) throw internalFailure("the request changes each time that its webhooks are asked about it");
		const { draws, calls } = (await response.json()) as CallsWanted;
		for (const outcome of await makeCalls(env, cluster, calls)) outcomes.set(outcome.key, outcome);
		const resubmission: Resubmission = { body: request.body, submission: { draws, outcomes: [...outcomes.values()] } };
		response = await callObject(stub, cluster, { ...request, body: JSON.stringify(resubmission) }, { [SUBMISSION_HEADER]: "1" });
	}
	return response;
}

/** Tells the audit log what admission has to say of a request. */
export function auditAnswer(c: FrontDoor, response: Response): void {
	const audit = auditOf(c.req.raw);
	if (audit === undefined) return;
	const annotations = response.headers.get(ANNOTATIONS_HEADER);
	if (annotations !== null) audit.annotate(JSON.parse(annotations) as Record<string, string>);
	const reason = response.headers.get(REASON_HEADER);
	if (reason !== null) audit.allowed(JSON.parse(reason) as string);
}

/** What the owning object answers, for the front door to go on with. @throws StatusError as it refuses. */
export async function askOwner<T>(c: FrontDoor, request: ApiRequest): Promise<{ value: T; warnings: string | null }> {
	const response = await callAdmitted(c.env, c.get("cluster"), request);
	auditAnswer(c, response);
	const value: unknown = await response.json();
	if (!response.ok) throw StatusError.from(value as Status);
	return { value: value as T, warnings: response.headers.get(WARNINGS_HEADER) };
}
