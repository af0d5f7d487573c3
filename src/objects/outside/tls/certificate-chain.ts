/** Whether a server's certificates lead to a trusted one and are for its name, in the words of Go's crypto/x509. */
import { X509Certificate } from "node:crypto";

/** Certificates that a server may present: each is tried against each, once. */
const PRESENTED_MAX = 16;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const SERVER_AUTH = ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"];

export class UntrustedCertificate extends Error {
	constructor(why: string) {
		super(`tls: failed to verify certificate: x509: ${why}`);
	}
}

/** The certificates of a PEM bundle. @throws Error when there is none */
export function trustedCertificates(pem: string): X509Certificate[] {
	const found = (pem.match(CERTIFICATE) ?? []).map((text) => new X509Certificate(text));
	if (found.length === 0) throw new Error("unable to load root certificates: unable to parse bytes as PEM block");
	return found;
}

const isIp = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(":");

function checkName(leaf: X509Certificate, name: string): void {
	if (isIp(name) ? leaf.checkIP(name) : leaf.subjectAltName && leaf.checkHost(name)) return;
	if (!leaf.subjectAltName) throw new UntrustedCertificate("certificate is not valid for any names, but wanted to match " + name);
	const names = leaf.subjectAltName.split(", ").map((entry) => entry.slice(entry.indexOf(":") + 1));
	throw new UntrustedCertificate(`certificate is valid for ${names.join(", ")}, not ${name}`);
}

function checkTime({ validFrom, validTo }: X509Certificate, nowMs: number): void {
	const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z");
	const stamp = (text: string): string => new Date(text).toISOString().replace(/\.\d+Z$/, "Z");
	const why = "certificate has expired or is not yet valid: current time";
	if (nowMs < Date.parse(validFrom)) throw new UntrustedCertificate(`${why} ${now} is before ${stamp(validFrom)}`);
	if (nowMs > Date.parse(validTo)) throw new UntrustedCertificate(`${why} ${now} is after ${stamp(validTo)}`);
}

const issued = (certificate: X509Certificate, by: X509Certificate): boolean => certificate.checkIssued(by) && certificate.verify(by.publicKey);

/** Whether the certificate is trusted, or issued by one that is; all between must be authorities within their time. Each of `between` is tried once. */
function leadsToTrusted(certificate: X509Certificate, between: Set<X509Certificate>, trusted: readonly X509Certificate[], nowMs: number): boolean {
	if (trusted.some((each) => each.fingerprint256 === certificate.fingerprint256)) return true;
	const isInTime = (each: X509Certificate): boolean => nowMs >= Date.parse(each.validFrom) && nowMs <= Date.parse(each.validTo);
	if (trusted.some((each) => each.ca && isInTime(each) && issued(certificate, each))) return true;
	const issuers = [...between].filter((each) => each.ca && isInTime(each) && each !== certificate && issued(certificate, each));
	for (const issuer of issuers) between.delete(issuer);
	return issuers.some((issuer) => leadsToTrusted(issuer, between, trusted, nowMs));
}

/** @throws UntrustedCertificate */
export function verifyChain(presented: readonly X509Certificate[], trusted: readonly X509Certificate[], name: string, nowMs: number): void {
	const [leaf, ...between] = presented;
	if (leaf === undefined) throw new UntrustedCertificate("the server has no certificate");
	if (presented.length > PRESENTED_MAX) throw new UntrustedCertificate(`the server presents ${presented.length} certificates, more than ${PRESENTED_MAX}`);
	checkTime(leaf, nowMs);
	checkName(leaf, name);
	const usages = leaf.keyUsage ?? [];
	if (usages.length > 0 && !usages.some((usage) => SERVER_AUTH.includes(usage)))
		throw new UntrustedCertificate("certificate specifies an incompatible key usage");
	if (!leadsToTrusted(leaf, new Set(between), trusted, nowMs)) throw new UntrustedCertificate("certificate signed by unknown authority");
}
