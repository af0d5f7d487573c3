/** The caBundle of a conversion webhook: k8s.io/apiserver/pkg/util/webhook ValidateCABundle. */
import { type FieldError, invalid } from "../errors/field-error.ts";
import type { CustomResourceDefinition } from "../schema/kubernetes.d.ts";

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\s([A-Za-z0-9+/=\s]*?)-----END \1-----/g;
/** The first byte of every certificate: a DER sequence. */
const SEQUENCE = 0x30;

function isCertificate(base64: string): boolean {
	try {
		return atob(base64.replaceAll(/\s/g, "")).charCodeAt(0) === SEQUENCE;
	} catch {
		return false;
	}
}

/** What keeps a bundle's certificates from being read; undefined when nothing does, or there is none. */
function problemOf(bundle: string): string | undefined {
	if (bundle === "") return undefined;
	const blocks = [...atob(bundle).matchAll(PEM_BLOCK)];
	if (blocks.length === 0) return "unable to load root certificates: unable to parse bytes as PEM block";
	const isWrong = ([, type, base64 = ""]: RegExpMatchArray) => type === "CERTIFICATE" && !isCertificate(base64);
	return blocks.some(isWrong) ? "unable to load root certificates: failed to parse certificate: x509: malformed certificate" : undefined;
}

const bundleOf = ({ spec }: CustomResourceDefinition): string => spec.conversion?.webhook?.clientConfig?.caBundle ?? "";

export const hasBadBundle = (definition: CustomResourceDefinition): boolean => problemOf(bundleOf(definition)) !== undefined;

export function validateBundle(definition: CustomResourceDefinition): FieldError[] {
	const problem = problemOf(bundleOf(definition));
	return problem === undefined ? [] : [invalid("spec.conversion.webhookClientConfig.caBundle", bundleOf(definition), problem)];
}
