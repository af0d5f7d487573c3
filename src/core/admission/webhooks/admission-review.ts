/** admission.k8s.io AdmissionReview: what a webhook is told, and what is made of its answer (k8s.io/apiserver/pkg/admission/plugin/webhook/request). */
import { badRequest, internalFailure, type Status, StatusError } from "../../errors/status-error.ts";
import type { Json, JsonObject, KubeObject } from "../../meta/object.ts";
import type { CallOutcome } from "../outside-call.ts";
import { type AdmissionRequest, requestKind } from "../plugin.ts";
import { answerOf } from "./webhook-answer.ts";
import type { AnyWebhook } from "./webhook-set.ts";

const GROUP = "admission.k8s.io";
const REVIEW_VERSIONS = ["v1", "v1beta1"];
const KIND = "AdmissionReview";

/** A webhook's verdict. */
export interface Verdict {
	allowed: boolean;
	status?: Partial<Status>;
	/** JSON Patch as JSON text; "" for none. */
	patch: string;
	warnings: string[];
	auditAnnotations: Record<string, string>;
}

/** A webhook that gave no proper answer (webhookutil.ErrCallingWebhook): its failurePolicy says what becomes of the request. */
export class CallFailed extends Error {
	/** What a failure that counts is answered with. */
	refusal(): StatusError {
		return internalFailure(this.message);
	}
}

export const failedCalling = (webhook: string, why: string): CallFailed => new CallFailed(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`);

/** The first version that both sides speak. */
export function reviewVersionOf({ name, admissionReviewVersions }: AnyWebhook): string {
	const version = admissionReviewVersions.find((each) => REVIEW_VERSIONS.includes(each));
	if (version === undefined)
		throw failedCalling(name, "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)");
	return version;
}

/** What the webhook sees: the request as the version of the resource that its rules speak of. */
export interface Seen {
	kind: { group: string; version: string; kind: string };
	resource: { group: string; version: string; resource: string };
	object: KubeObject | undefined;
	oldObject: KubeObject | undefined;
}

const userOf = ({ user: { name, uid, groups, extra } }: AdmissionRequest) => ({
	username: name,
	...(uid ? { uid } : {}),
	groups,
	...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
});

/** The body of the call, less its uid. */
export function reviewBody(request: AdmissionRequest, seen: Seen, version: string): (uid: string) => string {
	const { kind, subresource } = request;
	const requested = {
		requestKind: requestKind(request),
		requestResource: { group: kind.group, version: kind.version, resource: kind.plural },
		...(subresource ? { requestSubResource: subresource } : {}),
	};
	const asked = {
		kind: seen.kind,
		resource: seen.resource,
		...(subresource ? { subResource: subresource } : {}),
		...requested,
		...(request.name ? { name: request.name } : {}),
		...(namespaceOf(request) ? { namespace: namespaceOf(request) } : {}),
		operation: request.operation,
		userInfo: userOf(request),
		object: seen.object ?? null,
		oldObject: seen.oldObject ?? null,
		dryRun: request.dryRun,
		options: request.options ?? null,
	};
	const rest = JSON.stringify(asked).slice(1);
	return (uid) => `{"kind":"${KIND}","apiVersion":"${GROUP}/${version}","request":{"uid":${JSON.stringify(uid)},${rest}}\n`;
}

/** A Namespace counts as being in itself. */
export function namespaceOf({ kind, namespace, name, object }: AdmissionRequest): string {
	return kind.group === "" && kind.plural === "namespaces" ? name || (object.metadata?.name ?? "") : namespace;
}

function patchOf(response: JsonObject, isMutating: boolean, isV1: boolean): string {
	const { patch, patchType } = response;
	if (!isMutating) {
		if (isV1 && patch) throw new Error("validating webhook may not return response.patch");
		if (isV1 && patchType !== undefined && patchType !== null) throw new Error("validating webhook may not return response.patchType");
		return "";
	}
	const type = patchType ?? undefined;
	if (isV1 && patch && type === undefined) throw new Error("webhook returned response.patch but not response.patchType");
	if (isV1 && !patch && type !== undefined) throw new Error("webhook returned response.patchType but not response.patch");
	if (!patch) return "";
	if (type === "") throw new Error('webhook returned invalid response.patchType of ""');
	if (type !== undefined && type !== "JSONPatch") throw new Error(`unsupported patch type ${JSON.stringify(type)}`);
	return decoded(patch);
}

function decoded(base64: Json): string {
	try {
		return new TextDecoder().decode(Uint8Array.from(atob(String(base64)), (character) => character.charCodeAt(0)));
	} catch {
		throw new Error(`received undecodable patch in webhook response: illegal base64 data`);
	}
}

/** What upstream's decoder would say of an answer of another shape. */
const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "");

/** VerifyAdmissionResponse. */
function verdictOf(review: JsonObject, uid: string, version: string, isMutating: boolean): Verdict {
	const expected = `${GROUP}/${version}, Kind=${KIND}`;
	const isV1 = version === "v1";
	const response = review["response"] as JsonObject | null | undefined;
	if (!response || typeof response !== "object") throw new Error("webhook response was absent");
	if (isV1 && response["uid"] !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(textOf(response["uid"]))}`);
	const got = `${textOf(review["apiVersion"])}, Kind=${textOf(review["kind"])}`;
	if (isV1 && got !== expected) throw new Error(`expected webhook response of ${expected}, got ${got}`);
	return {
		allowed: response["allowed"] === true,
		...(response["status"] ? { status: response["status"] as unknown as Partial<Status> } : {}),
		patch: patchOf(response, isMutating, isV1),
		warnings: ((response["warnings"] ?? []) as string[]).filter((text) => typeof text === "string"),
		auditAnnotations: (response["auditAnnotations"] ?? {}) as Record<string, string>,
	};
}

/** What a call's outcome says. Throws CallFailed for all that is no proper answer. */
export function verdict(webhook: AnyWebhook, outcome: CallOutcome, version: string, isMutating: boolean): Verdict {
	let review: JsonObject;
	try {
		review = answerOf(outcome);
	} catch (error) {
		throw failedCalling(webhook.name, `failed to call webhook: ${(error as Error).message}`);
	}
	try {
		return verdictOf(review, outcome.uid, version, isMutating);
	} catch (error) {
		throw failedCalling(webhook.name, `received invalid webhook response: ${(error as Error).message}`);
	}
}

/** What a webhook wants written into the audit log. */
export function annotateAnswer(request: AdmissionRequest, webhook: string, { auditAnnotations }: Verdict): void {
	for (const [key, value] of Object.entries(auditAnnotations)) request.annotate?.(`${webhook}/${key}`, value);
}

const BAD_REQUEST = 400;

/** ToStatusErr: the refusal of a webhook that said no. */
export function rejection(webhook: string, status: Partial<Status> | undefined): StatusError {
	const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
	const why = status?.message || status?.reason;
	const code = Math.max(status?.code ?? BAD_REQUEST, BAD_REQUEST);
	const error = new StatusError(code, status?.reason ?? "", why ? `${denied}: ${why}` : `${denied} without explanation`, status?.details);
	if (!status?.reason) delete error.status.reason;
	return error;
}

export const dryRunUnsupported = (webhook: string): StatusError => badRequest(`admission webhook ${JSON.stringify(webhook)} does not support dry run`);
