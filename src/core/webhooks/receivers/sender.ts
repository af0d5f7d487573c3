/**
 * What a sender of webhooks is: how its requests prove that they are its own, and what they say. One file a sender type in
 * senders/. Pure: the secret and the clock come in.
 */
import type { Json, JsonObject } from "../../meta/object.ts";
import { constantTimeEqual } from "../../codec/constant-time.ts";
import type { HmacOptions } from "./receiver.ts";

/** By WebCrypto's names. */
export type HmacAlgorithm = "SHA-1" | "SHA-256" | "SHA-512";

/** A request as it came. */
export interface Incoming {
	/** By lower-case name. */
	headers: Readonly<Record<string, string>>;
	body: Uint8Array;
	/** What stands behind the token in the URL; "" for nothing. */
	urlSecret: string;
}

export interface VerifyContext {
	/** Any of them will do: while a secret is being replaced there are two. */
	secrets: readonly Uint8Array[];
	nowMs: number;
	hmac: HmacOptions | undefined;
}

export interface Proof {
	/** The delivery's id as the sender has it; "" where it has none. */
	id: string;
	/** What tells this delivery from any other, and what no replay of it can change; by default the digest of the body. */
	replayKey?: string;
}

/** Why a request is not believed: words for the sender's operator, without any of what was expected. */
export class SenderRefused extends Error {}

/** An image that was pushed. */
export interface PushedImage {
	/** With its registry's host where the sender knows it: "ghcr.io/octo/app", "docker.io/library/nginx". */
	repository: string;
	/** "" where the push had none. */
	tag: string;
	/** "sha256:..."; "" where the sender does not say. */
	digest: string;
}

export interface PullRequest {
	number: number;
	action: "opened" | "updated" | "closed";
	/** "octo/app" */
	repository: string;
	/** The branch that is to be merged. */
	branch: string;
	/** Its last commit. */
	commit: string;
	title: string;
}

/** One thing that happened, whoever tells of it. Expressions know it as `event`. */
export interface SenderEvent {
	id: string;
	/** As the sender names it: "push", "pull_request", "PUSH_ARTIFACT". */
	type: string;
	/** When it happened, in milliseconds since 1970; undefined where the sender does not say. */
	timeMs?: number;
	image?: PushedImage;
	pullRequest?: PullRequest;
}

/** What a request says. */
export interface Reading {
	events: readonly SenderEvent[];
	/** The sender only asks whether anybody is there. */
	ping?: boolean;
}

export interface Sender {
	/** Rejects with SenderRefused. */
	verify(incoming: Incoming, context: VerifyContext): Promise<Proof>;
	/** Of a request that is believed. Throws SenderRefused for what is not this sender's. */
	read(payload: Json, headers: Incoming["headers"], proof: Proof): Reading;
}

/** Events in one request: a registry's envelope may hold several. */
export const EVENTS_MAX = 100;

const encoder = new TextEncoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);

export const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

const digest = async (bytes: Uint8Array): Promise<Uint8Array> => new Uint8Array(await crypto.subtle.digest("SHA-256", owned(bytes)));

/** Whether the text is one of the secrets. Looks at all of them, whichever it is; digests of them, so that their lengths show nothing. */
export async function isSecret(text: string, { secrets }: Pick<VerifyContext, "secrets">): Promise<boolean> {
	const given = await digest(bytesOf(text));
	let found = false;
	for (const secret of secrets) found = constantTimeEqual(given, await digest(secret)) || found;
	return found && text !== "";
}

/** Whether one of the secrets makes this signature of the data. */
export async function isSigned(hash: HmacAlgorithm, data: Uint8Array, signature: Uint8Array, { secrets }: Pick<VerifyContext, "secrets">): Promise<boolean> {
	let found = false;
	for (const secret of secrets) {
		// An empty key signs for everybody; WebCrypto takes none.
		if (secret.length === 0) continue;
		const key = await crypto.subtle.importKey("raw", owned(secret), { name: "HMAC", hash }, false, ["verify"]);
		found = (await crypto.subtle.verify("HMAC", key, owned(signature), owned(data))) || found;
	}
	return found;
}

/** The `Authorization` header, or its credentials, is one of the secrets. */
export async function verifyAuthorization({ headers }: Incoming, context: VerifyContext): Promise<void> {
	const header = headers["authorization"];
	if (header === undefined) throw new SenderRefused("the request has no Authorization header");
	// The secret may be the header as a whole, or what stands behind its scheme.
	const isWhole = await isSecret(header, context);
	const isCredentials = await isSecret(header.replace(/^\S+ +/, ""), context);
	if (!isWhole && !isCredentials) throw new SenderRefused("the Authorization header is not the receiver's secret");
}

export const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** The value at a path of members; undefined where the path breaks off. */
export function at(value: Json | undefined, ...path: string[]): Json | undefined {
	let found = value;
	for (const member of path) found = isObject(found) && Object.hasOwn(found, member) ? found[member] : undefined;
	return found;
}

/** The text at a path; "" where there is none. */
export function textAt(value: Json | undefined, ...path: string[]): string {
	const found = at(value, ...path);
	return typeof found === "string" ? found : "";
}

/** A moment as senders write it: RFC 3339, or "2006-01-02 15:04:05 UTC". */
export function momentOf(text: string): number | undefined {
	const ms = Date.parse(text.replace(/^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/, "$1T$2Z"));
	return Number.isNaN(ms) ? undefined : ms;
}

/** Seconds since 1970, as some senders count. */
export const secondsOf = (value: Json | undefined): number | undefined => (typeof value === "number" && Number.isFinite(value) ? value * 1000 : undefined);

/** The member only where it is known. */
export const known = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
	value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
