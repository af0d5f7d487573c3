/** MutatingAdmissionWebhook: asks the mutating webhooks one after the other, each of what the one before it made of the object. */
import { internalFailure } from "../../errors/status-error.ts";
import { applyScale } from "../../kinds/scale.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { Json, JsonObject, KubeObject } from "../../meta/object.ts";
import { applyJsonPatch } from "../../patch/json-patch.ts";
import type { Scale } from "../../schema/kubernetes.d.ts";
import { objectOf } from "../patched-object.ts";
import { Rounds } from "../rounds.ts";
import type { AdmissionPlugin, AdmissionRequest, AdmissionView } from "../plugin.ts";
import {
	annotateAnswer,
	CallFailed,
	dryRunUnsupported,
	failedCalling,
	rejection,
	reviewBody,
	reviewVersionOf,
	verdict,
	type Verdict,
} from "../webhooks/admission-review.ts";
import { candidatesOf, type Invocation, invocationOf, questionOf } from "../webhooks/webhook-matching.ts";
import type { Webhook } from "../webhooks/webhook-set.ts";

const NAME = "MutatingAdmissionWebhook";
const WITHOUT_SIDE_EFFECTS = ["None", "NoneOnDryRun"];

/** The object that the patch makes, decoded and with its defaults. Throws CallFailed, or what upstream answers for a patch that does not apply. */
function patchedObject(request: AdmissionRequest, { webhook, kind, seen }: Invocation, patch: string, view: AdmissionView): KubeObject | undefined {
	const name = webhook.hook.name;
	let operations: Json;
	try {
		operations = JSON.parse(patch) as Json;
		if (!Array.isArray(operations)) throw new Error("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
	} catch (error) {
		throw failedCalling(name, `received undecodable patch in webhook response: ${(error as Error).message}`);
	}
	if (operations.length === 0) return undefined;
	if (seen.object === undefined)
		throw internalFailure(`admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`);
	const document = applied(seen.object, operations);
	if (request.subresource === "scale") return scaled(request, document as unknown as Scale);
	return objectOf(request, kind, document, view);
}

function applied(object: KubeObject, operations: Json[]): JsonObject {
	try {
		return applyJsonPatch(structuredClone(object) as unknown as JsonObject, operations) as JsonObject;
	} catch (error) {
		throw internalFailure((error as Error).message);
	}
}

function scaled({ kind, object }: AdmissionRequest, scale: Scale): KubeObject {
	const next = structuredClone(object);
	applyScale(kind, next, scale);
	return next;
}

/** Asks one webhook. Returns whether it changed the object. */
function ask(request: AdmissionRequest, invocation: Invocation, view: AdmissionView): boolean {
	const { hook } = invocation.webhook;
	if (request.dryRun && !WITHOUT_SIDE_EFFECTS.includes(hook.sideEffects)) throw dryRunUnsupported(hook.name);
	const version = reviewVersionOf(hook);
	const [outcome] = view.ask([questionOf(invocation, reviewBody(request, invocation.seen, version))]);
	if (outcome === undefined) return false;
	const said: Verdict = verdict(hook, outcome, version, true);
	annotateAnswer(request, hook.name, said);
	for (const warning of said.warnings) request.addWarning(warning);
	if (!said.allowed) throw rejection(hook.name, said.status);
	const next = said.patch === "" ? undefined : patchedObject(request, invocation, said.patch, view);
	if (next === undefined) return false;
	annotatePatch(request, invocation, said.patch);
	if (semanticEqual(next, request.object)) return false;
	request.object = next;
	return true;
}

const annotationKey = (prefix: string, { reinvocation }: AdmissionRequest, { index }: Webhook): string =>
	`${prefix}.webhook.admission.k8s.io/round_${reinvocation.isReinvoke ? 1 : 0}_index_${index}`;

function annotatePatch(request: AdmissionRequest, { webhook }: Invocation, patch: string): void {
	const value = { configuration: webhook.configuration, webhook: webhook.hook.name, patch: JSON.parse(patch) as Json, patchType: "JSONPatch" };
	request.annotate?.(annotationKey("patch", request, webhook), JSON.stringify(value));
}

/** The same, telling the audit log whether the webhook changed anything. */
function askAudited(request: AdmissionRequest, invocation: Invocation, view: AdmissionView): boolean {
	const { webhook } = invocation;
	let mutated = false;
	try {
		mutated = ask(request, invocation, view);
		return mutated;
	} finally {
		request.annotate?.(
			annotationKey("mutation", request, webhook),
			JSON.stringify({ configuration: webhook.configuration, webhook: webhook.hook.name, mutated }),
		);
	}
}

function askAll(request: AdmissionRequest, view: AdmissionView, rounds: Rounds): void {
	const set = view.webhooks()?.mutating;
	if (set === undefined) return;
	const { versions, webhooks } = candidatesOf(set, request, view);
	for (const webhook of webhooks) {
		const invocation = invocationOf(webhook, request, versions, view);
		if (invocation === undefined || (request.reinvocation.isReinvoke && !rounds.isAskedAgain(webhook.id))) continue;
		const { failurePolicy, reinvocationPolicy } = webhook.hook;
		try {
			if (askAudited(request, invocation, view)) {
				rounds.requireAgain();
				request.reinvocation.isWanted = true;
			}
		} catch (error) {
			if (!(error instanceof CallFailed)) throw error;
			if (failurePolicy !== "Ignore") throw error.refusal();
			request.annotate?.(annotationKey("failed-open.mutation", request, webhook), webhook.hook.name);
		}
		if (reinvocationPolicy === "IfNeeded") rounds.mayBeAskedAgain(webhook.id);
	}
}

export const mutatingAdmissionWebhook: AdmissionPlugin = {
	name: NAME,
	resources: "*",
	operations: ["CREATE", "UPDATE", "DELETE", "CONNECT"],
	subresources: "*",
	mutate(request, view) {
		if (request.webhooksAsked || view.webhooks()?.mutating.isEmpty !== false) return;
		const rounds = Rounds.of(request, NAME);
		if (request.reinvocation.isReinvoke && rounds.changedSince(request.object)) rounds.requireAgain();
		askAll(request, view, rounds);
		rounds.left(request.object);
	},
};
