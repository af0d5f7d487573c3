/** Basic authentication by htpasswd's hashes: apr1 (htpasswd's default), {SHA} and {PLAIN}. */
import { base64ToBytes, bytesToBase64 } from "../codec/base64.ts";
import type { Secret } from "../schema/kubernetes.d.ts";

/** What a digest is made by; core has none of its own. */
export interface Digests {
	md5(bytes: Uint8Array): Uint8Array;
	sha1(bytes: Uint8Array): Uint8Array;
}

/** Users of one Secret. */
const USERS_MAX = 10_000;
const MD5_BYTES = 16;
const ROUNDS = 1_000;
const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** "auth-file": the key `auth` holds an htpasswd file. "auth-map": every key is a user. */
export function basicAuthUsers(secret: Secret | undefined, type: string): Record<string, string> {
	const data = Object.entries(secret?.data ?? {}).map(([key, value]) => [key, decoder.decode(base64ToBytes(value)).trim()] as const);
	if (type === "auth-map") return Object.fromEntries(data.slice(0, USERS_MAX));
	const lines = (data.find(([key]) => key === "auth")?.[1] ?? "").split("\n").slice(0, USERS_MAX);
	return Object.fromEntries(
		lines.flatMap((line) => {
			const [user = "", hash = ""] = line.trim().split(":");
			return user === "" || user.startsWith("#") || hash === "" ? [] : [[user, hash]];
		}),
	);
}

/** Whether an Authorization header names one of the users by their password. */
export function isAuthenticated(header: string | null, users: Record<string, string>, digests: Digests): boolean {
	const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? "") ?? [];
	if (encoded === undefined) return false;
	const text = textOf(encoded);
	const colon = text.indexOf(":");
	if (colon < 0) return false;
	const hash = Object.hasOwn(users, text.slice(0, colon)) ? users[text.slice(0, colon)] : undefined;
	return hash !== undefined && matches(text.slice(colon + 1), hash, digests);
}

/** "" for what is no base64. */
function textOf(encoded: string): string {
	try {
		return decoder.decode(base64ToBytes(encoded));
	} catch {
		return "";
	}
}

function matches(password: string, hash: string, digests: Digests): boolean {
	if (hash.startsWith("{SHA}")) return isSame(bytesToBase64(digests.sha1(encoder.encode(password))), hash.slice("{SHA}".length));
	if (hash.startsWith("{PLAIN}")) return isSame(password, hash.slice("{PLAIN}".length));
	const [, magic = "", salt = ""] = /^(\$apr1\$|\$1\$)([^$]{1,8})\$/.exec(hash) ?? [];
	return magic !== "" && isSame(md5Crypt(password, salt, magic, digests.md5), hash);
}

/** Takes as long whatever the first difference is. */
function isSame(a: string, b: string): boolean {
	let difference = a.length ^ b.length;
	for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(1, b.length));
	return difference === 0;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}

/** Poul-Henning Kamp's md5crypt, as Apache's apr_md5_encode has it. */
function md5Crypt(passwordText: string, saltText: string, magic: string, md5: Digests["md5"]): string {
	const [password, salt] = [encoder.encode(passwordText), encoder.encode(saltText)];
	const inner = md5(join([password, salt, password]));
	const parts = [password, encoder.encode(magic), salt];
	for (let left = password.length; left > 0; left -= MD5_BYTES) parts.push(inner.subarray(0, Math.min(MD5_BYTES, left)));
	for (let bits = password.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? new Uint8Array(1) : password.subarray(0, 1));
	let hash = md5(join(parts));
	for (let round = 0; round < ROUNDS; round++) {
		const isOdd = (round & 1) === 1;
		hash = md5(join([isOdd ? password : hash, ...(round % 3 ? [salt] : []), ...(round % 7 ? [password] : []), isOdd ? hash : password]));
	}
	return `${magic}${saltText}$${md5Text(hash)}`;
}

/** The bytes in md5crypt's own order, six bits a character. */
function md5Text(hash: Uint8Array): string {
	const byte = (index: number): number => hash[index] ?? 0;
	const groups = [0, 1, 2, 3, 4].map((i) => (byte(i) << 16) | (byte(i + 6) << 8) | byte(i === 4 ? 5 : i + 12));
	const sixes = (value: number, count: number): string => Array.from({ length: count }, (_, i) => ALPHABET[(value >> (6 * i)) & 0x3f]).join("");
	return groups.map((group) => sixes(group, 4)).join("") + sixes(byte(11), 2);
}
