/** Webhooks as a test plays them: what each URL answers to an admission or conversion review. */
import type { CallOutcome, OutsideCall } from "../../src/core/admission/outside-call.ts";

/** What a webhook says: a response, an HTTP status with a body, or nothing at all. */
export interface WebhookAnswer {
	allowed?: boolean;
	/** Operations of a JSON Patch. */
	patch?: unknown[];
	warnings?: string[];
	status?: { code?: number; message?: string; reason?: string };
	/** Other members of the response, over what is right: a wrong uid, a patchType. */
	response?: Record<string, unknown>;
	/** Of a conversion webhook: the field of spec that holds the same in each version. */
	fields?: Record<string, string>;
	/** Instead of a review. */
	http?: { status: number; body: string };
	failure?: string;
}

export interface Asked {
	url: string;
	request: Record<string, unknown> & { uid: string };
}

const nameOf = ({ target: { url, service } }: OutsideCall): string =>
	service ? `${service.namespace}/${service.name}:${service.port}${service.path}` : (url ?? "");

export function responseTo(uid: string, { allowed = true, patch, warnings, status, response }: WebhookAnswer): Record<string, unknown> {
	return {
		uid,
		allowed,
		...(patch ? { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") } : {}),
		...(warnings ? { warnings } : {}),
		...(status ? { status } : {}),
		...response,
	};
}

interface Custom {
	apiVersion: string;
	spec?: Record<string, unknown>;
}

/** The objects as a version that calls a field of theirs otherwise. */
function renamed(objects: readonly Custom[], desired: string, fields: Record<string, string>): Custom[] {
	const fieldIn = (apiVersion: string): string => fields[apiVersion.split("/")[1] ?? ""] ?? "";
	return objects.map(({ apiVersion, spec = {}, ...rest }) => {
		const { [fieldIn(apiVersion)]: value, ...others } = spec;
		return { ...rest, apiVersion: desired, spec: { ...others, ...(value === undefined ? {} : { [fieldIn(desired)]: value }) } };
	});
}

/** What a conversion webhook answers to a review. */
export function conversionOf(request: Record<string, unknown> & { uid: string }, { fields = {}, status, response }: WebhookAnswer): Record<string, unknown> {
	const { objects, desiredAPIVersion } = request as unknown as { objects: Custom[]; desiredAPIVersion: string };
	const result = status ? { status: "Failed", ...status } : { status: "Success" };
	return { uid: request.uid, convertedObjects: renamed(objects, desiredAPIVersion, fields), result, ...response };
}

export class WebhookAnswers {
	readonly asked: Asked[] = [];
	readonly answers = new Map<string, WebhookAnswer>();

	readonly answer = (call: OutsideCall): CallOutcome => {
		const { key, uid, body } = call;
		const url = nameOf(call);
		const { apiVersion, kind, request } = JSON.parse(body) as { apiVersion: string; kind: string; request: Asked["request"] };
		this.asked.push({ url, request });
		const answer = this.answers.get(url);
		if (answer === undefined || answer.failure !== undefined)
			return { key, uid, failure: `Post "${url}?timeout=${call.timeoutSeconds}s": ${answer?.failure ?? "dial tcp: connection refused"}` };
		if (answer.http) return { key, uid, ...answer.http };
		const response = kind === "ConversionReview" ? conversionOf(request, answer) : responseTo(request.uid, answer);
		return { key, uid, status: 200, body: JSON.stringify({ apiVersion, kind, response }) };
	};
}
