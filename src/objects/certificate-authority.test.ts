/** Certificates as the signing controller issues them, read by another implementation. */
import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createCa } from "../cli/certificates.ts";
import { issueCertificate, notAfterMs } from "../core/certificates/certificate.ts";
import { readCertificateRequest } from "../core/certificates/certificate-request.ts";
import { certificateAuthority } from "./certificate-authority.ts";

/** openssl req -new -subj "/O=devs/CN=jane" */
const REQUEST =
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIYU1JR0FBZ0VBTUI0eERUQUxCZ05WQkFvTUJHUmxkbk14RFRBTEJnTlZCQU1NQkdwaGJtVXdXVEFUQmdjcQpoa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVNuVWJOYWtENHdOVkFMRTFrd3dDQVhwMC9naDJvV1N3R0dWaTBSClViNmlRc3QxY1RhWlIwNG5TZEk1YzUyUEx3cE0wV1VxQkZCWUtNWU1GdjkrRWE4b29BQXdDZ1lJS29aSXpqMEUKQXdJRFNRQXdSZ0loQUk5cDdtOWNUSDdlemJ2QnBRMGZ3T3dGYzJGdFVNaWlyNFZCbEg1S1BMNzRBaUVBOW5zUQpSRlBBMUFYV1AweENxOHJIU3oydC9NMWJ0UXMwNWxLMFcra04ybU09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";
const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

describe("a certificate authority", () => {
	test("signs what is requested, for as long and for what it is told", async () => {
		const ca = await createCa(NOW_MS);
		const authority = certificateAuthority(ca.certificate, ca.privateKey);
		if (authority === undefined) throw new Error("no authority");
		const request = readCertificateRequest(REQUEST);
		expect(authority.isSelfSigned(request)).toBe(true);
		const usages = ["digital signature", "key encipherment", "client auth"];
		const pem = issueCertificate(authority, request, { usages, notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS, serial: Uint8Array.of(0x41, 2) });
		const issued = new X509Certificate(pem);
		const issuer = new X509Certificate(ca.certificate);
		expect(issued.verify(issuer.publicKey)).toBe(true);
		expect(issued.checkIssued(issuer)).toBe(true);
		expect(issued.subject).toBe("O=devs\nCN=jane");
		expect(issued.serialNumber).toBe("4102");
		expect(issued.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
		expect(issued.ca).toBe(false);
		expect([Date.parse(issued.validFrom), Date.parse(issued.validTo)]).toEqual([NOW_MS, NOW_MS + DAY_MS]);
		expect(notAfterMs(pem)).toBe(NOW_MS + DAY_MS);
	});

	test("outlives no certificate, and knows a request that was tampered with", async () => {
		const ca = await createCa(NOW_MS);
		const authority = certificateAuthority(ca.certificate, ca.privateKey);
		if (authority === undefined) throw new Error("no authority");
		const request = readCertificateRequest(REQUEST);
		const pem = issueCertificate(authority, request, {
			usages: ["client auth"],
			notBeforeMs: NOW_MS,
			notAfterMs: NOW_MS + 99 * 365 * DAY_MS,
			serial: Uint8Array.of(1),
		});
		expect(notAfterMs(pem)).toBe(notAfterMs(ca.certificate));
		expect(authority.isSelfSigned({ ...request, signed: request.publicKey })).toBe(false);
		expect(certificateAuthority(ca.certificate, undefined)).toBeUndefined();
	});
});
