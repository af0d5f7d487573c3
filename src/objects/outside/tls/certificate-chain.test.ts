import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { createCa, createServerCertificate, type KeyPairPem } from "../../../cli/certificates.ts";
import { verifyChain } from "./certificate-chain.ts";

const NAME = "hook.ns.svc";
let ca: KeyPairPem;
let impostor: KeyPairPem;
let leaf: X509Certificate;

beforeAll(async () => {
	const nowMs = Date.now();
	[ca, impostor] = await Promise.all([createCa(nowMs), createCa(nowMs)]);
	leaf = new X509Certificate((await createServerCertificate(ca, [NAME], nowMs)).certificate);
});

const parsed = (pair: KeyPairPem): X509Certificate => new X509Certificate(pair.certificate);

describe("verifyChain", () => {
	it("finds its way to a trusted certificate past others", () => {
		verifyChain([leaf, parsed(impostor), parsed(ca)], [parsed(ca)], NAME, Date.now());
	});

	it("trusts no authority that the server brings itself", () => {
		expect(() => verifyChain([leaf, parsed(ca)], [parsed(impostor)], NAME, Date.now())).toThrow("certificate signed by unknown authority");
	});

	it("tries certificates that issue each other once, and refuses a heap of them", () => {
		const copies = (count: number): X509Certificate[] => Array.from({ length: count }, () => parsed(ca));
		expect(() => verifyChain([leaf, ...copies(15)], [parsed(impostor)], NAME, Date.now())).toThrow("certificate signed by unknown authority");
		expect(() => verifyChain([leaf, ...copies(16)], [parsed(ca)], NAME, Date.now())).toThrow("the server presents 17 certificates, more than 16");
	});
});
