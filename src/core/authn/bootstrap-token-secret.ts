/** What a Secret of type bootstrap.kubernetes.io/token says (k8s.io/cluster-bootstrap/token). */
import type { Secret } from "../schema/kubernetes.d.ts";

export const TOKEN_TYPE = "bootstrap.kubernetes.io/token";

/** A key's value as text, "" when there is none. */
export function textOf(secret: Secret, key: string): string {
	try {
		return atob(secret.data?.[key] ?? "");
	} catch {
		return "";
	}
}

/** When the token ends; undefined when it never does; a date that cannot be read has passed. */
export function expiresAtMs(secret: Secret): number | undefined {
	const text = textOf(secret, "expiration");
	if (text === "") return undefined;
	const moment = Date.parse(text);
	return Number.isNaN(moment) ? 0 : moment;
}

export const isExpired = (secret: Secret, nowMs: number): boolean => (expiresAtMs(secret) ?? Number.POSITIVE_INFINITY) <= nowMs;
