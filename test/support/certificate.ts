/** A self-signed certificate for 127.0.0.1, made anew. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export async function createCertificate(): Promise<{ key: string; cert: string }> {
	const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
	const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
	const cert = await x509.X509CertificateGenerator.createSelfSigned({
		name: "CN=someone-else",
		keys,
		signingAlgorithm: algorithm,
		extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
	});
	const pkcs8 = Buffer.from((await crypto.subtle.exportKey("pkcs8", keys.privateKey)) as ArrayBuffer).toString("base64");
	return { key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`, cert: cert.toString("pem") };
}
