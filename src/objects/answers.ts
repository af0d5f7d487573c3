/** From what a core returns or throws to what the front door is answered. */
import { type Submission, SubmissionNeeded } from "../core/admission/outside-call.ts";
import type { ApiRequest, ApiResponse } from "../core/api/request.ts";
import { internalError, type Status, StatusError } from "../core/errors/status-error.ts";
import { logFault } from "./log.ts";
import { goneStatus } from "./tenancy.ts";
import {
	ANNOTATIONS_HEADER,
	CALLS_HEADER,
	type CallsWanted,
	REASON_HEADER,
	REQUEST_HEADER,
	type Resubmission,
	SUBMISSION_HEADER,
	WARNINGS_HEADER,
} from "./rpc.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** What the client may know of an error; a fault is logged with its cause. */
export function statusOf(error: unknown, what: string): Status {
	if (error instanceof StatusError) {
		if (error.code === 500) logFault(what, error.cause ?? error);
		return error.status;
	}
	const gone = goneStatus(error);
	if (gone !== undefined) return gone;
	logFault(what, error);
	return internalError(error).status;
}

/** What a check throws for the client, or null. */
export function refusalOf(check: () => void): Status | null {
	try {
		check();
		return null;
	} catch (error) {
		if (error instanceof StatusError) return error.status;
		throw error;
	}
}

export function errorAnswer(error: unknown, what: string): Response {
	if (error instanceof SubmissionNeeded) {
		const wanted: CallsWanted = { draws: error.draws, calls: error.calls };
		return new Response(JSON.stringify(wanted), { headers: { ...JSON_TYPE, [CALLS_HEADER]: "1" } });
	}
	const status = statusOf(error, what);
	const told = error instanceof StatusError ? { warnings: [...error.warnings], annotations: error.annotations } : { warnings: [] };
	return answer({ code: status.code, body: JSON.stringify(status), ...told });
}

/** JSON for a header, which holds no character beyond ASCII. */
const headerJson = (value: unknown): string =>
	JSON.stringify(value).replaceAll(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

export function answer({ code, body, warnings, annotations = {} }: ApiResponse): Response {
	const headers: Record<string, string> = { ...JSON_TYPE };
	if (warnings.length > 0) headers[WARNINGS_HEADER] = headerJson(warnings);
	if (Object.keys(annotations).length > 0) headers[ANNOTATIONS_HEADER] = headerJson(annotations);
	return new Response(body, { status: code, headers });
}

/** Why the request was allowed, for the audit log. */
export function withReason(response: Response, reason: string): Response {
	response.headers.set(REASON_HEADER, headerJson(reason));
	return response;
}

/** The ApiRequest of a fetch from the front door, and what other machines have answered about it. */
export async function requestOf(http: Request): Promise<{ request: ApiRequest; submission?: Submission }> {
	const request = JSON.parse(http.headers.get(REQUEST_HEADER) ?? "null") as ApiRequest;
	const text = http.body === null ? "" : await http.text();
	if (http.headers.get(SUBMISSION_HEADER) !== "1") return { request: { ...request, body: text } };
	const { body, submission } = JSON.parse(text) as Resubmission;
	return { request: { ...request, body }, submission };
}

export const describe = ({ verb, resource, subresource, namespace, name }: ApiRequest): string =>
	`${verb} ${resource}${subresource ? `/${subresource}` : ""} ${namespace}/${name}`;
