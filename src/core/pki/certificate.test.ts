import { createHash, createPublicKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certificateToSign, signedCertificate } from "./certificate.ts";

const key = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const spki = (pair: ReturnType<typeof key>): Uint8Array => pair.publicKey.export({ type: "spki", format: "der" });
const DAY_MS = 86_400_000;
const nowMs = Date.parse("2049-12-31T00:00:00Z");

describe("a certificate", () => {
	test("of an authority, and one that it signed, are what another implementation reads and verifies", () => {
		const [authority, server] = [key(), key()];
		const make = (names: readonly string[] | "authority", pair: ReturnType<typeof key>, subject: string): X509Certificate => {
			const serial = createHash("sha256").update(subject).digest().subarray(0, 16);
			const toSign = certificateToSign({
				serial,
				issuer: "an authority",
				subject,
				notBeforeMs: nowMs,
				notAfterMs: nowMs + 10 * DAY_MS,
				publicKey: spki(pair),
				names,
			});
			return new X509Certificate(signedCertificate(toSign, sign("sha256", toSign, { key: authority.privateKey, dsaEncoding: "ieee-p1363" })));
		};
		const root = make("authority", authority, "an authority");
		const leaf = make(["kubernetes", "kubernetes.default.svc", "10.96.0.1"], server, "kube-apiserver");
		expect(root.ca).toBe(true);
		expect(leaf.ca).toBe(false);
		expect(root.verify(createPublicKey(authority.privateKey))).toBe(true);
		expect(leaf.verify(root.publicKey)).toBe(true);
		expect(leaf.checkIssued(root)).toBe(true);
		expect(leaf.checkHost("kubernetes.default.svc")).toBe("kubernetes.default.svc");
		expect(leaf.checkHost("other.default.svc")).toBeUndefined();
		expect(leaf.checkIP("10.96.0.1")).toBe("10.96.0.1");
		expect(leaf.subject).toBe("CN=kube-apiserver");
		// The year 2050 is where the form of dates changes.
		expect([leaf.validFrom, leaf.validTo]).toEqual(["Dec 31 00:00:00 2049 GMT", "Jan 10 00:00:00 2050 GMT"]);
	});
});
