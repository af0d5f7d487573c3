/** The cluster's CA and the front door's certificate. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { X509Certificate } from "node:crypto";
import { hostname, networkInterfaces } from "node:os";
import { isIP } from "node:net";
import { LOCAL_ADDRESS, localAddress } from "./listen-address.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const SERVER_DAYS = 365;
/** Certificates begin in the past, for clients whose clock is behind. */
const BACKDATE_MS = 3_600_000;
const SERIAL_BYTES = 16;
/** The first address of the default service range: what `kubernetes.default` resolves to. */
const KUBERNETES_SERVICE_ADDRESS = "10.96.0.1";

export interface KeyPairPem {
	certificate: string;
	privateKey: string;
}

x509.cryptoProvider.set(crypto);

function serialNumber(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
	// A serial number is a positive integer: the first bit stays clear and the first byte is not zero.
	bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
	return Buffer.from(bytes).toString("hex");
}

async function exportKey(key: CryptoKey): Promise<string> {
	return x509.PemConverter.encode((await crypto.subtle.exportKey("pkcs8", key)) as ArrayBuffer, "PRIVATE KEY");
}

async function importKey(pem: string): Promise<CryptoKey> {
	const bytes = x509.PemConverter.decodeFirst(pem);
	return crypto.subtle.importKey("pkcs8", bytes, ALGORITHM, true, ["sign"]);
}

/** A self-signed CA. */
export async function createCa(nowMs: number): Promise<KeyPairPem> {
	const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
	const certificate = await x509.X509CertificateGenerator.createSelfSigned({
		serialNumber: serialNumber(),
		name: "CN=petrel-ca",
		notBefore: new Date(nowMs - BACKDATE_MS),
		notAfter: new Date(nowMs + CA_DAYS * DAY_MS),
		signingAlgorithm: ALGORITHM,
		keys,
		extensions: [
			new x509.BasicConstraintsExtension(true, undefined, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
			await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
		],
	});
	return { certificate: `${certificate.toString("pem")}\n`, privateKey: `${await exportKey(keys.privateKey)}\n` };
}

/** The names and addresses under which clients may reach the front door. */
export function serverNames(listen = LOCAL_ADDRESS): string[] {
	const addresses = Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map((entry) => entry.address.replace(/%.*$/, "")));
	const service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
	return [...new Set(["localhost", hostname(), ...service, "127.0.0.1", "::1", KUBERNETES_SERVICE_ADDRESS, localAddress(listen), ...addresses])];
}

export async function createServerCertificate(ca: KeyPairPem, names: readonly string[], nowMs: number): Promise<KeyPairPem> {
	const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
	const issuer = new x509.X509Certificate(ca.certificate);
	const certificate = await x509.X509CertificateGenerator.create({
		serialNumber: serialNumber(),
		subject: "CN=petrel",
		issuer: issuer.subject,
		notBefore: new Date(nowMs - BACKDATE_MS),
		notAfter: new Date(nowMs + SERVER_DAYS * DAY_MS),
		signingAlgorithm: ALGORITHM,
		publicKey: keys.publicKey,
		signingKey: await importKey(ca.privateKey),
		extensions: [
			new x509.BasicConstraintsExtension(false, undefined, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
			new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
			new x509.SubjectAlternativeNameExtension(names.map((name) => ({ type: isIP(name) ? ("ip" as const) : ("dns" as const), value: name }))),
			await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
		],
	});
	return { certificate: `${certificate.toString("pem")}\n`, privateKey: `${await exportKey(keys.privateKey)}\n` };
}

/** Whether the texts are a certificate and its own key. */
export function isKeyPair({ certificate, privateKey }: KeyPairPem): boolean {
	try {
		const key = x509.PemConverter.decodeFirst(privateKey);
		return new X509Certificate(certificate).ca && key.byteLength > 0;
	} catch {
		return false;
	}
}
