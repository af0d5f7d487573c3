/**
 * Conversion of custom objects by their definition's webhook: what it is asked (apiextensions.k8s.io ConversionReview), and
 * what is made of its answer (k8s.io/apiextensions-apiserver/pkg/apiserver/conversion).
 */
import type { CallOutcome, CallTarget, Question } from "../admission/outside-call.ts";
import { answerOf } from "../admission/webhooks/webhook-answer.ts";
import { targetOf } from "../admission/webhooks/webhook-set.ts";
import { fieldErrorText } from "../errors/field-error.ts";
import { plainError } from "../errors/status-error.ts";
import { isJsonObject, type Json, type JsonObject, type KubeObject } from "../meta/object.ts";
import { validateAnnotations, validateLabels } from "../meta/object-meta-validation.ts";
import type { CustomResourceDefinition } from "../schema/kubernetes.d.ts";

const GROUP = "apiextensions.k8s.io";
const KIND = "ConversionReview";
const REVIEW_VERSIONS = ["v1", "v1beta1"];
/** As client-go's default for webhooks. */
const TIMEOUT_SECONDS = 30;
/** Objects in one review at most: the pages of a list are about as long. */
export const REVIEW_OBJECTS_MAX = 500;

/** How objects of a kind that are stored in other versions become one of this. */
export interface Conversion {
	/** apiVersion of what is stored. */
	storage: string;
	target: CallTarget;
	/** Of ConversionReview: the first that both sides speak. */
	reviewVersion: string;
}

/** Undefined where versions differ in nothing but their name. */
export function conversionOf({ spec: { group, conversion, versions } }: CustomResourceDefinition): Conversion | undefined {
	const webhook = conversion?.strategy === "Webhook" ? conversion.webhook : undefined;
	const storage = versions.find((version) => version.storage)?.name;
	const reviewVersion = webhook?.conversionReviewVersions.find((version) => REVIEW_VERSIONS.includes(version));
	if (!webhook?.clientConfig || storage === undefined || reviewVersion === undefined) return undefined;
	return { storage: `${group}/${storage}`, target: targetOf(webhook.clientConfig), reviewVersion };
}

export function conversionQuestion({ target, reviewVersion }: Conversion, objects: readonly KubeObject[], desiredAPIVersion: string): Question {
	const rest = JSON.stringify({ desiredAPIVersion, objects }).slice(1);
	const body = (uid: string) => `{"kind":"${KIND}","apiVersion":"${GROUP}/${reviewVersion}","request":{"uid":${JSON.stringify(uid)},${rest}}\n`;
	return { target, timeoutSeconds: TIMEOUT_SECONDS, body };
}

/** How Go prints a type. */
const typeText = ({ apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">): string => `${apiVersion}, Kind=${kind}`;

function answered({ reviewVersion }: Conversion, outcome: CallOutcome): Json[] {
	const review = answerOf(outcome);
	const isV1 = reviewVersion === "v1";
	const expected = { apiVersion: `${GROUP}/${reviewVersion}`, kind: KIND };
	const got = { apiVersion: String(review["apiVersion"] ?? ""), kind: String(review["kind"] ?? "") };
	if (isV1 && typeText(got) !== typeText(expected)) throw new Error(`expected webhook response of ${typeText(expected)}, got ${typeText(got)}`);
	const response = review["response"];
	if (!isJsonObject(response)) throw new Error("no response provided");
	const { uid = "", result = {}, convertedObjects } = response;
	if (isV1 && uid !== outcome.uid) throw new Error(`expected response.uid=${JSON.stringify(outcome.uid)}, got ${JSON.stringify(uid)}`);
	const { status = "", message = "" } = isJsonObject(result) ? result : {};
	if (status !== "Success") throw new Error(message ? String(message) : `response.result.status was '${status}', not 'Success'`);
	return Array.isArray(convertedObjects) ? convertedObjects : [];
}

const SAME_METADATA = [
	["name", "name"],
	["namespace", "namespace"],
	["uid", "UID"],
] as const;

/** A webhook may change nothing of what says which object this is. */
function checkSame({ metadata }: KubeObject, converted: JsonObject): void {
	const its = isJsonObject(converted["metadata"]) ? converted["metadata"] : {};
	for (const [field, called] of SAME_METADATA) {
		const [before, after] = [metadata[field] ?? "", its[field] ?? ""];
		if (before !== after) throw new Error(`invalid object: must have the same ${called}: ${before} != ${after}`);
	}
}

/** Labels or annotations of the answer, the only metadata that a webhook may change. */
function textsOf(field: "labels" | "annotations", given: Json): Record<string, string> {
	if (!isJsonObject(given)) throw new Error(`invalid metadata: invalid metadata.${field} of type ${typeof given} in converted object`);
	for (const [key, text] of Object.entries(given))
		if (typeof text !== "string") throw new Error(`invalid metadata: metadata.${field}[${key}] must be a string, but is ${typeof text} in converted object`);
	const texts = given as Record<string, string>;
	const errors = field === "labels" ? validateLabels(texts, "metadata.labels") : validateAnnotations(texts, "metadata.annotation");
	if (errors.length > 0) throw new Error(`invalid metadata: ${errors.map(fieldErrorText).join(", ")}`);
	return texts;
}

function metadataOf({ metadata }: KubeObject, converted: JsonObject): KubeObject["metadata"] {
	const given = converted["metadata"];
	if (given === undefined) throw new Error("invalid metadata: missing metadata in converted object");
	if (!isJsonObject(given)) throw new Error(`invalid metadata: invalid metadata of type ${typeof given} in converted object`);
	const restored = { ...metadata };
	for (const field of ["labels", "annotations"] as const) {
		const texts = given[field];
		if (texts === undefined || texts === null) delete restored[field];
		else restored[field] = textsOf(field, texts);
	}
	return restored;
}

/** @throws Error that says what is wrong with the answer. */
function converted(original: KubeObject, given: Json | undefined, desired: string): KubeObject {
	if (!isJsonObject(given)) throw new Error("invalid object: it is no object");
	const { apiVersion = "", kind = "" } = given;
	if (apiVersion !== desired) throw new Error(`invalid object at index 0: invalid groupVersion (expected ${desired}, received ${apiVersion})`);
	if (kind !== original.kind) throw new Error(`invalid object at index 0: invalid kind (expected ${original.kind}, received ${kind})`);
	checkSame(original, given);
	const { apiVersion: _, kind: __, metadata: ___, ...rest } = given;
	return { apiVersion: desired, kind: original.kind, metadata: metadataOf(original, given), ...rest } as KubeObject;
}

/** What the webhook made of the objects. Throws what the client is told when it made nothing of them. */
export function convertedObjects(conversion: Conversion, objects: readonly KubeObject[], desired: string, outcome: CallOutcome): KubeObject[] {
	const webhook = `conversion webhook for ${objects[0] ? typeText(objects[0]) : desired}`;
	let made: Json[];
	try {
		made = answered(conversion, outcome);
	} catch (error) {
		throw plainError(`${webhook} failed: ${(error as Error).message}`);
	}
	if (made.length !== objects.length) throw plainError(`${webhook} returned ${made.length} objects, expected ${objects.length}`);
	return objects.map((object, index) => {
		try {
			return converted(object, made[index], desired);
		} catch (error) {
			throw plainError(`${webhook} returned ${(error as Error).message}`);
		}
	});
}
