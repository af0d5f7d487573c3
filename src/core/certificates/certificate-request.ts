/** What a PKCS#10 request says (RFC 2986), as far as Kubernetes asks. */
import { childrenOf, type DerValue, DerError, expectTag, oidText, pemBlock, readDer, TAG } from "./der.ts";

const COMMON_NAME = "2.5.4.3";
const ORGANIZATION = "2.5.4.10";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
/** Context tags of GeneralName. */
const EMAIL = 0x81;
const DNS = 0x82;
const URI = 0x86;
const IP = 0x87;
const ATTRIBUTES = 0xa0;

export interface CertificateRequest {
	commonName: string;
	organizations: string[];
	dnsNames: string[];
	ipAddresses: string[];
	emailAddresses: string[];
	uris: string[];
	/** As they go into the certificate: the subject, the public key, the extension of alternative names. */
	subject: Uint8Array;
	publicKey: Uint8Array;
	alternativeNames: Uint8Array | undefined;
	/** What is signed, by what, and the signature. */
	signed: Uint8Array;
	signatureAlgorithm: string;
	signature: Uint8Array;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function subjectValues(subject: DerValue): [string, string][] {
	return childrenOf(subject)
		.flatMap(childrenOf)
		.map((pair) => {
			const [type, value] = childrenOf(pair);
			return [oidText(expectTag(type, TAG.oid, "an attribute's type")), value ? text(value.content) : ""];
		});
}

function ipText(bytes: Uint8Array): string {
	if (bytes.length === 4) return [...bytes].join(".");
	return Array.from({ length: bytes.length / 2 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16)).join(":");
}

/** The extensions that the request asks for, by their identifiers. */
function extensionsOf(attributes: DerValue | undefined): Map<string, DerValue> {
	const found = new Map<string, DerValue>();
	for (const attribute of attributes ? childrenOf(attributes) : []) {
		const [type, values] = childrenOf(attribute);
		if (type === undefined || values === undefined || oidText(type) !== EXTENSION_REQUEST) continue;
		for (const extension of childrenOf(values).flatMap(childrenOf)) {
			const id = childrenOf(extension)[0];
			if (id !== undefined) found.set(oidText(id), extension);
		}
	}
	return found;
}

function generalNames(extension: DerValue | undefined): DerValue[] {
	const value = extension && childrenOf(extension).find(({ tag }) => tag === TAG.octetString);
	return value ? childrenOf(readDer(value.content)) : [];
}

function parse(bytes: Uint8Array): CertificateRequest {
	const [info, algorithm, signature] = childrenOf(expectTag(readDer(bytes), TAG.sequence, "the request"));
	const [, subject, publicKey, ...rest] = childrenOf(expectTag(info, TAG.sequence, "what is requested"));
	const values = subjectValues(expectTag(subject, TAG.sequence, "the subject"));
	const alternative = extensionsOf(rest.find(({ tag }) => tag === ATTRIBUTES)).get(SUBJECT_ALTERNATIVE_NAME);
	const names = generalNames(alternative);
	const named = (tag: number): Uint8Array[] => names.filter((name) => name.tag === tag).map(({ content }) => content);
	return {
		commonName: values.findLast(([type]) => type === COMMON_NAME)?.[1] ?? "",
		organizations: values.filter(([type]) => type === ORGANIZATION).map(([, value]) => value),
		dnsNames: named(DNS).map(text),
		ipAddresses: named(IP).map(ipText),
		emailAddresses: named(EMAIL).map(text),
		uris: named(URI).map(text),
		subject: expectTag(subject, TAG.sequence, "the subject").bytes,
		publicKey: expectTag(publicKey, TAG.sequence, "the public key").bytes,
		alternativeNames: alternative?.bytes,
		signed: expectTag(info, TAG.sequence, "what is requested").bytes,
		signatureAlgorithm: oidText(expectTag(childrenOf(expectTag(algorithm, TAG.sequence, "the algorithm"))[0], TAG.oid, "the algorithm")),
		signature: expectTag(signature, TAG.bitString, "the signature").content.subarray(1),
	};
}

/** Reads base64 of PEM, as it stands in spec.request; throws a DerError when it is none. */
export function readCertificateRequest(base64: string): CertificateRequest {
	let pem = "";
	try {
		pem = atob(base64);
	} catch {
		// What follows says it.
	}
	const bytes = pemBlock(pem, "CERTIFICATE REQUEST");
	if (bytes === undefined) throw new DerError("PEM block type must be CERTIFICATE REQUEST");
	return parse(bytes);
}
