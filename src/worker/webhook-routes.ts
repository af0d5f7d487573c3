/** /webhooks/<namespace>/<name>/<token>: deliveries to WebhookReceivers. Nobody has to log in; the URL and the sender's signature say who it is. */
import type { UserInfo } from "../core/api/request.ts";
import { pathNotFound, StatusError } from "../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import type { Json } from "../core/meta/object.ts";
import type { ActionResult, Collection, Step, StepAnswer } from "../core/webhooks/receivers/action.ts";
import { runAction } from "../core/webhooks/receivers/actions/actions.ts";
import type { SenderType } from "../core/webhooks/receivers/receiver.ts";
import { type Reading, type SenderEvent, SenderRefused } from "../core/webhooks/receivers/sender.ts";
import { SENDERS } from "../core/webhooks/receivers/senders/senders.ts";
import { DELIVERY_COST_MAX, Expressions } from "../core/webhooks/receivers/templates.ts";
import { namespaceObject } from "../objects/addresses.ts";
import { uidOfToken } from "../objects/receiver-token.ts";
import type { DeliveryPlan } from "../objects/webhook-receiving.ts";
import { fetchArtifact } from "./artifact.ts";
import { readBytes } from "./body.ts";
import { currentKinds, kindsFor } from "./cluster-kinds.ts";
import { clusterNamed } from "./cluster-directory.ts";
import type { FrontDoor } from "./front-door.ts";
import { methodNotAllowed } from "./request-info.ts";
import { serveAs } from "./serve-as.ts";
import { payloadOf } from "./webhook-payload.ts";

/** Requests to the API that one delivery may come to. */
export const STEPS_MAX = 2_000;

/** One delivery, on its way. */
interface Delivery {
	c: FrontDoor;
	namespace: string;
	name: string;
	uid: string;
	plan: DeliveryPlan;
	payload: Json;
	headers: Readonly<Record<string, string>>;
	steps: number;
}

interface ToldAction extends ActionResult {
	name: string;
	/** The event's id, where there are several. */
	event?: string;
}

const noted = (results: readonly ActionResult[], outcome: ActionResult["outcome"]): boolean => results.some((result) => result.outcome === outcome);

/** The delivery's outcome is the most telling one of its actions. */
function outcomeOf(results: readonly ActionResult[]): ActionResult["outcome"] {
	for (const outcome of ["Failed", "Succeeded", "Superseded"] as const) if (noted(results, outcome)) return outcome;
	return "Skipped";
}

/** An answer that the sender may show to its operator: what went wrong so that trying again is no use is 422, what may be over by then 503. */
function codeOf(results: readonly ActionResult[]): number {
	const failures = results.filter(({ outcome }) => outcome === "Failed");
	if (failures.length === 0) return 200;
	return failures.every(({ retryable }) => retryable) ? 503 : 422;
}

export async function serveWebhook(c: FrontDoor): Promise<Response> {
	const [namespace = "", name = "", token = "", urlSecret = ""] = ["namespace", "name", "token", "secret"].map((part) => c.req.param(part));
	const { id: cluster } = await clusterNamed(c.env, c.get("clusterName"), Date.now());
	const uid = uidOfToken(c.env.PETREL_SIGNING_KEY, { cluster, namespace, name }, token);
	if (uid === undefined) throw pathNotFound();
	if (c.req.method !== "POST") throw methodNotAllowed();
	c.set("cluster", cluster);
	const headers = Object.fromEntries(c.req.raw.headers);
	const body = await readBytes(c.req.raw);
	const received = await namespaceObject(c.env, cluster, namespace).receiveWebhook({ name, uid, headers, body, urlSecret });
	if (!received.ok) throw StatusError.from(received.status);
	const { receipt } = received;
	if (receipt.type === "replay") return c.json({ delivery: receipt.id, outcome: "Duplicate", message: receipt.message, actions: [] });
	return carriedOut({ c, namespace, name, uid, plan: receipt.plan, payload: null, headers: withoutSecrets(headers), steps: 0 }, body);
}

/** What proves who sends is nothing for expressions. */
function withoutSecrets(headers: Record<string, string>): Record<string, string> {
	return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(authorization|cookie|x-gitlab-token|.*signature.*)$/.test(name)));
}

/** Does all that is to be done, and tells the namespace's object of the end whatever that is. */
async function carriedOut(delivery: Delivery, body: Uint8Array): Promise<Response> {
	const { c, namespace, name, uid, plan } = delivery;
	const end = { name, uid, key: plan.key, id: plan.id, receivedMs: plan.receivedMs, event: "", outcome: "Failed", message: "an internal fault", again: true };
	try {
		delivery.payload = payloadOf(body, delivery.headers["content-type"] ?? "");
		const reading = SENDERS[plan.spec.type as SenderType].read(delivery.payload, delivery.headers, plan.proof);
		end.event = [...new Set(reading.events.map(({ type }) => type))].join(",") || (reading.ping ? "ping" : "");
		const results = await allActions(delivery, reading);
		const outcome = reading.ping ? "Succeeded" : outcomeOf(results);
		const message = reading.ping ? "pong" : messageOf(results);
		Object.assign(end, { outcome, message, again: outcome === "Failed" });
		const code = codeOf(results);
		if (code === 503) c.header("retry-after", "5");
		const actions = results.map(({ retryable: _, ...told }) => told);
		return c.json({ delivery: plan.id, event: end.event, outcome, message, actions }, code as 200);
	} catch (error) {
		const refused = error instanceof SenderRefused ? new StatusError(400, "BadRequest", error.message) : error;
		if (refused instanceof StatusError) Object.assign(end, { outcome: "Rejected", message: refused.message });
		throw refused;
	} finally {
		await namespaceObject(c.env, c.get("cluster"), namespace).finishWebhook(end);
	}
}

/** For the status: what was done, else why nothing was. */
function messageOf(results: readonly ToldAction[]): string {
	const told = results.filter(({ outcome }) => outcome !== "Skipped");
	return (told.length > 0 ? told : results).map(({ name, message }) => `${name}: ${message}`).join("; ");
}

async function allActions(delivery: Delivery, { events }: Reading): Promise<ToldAction[]> {
	const results: ToldAction[] = [];
	const budget = { left: DELIVERY_COST_MAX };
	for (const [index, event] of events.entries()) {
		const expressions = new Expressions(event, delivery.payload, delivery.headers, budget);
		for (const action of delivery.plan.spec.actions) {
			const key = `${delivery.uid}/${delivery.plan.key.slice(delivery.plan.key.indexOf("/") + 1)}/${index}/${action.name}`;
			const { receivedMs } = delivery.plan;
			const context = { namespace: delivery.namespace, receiver: delivery.name, receivedMs, key, event, expressions };
			const result = await driven(delivery, runAction(action, context));
			results.push({ name: action.name, ...result, ...(events.length > 1 ? { event: shown(event) } : {}) });
		}
	}
	return results;
}

const shown = ({ id, type }: SenderEvent): string => id || type;

/** Takes the action's steps one by one. */
async function driven(delivery: Delivery, steps: Generator<Step, ActionResult, StepAnswer>): Promise<ActionResult> {
	let next = steps.next();
	while (!next.done) {
		if (++delivery.steps > STEPS_MAX) return { outcome: "Failed", message: `the delivery comes to more than ${STEPS_MAX} requests` };
		next = steps.next(await taken(delivery, next.value));
	}
	return next.value;
}

async function taken({ c, namespace, name, uid, plan }: Delivery, step: Step): Promise<StepAnswer> {
	switch (step.type) {
		case "request":
			return requested(c, plan.user, step, `webhook-receiver/${namespace}/${name}`);
		case "resolve": {
			const [group, version] = step.apiVersion.includes("/") ? step.apiVersion.split("/") : ["", step.apiVersion];
			const byKind = async () => (await currentKinds(c.env, c.get("cluster"))).byKind(group as string, version as string, step.kind);
			return collectionAnswer((await builtin(c)).byKind(group as string, version as string, step.kind) ?? (await byKind()));
		}
		case "resolveResource": {
			const dot = step.resource.indexOf(".");
			const [plural, group] = dot < 0 ? [step.resource, ""] : [step.resource.slice(0, dot), step.resource.slice(dot + 1)];
			const storeName = group === "" ? plural : `${group}/${plural}`;
			return collectionAnswer((await builtin(c)).byStoreName(storeName) ?? (await currentKinds(c.env, c.get("cluster"))).byStoreName(storeName));
		}
		case "order":
			return { code: (await namespaceObject(c.env, c.get("cluster"), namespace).webhookFollows(uid, step.subject, step.timeMs)) ? 200 : 409, body: null };
		case "fetch":
			return fetchArtifact(c.env, step.url);
	}
}

const builtin = (c: FrontDoor) => kindsFor(c.env, c.get("cluster"), { group: "", version: "v1", resource: "pods" });

function collectionAnswer(kind: KindDefinition | undefined): StepAnswer {
	if (kind === undefined) return { code: 404, body: null };
	const collection: Collection = { apiVersion: apiVersionOf(kind), kind: kind.kind, plural: kind.plural, namespaced: kind.scope === "Namespaced" };
	return { code: 200, body: { ...collection } };
}

async function requested(c: FrontDoor, user: UserInfo, step: Extract<Step, { type: "request" }>, userAgent: string): Promise<StepAnswer> {
	const { method, path, query = {}, contentType = "application/json", body } = step;
	const response = await serveAs(c, user, { method, path, query, contentType, body: body === undefined ? "" : JSON.stringify(body), userAgent });
	return { code: response.status, body: (await response.json()) as Json };
}
