/** X.509 certificates (RFC 5280) with ECDSA on P-256: what is to be signed, and the certificate once it is. */
import { bitString, boolean, concat, context, contextPrimitive, type Der, octetString, oid, sequence, set, time, unsignedInteger, utf8String } from "./der.ts";

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const COMMON_NAME = "2.5.4.3";
const EXTENSION = { subjectAltName: "2.5.29.17", keyUsage: "2.5.29.15", extendedKeyUsage: "2.5.29.37", basicConstraints: "2.5.29.19" } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
/** Bits from the left: digitalSignature 0, keyCertSign 5, cRLSign 6. */
const USAGE_DIGITAL_SIGNATURE = bitString(new Uint8Array([0b1000_0000]), 7);
const USAGE_AUTHORITY = bitString(new Uint8Array([0b1000_0110]), 1);
const GENERAL_NAME = { dns: 2, ip: 7 } as const;
const PEM_LINE = 64;

export interface CertificateFields {
	/** Random: 16 bytes. */
	serial: Uint8Array;
	issuer: string;
	subject: string;
	notBeforeMs: number;
	notAfterMs: number;
	/** SubjectPublicKeyInfo. */
	publicKey: Der;
	/** A CA's, or a client's; else a server's, with these names and IPv4 addresses. */
	names: readonly string[] | "authority" | "client";
}

const commonName = (name: string): Der => sequence(set(sequence(oid(COMMON_NAME), utf8String(name))));
const extension = (id: string, critical: boolean, value: Der): Der => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));

function generalName(name: string): Der {
	const octets = /^\d+\.\d+\.\d+\.\d+$/.test(name) ? new Uint8Array(name.split(".").map(Number)) : undefined;
	return octets ? contextPrimitive(GENERAL_NAME.ip, octets) : contextPrimitive(GENERAL_NAME.dns, new TextEncoder().encode(name));
}

function extensionsOf(names: CertificateFields["names"]): Der[] {
	if (names === "authority")
		return [extension(EXTENSION.basicConstraints, true, sequence(boolean(true))), extension(EXTENSION.keyUsage, true, USAGE_AUTHORITY)];
	const endEntity = [extension(EXTENSION.basicConstraints, true, sequence()), extension(EXTENSION.keyUsage, true, USAGE_DIGITAL_SIGNATURE)];
	if (names === "client") return [...endEntity, extension(EXTENSION.extendedKeyUsage, false, sequence(oid(CLIENT_AUTH)))];
	return [
		...endEntity,
		extension(EXTENSION.extendedKeyUsage, false, sequence(oid(SERVER_AUTH))),
		extension(EXTENSION.subjectAltName, false, sequence(...names.map(generalName))),
	];
}

/** TBSCertificate. */
export function certificateToSign(fields: CertificateFields): Der {
	// The first bit of a serial number stays clear and its first byte is not zero.
	const serial = new Uint8Array(fields.serial);
	serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
	return sequence(
		context(0, unsignedInteger(new Uint8Array([2]))),
		unsignedInteger(serial),
		ECDSA_WITH_SHA256,
		commonName(fields.issuer),
		sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
		commonName(fields.subject),
		fields.publicKey,
		context(3, sequence(...extensionsOf(fields.names))),
	);
}

/** The certificate in PEM, from what was signed and the signature as WebCrypto gives it: r and s side by side. */
export function signedCertificate(toSign: Der, signature: Uint8Array): string {
	return pem("CERTIFICATE", sequence(toSign, ECDSA_WITH_SHA256, bitString(ecdsaSignatureDer(signature))));
}

/** As X.509 and TLS have it, from r and s side by side. */
export function ecdsaSignatureDer(signature: Uint8Array): Der {
	const half = signature.length / 2;
	return sequence(unsignedInteger(signature.subarray(0, half)), unsignedInteger(signature.subarray(half)));
}

export function pem(label: string, bytes: Uint8Array): string {
	const base64 = btoa(String.fromCharCode(...concat([bytes])));
	const lines = base64.match(new RegExp(`.{1,${PEM_LINE}}`, "g")) ?? [];
	return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
