/**
 * Client certificates, where the platform asks for them and has verified them (mTLS of the zone): the common name is the
 * user, the organisations are its groups, as upstream's x509 authenticator has it.
 */
import type { UserInfo } from "../core/api/request.ts";
import { GROUP_AUTHENTICATED } from "../core/protocol/tokens.ts";

interface TlsClientAuth {
	certPresented?: string;
	certVerified?: string;
	certRevoked?: string;
	certSubjectDNRFC2253?: string;
}

/** The attributes of a distinguished name as RFC 2253 writes it, in its order. */
export function distinguishedName(text: string): [string, string][] {
	const attributes: [string, string][] = [];
	for (const part of text.match(/(?:\\.|"(?:\\.|[^"\\])*"|[^,+;\\"])+/g) ?? []) {
		const at = part.indexOf("=");
		if (at < 0) continue;
		attributes.push([part.slice(0, at).trim().toUpperCase(), unescaped(part.slice(at + 1).trim())]);
	}
	return attributes;
}

function unescaped(value: string): string {
	const text = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
	const bytes = text.replace(/(?:\\[0-9a-fA-F]{2})+/g, (run) =>
		new TextDecoder().decode(Uint8Array.from(run.split("\\").slice(1), (hex) => Number.parseInt(hex, 16))),
	);
	return bytes.replace(/\\(.)/g, "$1");
}

/** Undefined when no certificate came, or one that was not verified. */
export function certificateUser(request: Request): UserInfo | undefined {
	const tls = (request as { cf?: { tlsClientAuth?: TlsClientAuth } }).cf?.tlsClientAuth;
	if (tls?.certPresented !== "1" || tls.certVerified !== "SUCCESS" || tls.certRevoked === "1") return undefined;
	const attributes = distinguishedName(tls.certSubjectDNRFC2253 ?? "");
	const name = attributes.find(([type]) => type === "CN")?.[1];
	if (!name) return undefined;
	const groups = attributes.filter(([type]) => type === "O").map(([, value]) => value);
	return { name, groups: [...new Set([...groups, GROUP_AUTHENTICATED])] };
}
