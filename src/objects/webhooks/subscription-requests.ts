/** The subresources of webhook subscriptions: replay, test, deadletters. */
import type { ApiRequest, ApiResponse } from "../../core/api/request.ts";
import { badRequest, invalidObject, notFound } from "../../core/errors/status-error.ts";
import { invalid } from "../../core/errors/field-error.ts";
import { EVENTS_GROUP } from "../../core/kinds/webhook-subscription-validation.ts";
import type { WebhookDeadLetter, WebhookReplay, WebhookSubscription } from "../../core/schema/kubernetes.d.ts";
import { isDelivered, problemOf } from "../../core/webhooks/delivery-queue.ts";
import type { ResourceCore } from "../resource-core.ts";
import { parseJson } from "../verbs/body.ts";
import type { DeadLetter } from "./delivery-table.ts";

/** What lies beyond the object itself: where namespaces deliver changes of their own to a subscription of the cluster. */
export interface Elsewhere {
	/** Tells them to replay; returns how many. Runs inside a transaction. */
	replay(uid: string, after: number | undefined): number;
	deadLetters(uid: string): Promise<WebhookDeadLetter[]>;
}

const SUBRESOURCES = ["replay", "test", "deadletters"];
const API_VERSION = `${EVENTS_GROUP}/v1`;

export const isSubscriptionRequest = ({ group, resource, subresource }: ApiRequest): boolean =>
	group === EVENTS_GROUP && resource.endsWith("webhooksubscriptions") && SUBRESOURCES.includes(subresource);

/** A dead letter as the API shows it. */
export const letterOf = (namespace: string, { object, revision, attempts, problem }: DeadLetter): WebhookDeadLetter => ({
	...(namespace === "" ? {} : { namespace }),
	object,
	resourceVersion: String(revision),
	attempts,
	problem,
});

/** The revision after which to replay; undefined for the dead letters. */
function replayFrom({ body, name }: ApiRequest): number | undefined {
	const { spec } = (body === "" ? {} : parseJson(body, "v1.WebhookReplay")) as unknown as WebhookReplay;
	const given = spec?.resourceVersion;
	if (given === undefined || given === "") return undefined;
	if (!/^\d{1,16}$/.test(given))
		throw invalidObject(EVENTS_GROUP, "WebhookReplay", name, [invalid("spec.resourceVersion", given, "must be the resourceVersion of an object or a list")]);
	return Number(given);
}

const answerOf = (code: number, kind: string, rest: object): ApiResponse => ({
	code,
	body: JSON.stringify({ kind, apiVersion: API_VERSION, metadata: {}, ...rest }),
	warnings: [],
});

/** Serves an authorised request. Call `settle` afterwards. */
export async function serveSubscription(core: ResourceCore, request: ApiRequest, elsewhere?: Elsewhere): Promise<ApiResponse> {
	const { server, deliveries } = core;
	const { group, resource, name, subresource } = request;
	const subscription = server.store.get<WebhookSubscription>(`${group}/${resource}`, name);
	if (subscription === undefined) throw notFound({ group, resource }, name);
	const uid = subscription.metadata.uid ?? "";
	if (subresource === "deadletters") {
		const own = deliveries.deadLetters(uid).map((letter) => letterOf(server.namespace, letter));
		return answerOf(200, "WebhookDeadLetterList", { items: [...own, ...((await elsewhere?.deadLetters(uid)) ?? [])] });
	}
	if (request.query.dryRun) throw badRequest(`${subresource} of a webhook subscription has no dry run`);
	if (subresource === "replay") {
		const after = replayFrom(request);
		const status = core.turn(() => ({ queued: deliveries.replay(uid, after), ...(elsewhere ? { namespaces: elsewhere.replay(uid, after) } : {}) }));
		return answerOf(201, "WebhookReplay", { ...(after === undefined ? {} : { spec: { resourceVersion: String(after) } }), status });
	}
	const { durationMs, ...answer } = await deliveries.test(subscription);
	const delivered = isDelivered(answer);
	const status = {
		delivered,
		...("status" in answer ? { statusCode: answer.status } : {}),
		...(delivered ? {} : { problem: problemOf(answer) }),
		durationMilliseconds: durationMs,
	};
	return answerOf(201, "WebhookTest", { status });
}
