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
		return { key, uid, status: 200, body: JSON.stringify({ apiVersion, kind, response: responseTo(request.uid, answer) }) };
	};
}
