/** A delivery made ready to be sent: its headers with what Secrets hold, and its signatures. */
import { base64ToBytes } from "../../core/codec/base64.ts";
import type { Secret, WebhookSecretKey } from "../../core/schema/kubernetes.d.ts";
import { type CloudEvent, requestOf } from "../../core/webhooks/cloud-event.ts";
import { ID_HEADER, parseWebhookKey, SIGNATURE_HEADER, signMessage, TIMESTAMP_HEADER, type WebhookKey } from "../../core/webhooks/standard-webhooks.ts";
import type { Subscription } from "../../core/webhooks/subscription.ts";
import type { WebhookCall } from "./webhook-ports.ts";

const USER_AGENT = "petrel-webhooks/1";
const MS_PER_SECOND = 1_000;

/** What keeps a delivery from being made at all: a Secret that is missing, a key that is none. */
export class Misconfigured extends Error {}

export type SecretReader = (namespace: string, name: string) => Promise<Secret | undefined>;

async function textOf(reference: WebhookSecretKey, own: string, read: SecretReader): Promise<string> {
	const namespace = reference.namespace || own;
	const secret = await read(namespace, reference.name);
	if (secret === undefined) throw new Misconfigured(`secret "${namespace}/${reference.name}" not found`);
	const value = secret.data?.[reference.key];
	if (value === undefined) throw new Misconfigured(`secret "${namespace}/${reference.name}" has no key ${JSON.stringify(reference.key)}`);
	return new TextDecoder().decode(base64ToBytes(value));
}

async function keyOf(reference: WebhookSecretKey, own: string, read: SecretReader): Promise<WebhookKey> {
	const text = await textOf(reference, own, read);
	try {
		const key = parseWebhookKey(text);
		if (key.type !== "ed25519-public") return key;
	} catch (error) {
		throw new Misconfigured(`key ${JSON.stringify(reference.key)} of secret ${JSON.stringify(reference.name)}: ${(error as Error).message}`);
	}
	throw new Misconfigured(`key ${JSON.stringify(reference.key)} of secret ${JSON.stringify(reference.name)}: a public key signs nothing`);
}

async function ownHeaders({ spec, namespace }: Subscription, read: SecretReader): Promise<Record<string, string>> {
	const headers: Record<string, string> = {};
	for (const { name, value, secretKeyRef } of spec.target.headers ?? []) {
		const text = secretKeyRef ? (await textOf(secretKeyRef, namespace, read)).trim() : (value ?? "");
		if (!/^[\x20-\x7e]*$/.test(text)) throw new Misconfigured(`the value of header ${JSON.stringify(name)} is not printable ASCII`);
		headers[name.toLowerCase()] = text;
	}
	return headers;
}

/** @throws Misconfigured */
export async function callOf(subscription: Subscription, event: CloudEvent, nowMs: number, read: SecretReader): Promise<WebhookCall> {
	const { spec, namespace } = subscription;
	const { headers, body } = requestOf(event, spec.payload ?? {});
	const given = await ownHeaders(subscription, read);
	const keys = await Promise.all((spec.signingSecrets ?? []).map((reference) => keyOf(reference, namespace, read)));
	const message = { id: event.attributes["id"] ?? "", timestamp: Math.floor(nowMs / MS_PER_SECOND), body };
	const signed: Record<string, string> = keys.length === 0 ? {} : { [SIGNATURE_HEADER]: await signMessage(keys, message) };
	return {
		target: spec.target,
		namespace,
		headers: { "user-agent": USER_AGENT, ...given, ...headers, [ID_HEADER]: message.id, [TIMESTAMP_HEADER]: String(message.timestamp), ...signed },
		body,
	};
}
