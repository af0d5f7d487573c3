/** Issues X.509 certificates (RFC 5280) for requests, as pkg/controller/certificates/authority does. What signs comes in from outside. */
import type { CertificateRequest } from "./certificate-request.ts";
import { childrenOf, type DerValue, DerError, expectTag, oidBytes, oidText, pemBlock, pemText, readDer, TAG, timeBytes, writeDer } from "./der.ts";

const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const RSA_WITH_SHA256 = "1.2.840.113549.1.1.11";
const RSA_KEY = "1.2.840.113549.1.1.1";
const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const VERSION_3 = Uint8Array.of(0x02, 0x01, 0x02);
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const KEY_IDENTIFIER = 0x80;
const TRUE = Uint8Array.of(0x01, 0x01, 0xff);

/** Bits of KeyUsage, the first one first. */
const KEY_USAGE_BITS: Readonly<Record<string, number>> = {
	signing: 0,
	"digital signature": 0,
	"content commitment": 1,
	"key encipherment": 2,
	"data encipherment": 3,
	"key agreement": 4,
	"cert sign": 5,
	"crl sign": 6,
	"encipher only": 7,
	"decipher only": 8,
};
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
	any: "2.5.29.37.0",
	"server auth": "1.3.6.1.5.5.7.3.1",
	"client auth": "1.3.6.1.5.5.7.3.2",
	"code signing": "1.3.6.1.5.5.7.3.3",
	"email protection": "1.3.6.1.5.5.7.3.4",
	"s/mime": "1.3.6.1.5.5.7.3.4",
	"ipsec end system": "1.3.6.1.5.5.7.3.5",
	"ipsec tunnel": "1.3.6.1.5.5.7.3.6",
	"ipsec user": "1.3.6.1.5.5.7.3.7",
	timestamping: "1.3.6.1.5.5.7.3.8",
	"ocsp signing": "1.3.6.1.5.5.7.3.9",
	"microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
	"netscape sgc": "2.16.840.1.113730.4.1",
};

/** What signs: it holds the CA's key, which stays outside. */
export interface CertificateAuthority {
	/** PEM. */
	certificate: string;
	/** With SHA-256: ECDSA in DER, or RSA PKCS#1, by the key's kind. */
	sign(bytes: Uint8Array): Uint8Array;
	/** Whether the request is signed with its own key. */
	isSelfSigned(request: CertificateRequest): boolean;
}

interface Issuer {
	name: Uint8Array;
	notAfterMs: number;
	keyIdentifier: Uint8Array | undefined;
	algorithm: Uint8Array;
}

/** The parts of TBSCertificate, without the version. */
function bodyOf(pem: string): DerValue[] {
	const bytes = pemBlock(pem, "CERTIFICATE");
	if (bytes === undefined) throw new DerError("the certificate is not in PEM");
	const [body] = childrenOf(expectTag(readDer(bytes), TAG.sequence, "the certificate"));
	const parts = childrenOf(expectTag(body, TAG.sequence, "the certificate's body"));
	return parts[0]?.tag === VERSION ? parts.slice(1) : parts;
}

function momentOf({ tag, content }: DerValue): number {
	const text = new TextDecoder().decode(content);
	const digits = tag === TAG.generalizedTime ? text : `${Number(text.slice(0, 2)) >= 50 ? "19" : "20"}${text}`;
	const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits) ?? [];
	return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** When a certificate ends, in milliseconds since 1970. */
export function notAfterMs(pem: string): number {
	const [, , , validity] = bodyOf(pem);
	const end = validity && childrenOf(validity)[1];
	if (end === undefined) throw new DerError("the certificate has no validity");
	return momentOf(end);
}

function issuerOf(pem: string): Issuer {
	const [, , , , subject, publicKey, ...rest] = bodyOf(pem);
	const keyAlgorithm = publicKey && childrenOf(publicKey)[0];
	const keyType = keyAlgorithm && childrenOf(keyAlgorithm)[0];
	const extensions = rest.find(({ tag }) => tag === EXTENSIONS);
	const all = extensions ? childrenOf(extensions).flatMap(childrenOf) : [];
	const identifier = all.find((extension) => oidText(expectTag(childrenOf(extension)[0], TAG.oid, "an extension's type")) === SUBJECT_KEY_IDENTIFIER);
	const value = identifier && childrenOf(identifier).find(({ tag }) => tag === TAG.octetString);
	const isRsa = keyType !== undefined && oidText(keyType) === RSA_KEY;
	return {
		name: expectTag(subject, TAG.sequence, "the certificate's subject").bytes,
		notAfterMs: notAfterMs(pem),
		keyIdentifier: value && readDer(value.content).content,
		algorithm: isRsa ? writeDer(TAG.sequence, oidBytes(RSA_WITH_SHA256), Uint8Array.of(0x05, 0x00)) : writeDer(TAG.sequence, oidBytes(ECDSA_WITH_SHA256)),
	};
}

const extension = (id: string, critical: boolean, value: Uint8Array): Uint8Array =>
	writeDer(TAG.sequence, oidBytes(id), ...(critical ? [TRUE] : []), writeDer(TAG.octetString, value));

function keyUsageBits(usages: readonly string[]): Uint8Array | undefined {
	const bits = usages.map((usage) => KEY_USAGE_BITS[usage]).filter((bit) => bit !== undefined);
	if (bits.length === 0) return undefined;
	const last = Math.max(...bits);
	const bytes = new Uint8Array(Math.floor(last / 8) + 1);
	for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
	return writeDer(TAG.bitString, Uint8Array.of(7 - (last & 7)), bytes);
}

function extensionsFor(request: CertificateRequest, usages: readonly string[], issuer: Issuer): Uint8Array {
	const keyUsage = keyUsageBits(usages);
	const extended = [...new Set(usages.map((usage) => EXTENDED_USAGES[usage]).filter((id) => id !== undefined))];
	const identifier = issuer.keyIdentifier && writeDer(TAG.sequence, writeDer(KEY_IDENTIFIER, issuer.keyIdentifier));
	const list = [
		...(keyUsage ? [extension(KEY_USAGE, true, keyUsage)] : []),
		...(extended.length > 0 ? [extension(EXTENDED_KEY_USAGE, false, writeDer(TAG.sequence, ...extended.map(oidBytes)))] : []),
		extension(BASIC_CONSTRAINTS, true, writeDer(TAG.sequence)),
		...(identifier ? [extension(AUTHORITY_KEY_IDENTIFIER, false, identifier)] : []),
		...(request.alternativeNames ? [request.alternativeNames] : []),
	];
	return writeDer(EXTENSIONS, writeDer(TAG.sequence, ...list));
}

export interface IssueOptions {
	usages: readonly string[];
	notBeforeMs: number;
	/** Never beyond the CA's own end. */
	notAfterMs: number;
	/** A positive number, at most 20 bytes. */
	serial: Uint8Array;
}

/** The certificate, as PEM. */
export function issueCertificate(authority: CertificateAuthority, request: CertificateRequest, options: IssueOptions): string {
	const issuer = issuerOf(authority.certificate);
	const validity = writeDer(TAG.sequence, timeBytes(options.notBeforeMs), timeBytes(Math.min(options.notAfterMs, issuer.notAfterMs)));
	const body = writeDer(
		TAG.sequence,
		writeDer(VERSION, VERSION_3),
		writeDer(TAG.integer, options.serial),
		issuer.algorithm,
		issuer.name,
		validity,
		request.subject,
		request.publicKey,
		extensionsFor(request, options.usages, issuer),
	);
	const signature = writeDer(TAG.bitString, Uint8Array.of(0), authority.sign(body));
	return pemText("CERTIFICATE", writeDer(TAG.sequence, body, issuer.algorithm, signature));
}
