/** The cluster's CA as the signing controller uses it: synchronous, to stay inside the transaction that issues a certificate. */
import { createPrivateKey, createSign, createVerify } from "node:crypto";
import type { CertificateAuthority } from "../core/certificates/certificate.ts";
import type { CertificateRequest } from "../core/certificates/certificate-request.ts";
import { pemText } from "../core/certificates/der.ts";

/** Of signatures on requests. */
const DIGESTS: Readonly<Record<string, string>> = {
	"1.2.840.10045.4.3.2": "SHA256",
	"1.2.840.10045.4.3.3": "SHA384",
	"1.2.840.10045.4.3.4": "SHA512",
	"1.2.840.113549.1.1.11": "SHA256",
	"1.2.840.113549.1.1.12": "SHA384",
	"1.2.840.113549.1.1.13": "SHA512",
};

function isSelfSigned({ publicKey, signatureAlgorithm, signed, signature }: CertificateRequest): boolean {
	const digest = DIGESTS[signatureAlgorithm];
	if (digest === undefined) return false;
	try {
		return createVerify(digest).update(signed).verify(pemText("PUBLIC KEY", publicKey), signature);
	} catch {
		// A key of a kind that is not known here.
		return false;
	}
}

/** Undefined where the control plane has no CA of its own: nothing is signed then. */
export function certificateAuthority(certificate: string, privateKey: string | undefined): CertificateAuthority | undefined {
	if (certificate === "" || !privateKey) return undefined;
	const key = createPrivateKey(privateKey);
	return { certificate, sign: (bytes) => new Uint8Array(createSign("SHA256").update(bytes).sign(key)), isSelfSigned };
}
