/**
 * What an action is: a generator that asks for requests to the API one by one, and is handed their answers. It decides; the
 * front door makes the requests, as the receiver's ServiceAccount.
 */
import { pathSegment } from "../../meta/name-rules.ts";
import type { Json, JsonObject } from "../../meta/object.ts";
import type { SenderEvent } from "./sender.ts";
import type { Expressions } from "./templates.ts";

export type PatchContent = "application/strategic-merge-patch+json" | "application/apply-patch+yaml";

/** One thing to be done, in order. */
export type Step =
	| {
			type: "request";
			method: "GET" | "POST" | "PATCH" | "DELETE";
			/** Below the cluster's root. */
			path: string;
			query?: Readonly<Record<string, string>>;
			contentType?: "application/json" | PatchContent;
			body?: JsonObject;
	  }
	/** Which collection a kind's objects are in: answered by a `Collection`, or 404. */
	| { type: "resolve"; apiVersion: string; kind: string }
	/** The collection by its name, "deployments.apps" or "deployments": answered likewise. */
	| { type: "resolveResource"; resource: string }
	/** Takes note of the moment of an event about a subject; answered with 409 where one of a later moment is known. */
	| { type: "order"; subject: string; timeMs: number }
	/** The text at a URL outside, answered as a string. */
	| { type: "fetch"; url: string };

export interface Collection {
	apiVersion: string;
	kind: string;
	plural: string;
	namespaced: boolean;
}

export interface StepAnswer {
	code: number;
	body: Json;
}

export type Outcome = "Succeeded" | "Failed" | "Skipped" | "Superseded";

export interface ActionResult {
	outcome: Outcome;
	/** What was done, or why nothing was. */
	message: string;
	/** A failure that another try may be spared of. */
	retryable?: boolean;
}

export type Steps = Generator<Step, ActionResult, StepAnswer>;

/** What an action knows of its delivery. */
export interface ActionContext {
	/** The receiver's. */
	namespace: string;
	receiver: string;
	/** When the delivery first came, in milliseconds since 1970: a repetition has the same moment. */
	receivedMs: number;
	/** Tells this event from any other: a repetition has the same. */
	key: string;
	event: SenderEvent;
	expressions: Expressions;
}

/** An action of some sort: `spec` is what the receiver has under the action's name. */
export type Action<Spec> = (spec: Spec, context: ActionContext) => Steps;

export const FIELD_MANAGER = "webhook-receiver";
/** Tries of a write that crosses with others'. */
export const CONFLICT_TRIES = 5;

export const succeeded = (message: string): ActionResult => ({ outcome: "Succeeded", message });
export const skipped = (message: string): ActionResult => ({ outcome: "Skipped", message });
export const superseded = (message: string): ActionResult => ({ outcome: "Superseded", message });
export const failed = (message: string, retryable = false): ActionResult => ({ outcome: "Failed", message, ...(retryable ? { retryable } : {}) });

/** What the API says of a request that it does not do. */
export function refusal({ code, body }: StepAnswer): ActionResult {
	const told = typeof body === "object" && body !== null && !Array.isArray(body) ? body["message"] : body;
	const message = typeof told === "string" && told !== "" ? told : `the request was answered with ${code}`;
	return failed(message, code === 409 || code === 429 || code >= 500);
}

export const isOk = ({ code }: StepAnswer): boolean => code >= 200 && code < 300;

/** Whether a name that an expression has made may stand in a path. */
export const isPathName = (name: string): boolean => name !== "" && pathSegment(name).length === 0;

/** The path of a collection, or of an object in it. */
export function resourcePath(apiVersion: string, plural: string, namespace: string, name = ""): string {
	const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
	const scope = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
	return `${root}${scope}/${plural}${name === "" ? "" : `/${encodeURIComponent(name)}`}`;
}
