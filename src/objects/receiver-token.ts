/** The token in a receiver's URL: its uid and a MAC, so that the front door wakes no object for a URL that somebody made up. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Bytes of a uid, and of the MAC that is left of SHA-256's. */
const UID_BYTES = 16;
const MAC_BYTES = 16;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

interface Named {
	/** The cluster's id. */
	cluster: string;
	namespace: string;
	name: string;
}

function macOf(signingKey: string, { cluster, namespace, name }: Named, uid: Buffer): Buffer {
	const { d = "" } = JSON.parse(signingKey) as { d?: string };
	const mac = createHmac("sha256", `petrel webhook receiver ${d}`);
	return mac.update(`${cluster}\n${namespace}\n${name}\n`).update(uid).digest().subarray(0, MAC_BYTES);
}

/** `signingKey`: PETREL_SIGNING_KEY. */
export function receiverToken(signingKey: string, named: Named, uid: string): string {
	const bytes = Buffer.from(uid.replaceAll("-", ""), "hex");
	return Buffer.concat([bytes, macOf(signingKey, named, bytes)]).toString("base64url");
}

/** The uid that a genuine token is for; undefined for any other. */
export function uidOfToken(signingKey: string, named: Named, token: string): string | undefined {
	if (!TOKEN.test(token)) return undefined;
	const bytes = Buffer.from(token, "base64url");
	const uid = bytes.subarray(0, UID_BYTES);
	if (!timingSafeEqual(bytes.subarray(UID_BYTES), macOf(signingKey, named, uid))) return undefined;
	const hex = uid.toString("hex");
	return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
