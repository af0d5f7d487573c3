/** The label that tells a Deployment's ReplicaSets, and their pods, apart. */
import type { PodTemplateSpec } from "../../schema/kubernetes.d.ts";
import { canonicalJson } from "../canonical-json.ts";
import { semanticEqual } from "../../meta/equality.ts";

export const POD_TEMPLATE_HASH = "pod-template-hash";
/** rand.SafeEncodeString's alphabet: no vowels and no digits that read as one, so that no word comes about. */
const SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a of 32 bits. */
export function fnv1a32(bytes: Uint8Array): number {
	let hash = FNV_OFFSET;
	for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
	return hash >>> 0;
}

export function safeEncode(text: string): string {
	return [...text].map((char) => SAFE_ALPHABET[char.charCodeAt(0) % SAFE_ALPHABET.length]).join("");
}

/** Changes with any field of the template and, so that a clash of names can be left, with the collision count. */
export function podTemplateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
	const salt = collisionCount === undefined ? "" : `#${collisionCount}`;
	return safeEncode(String(fnv1a32(new TextEncoder().encode(canonicalJson(template) + salt))));
}

/** Whether two templates make the same pods: the hash label itself does not count (EqualIgnoreHash). */
export function equalIgnoringHash(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
	return semanticEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec {
	const { [POD_TEMPLATE_HASH]: _hash, ...labels } = template?.metadata?.labels ?? {};
	return { ...template, metadata: { ...template?.metadata, labels } };
}
