/** Reviews: who am I, may I, is this token good. */
import type { ApiRequest } from "../core/api/request.ts";
import { badRequest } from "../core/errors/status-error.ts";
import type { JsonObject } from "../core/meta/object.ts";
import type { TokenReview } from "../core/schema/kubernetes.d.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import { answer, type AnswerOptions, madeAnswer } from "./answer.ts";
import type { FrontDoor } from "./front-door.ts";
import { askOwner, auditAnswer, callAdmitted } from "./object-call.ts";
import { verifyToken } from "./token-verification.ts";
import { SERVICE_ACCOUNT_ISSUER } from "../core/protocol/tokens.ts";

export function parseBody<T>(body: string): T {
	try {
		const value: unknown = JSON.parse(body);
		if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as T;
	} catch {
		// Told below, as any other body that is no object.
	}
	throw badRequest("the object provided is unrecognized (must be of type Status): couldn't get version/kind; json parse error");
}

/** The namespace whose roles count in the review's answer; "" for the cluster's alone. */
function namespaceOfReview(request: ApiRequest): string {
	if (request.namespace !== "") return request.namespace;
	const spec = (parseBody<JsonObject>(request.body).spec ?? {}) as { namespace?: unknown; resourceAttributes?: { namespace?: unknown } };
	const namespace = request.resource === "selfsubjectrulesreviews" ? spec.namespace : spec.resourceAttributes?.namespace;
	return typeof namespace === "string" ? namespace : "";
}

async function tokenReview(c: FrontDoor, request: ApiRequest, options: AnswerOptions): Promise<Response> {
	const { value: review, warnings } = await askOwner<TokenReview>(c, request);
	const audiences = review.spec?.audiences?.length ? review.spec.audiences : [SERVICE_ACCOUNT_ISSUER];
	const verdict = await verifyToken(c.env, c.get("clusterName"), review.spec?.token ?? "", Date.now(), audiences);
	const user = verdict.ok ? verdict.user : undefined;
	const status = user
		? {
				authenticated: true,
				user: { username: user.name, ...(user.uid ? { uid: user.uid } : {}), groups: user.groups, ...(user.extra ? { extra: user.extra } : {}) },
				audiences: verdict.ok ? verdict.audiences : [],
			}
		: { user: {}, error: verdict.ok ? "" : verdict.why };
	return answer(madeAnswer({ ...review, status }, warnings), options);
}

export async function serveReview(c: FrontDoor, request: ApiRequest, options: AnswerOptions): Promise<Response> {
	if (request.resource === "tokenreviews") return tokenReview(c, request, options);
	const cluster = c.get("cluster");
	const namespace = request.resource === "selfsubjectreviews" ? "" : namespaceOfReview(request);
	const owner = namespace === "" ? clusterObject(c.env, cluster) : namespaceObject(c.env, cluster, namespace);
	const response = await callAdmitted(c.env, cluster, request, owner);
	auditAnswer(c, response);
	return answer(response, options);
}
