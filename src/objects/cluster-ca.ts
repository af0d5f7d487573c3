/**
 * The cluster's own CAs. One signs what agents serve under the cluster's names, the other the certificate by which extension API
 * servers know that it is this server that passes a request on (the front proxy). Their keys never leave the Cluster object.
 */
import { certificateToSign, pem, signedCertificate } from "../core/pki/certificate.ts";
import { badRequest } from "../core/errors/status-error.ts";
import { apiAddresses, CLUSTER_DOMAIN, type ClusterNetwork } from "../core/protocol/cluster-addresses.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const NAME = "petrel-cluster-ca";
const FRONT_PROXY_CA = "front-proxy-ca";
/** The one name that requestheader-allowed-names has. */
export const FRONT_PROXY_CLIENT = "front-proxy-client";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CA_DAYS = 3650;
const SERVING_DAYS = 365;
/** A node that passes a request on has the key for as long as the certificate is good. */
const FRONT_PROXY_HOURS = 2;
/** Certificates begin in the past, for clients whose clock is behind. */
const BACKDATE_MS = HOUR_MS;
const SERIAL_BYTES = 16;
const PUBLIC_KEY_BYTES_MAX = 1024;
/** The names of the Service default/kubernetes, and how a process of the node itself reaches the agent. */
const API_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", `kubernetes.default.svc.${CLUSTER_DOMAIN}`, "localhost", "127.0.0.1", "::1"];

export interface ClusterCaState {
	/** PEM. */
	certificate: string;
	privateKey: JsonWebKey;
}

const randomSerial = (): Uint8Array => crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));

async function sign(key: CryptoKey, toSign: Uint8Array): Promise<string> {
	return signedCertificate(toSign, new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, toSign)));
}

export const createFrontProxyCa = (nowMs: number): Promise<ClusterCaState> => createClusterCa(nowMs, FRONT_PROXY_CA);

export async function createClusterCa(nowMs: number, name = NAME): Promise<ClusterCaState> {
	const { privateKey, publicKey } = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
	const toSign = certificateToSign({
		serial: randomSerial(),
		issuer: name,
		subject: name,
		notBeforeMs: nowMs - BACKDATE_MS,
		notAfterMs: nowMs + CA_DAYS * DAY_MS,
		publicKey: new Uint8Array((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer),
		names: "authority",
	});
	return { certificate: await sign(privateKey, toSign), privateKey: (await crypto.subtle.exportKey("jwk", privateKey)) as JsonWebKey };
}

/** A certificate for the API's names. @throws StatusError 400 for what is no P-256 key in base64 SubjectPublicKeyInfo. */
export async function signApiServing(ca: ClusterCaState, publicKey: unknown, network: ClusterNetwork, nowMs: number): Promise<string> {
	const spki = await checkedKey(publicKey);
	const toSign = certificateToSign({
		serial: randomSerial(),
		issuer: NAME,
		subject: "kube-apiserver",
		notBeforeMs: nowMs - BACKDATE_MS,
		notAfterMs: nowMs + SERVING_DAYS * DAY_MS,
		publicKey: spki,
		names: [...API_NAMES, ...apiAddresses(network)],
	});
	return sign(await crypto.subtle.importKey("jwk", ca.privateKey, ALGORITHM, false, ["sign"]), toSign);
}

/** PEM, both. */
export interface FrontProxyClient {
	certificate: string;
	privateKey: string;
	/** In milliseconds since 1970. */
	notAfterMs: number;
}

/** What this server shows to extension API servers, with a key of its own each time. */
export async function signFrontProxyClient(ca: ClusterCaState, nowMs: number): Promise<FrontProxyClient> {
	const { privateKey, publicKey } = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
	const notAfterMs = nowMs + FRONT_PROXY_HOURS * HOUR_MS;
	const toSign = certificateToSign({
		serial: randomSerial(),
		issuer: FRONT_PROXY_CA,
		subject: FRONT_PROXY_CLIENT,
		notBeforeMs: nowMs - BACKDATE_MS,
		notAfterMs,
		publicKey: new Uint8Array((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer),
		names: "client",
	});
	return {
		certificate: await sign(await crypto.subtle.importKey("jwk", ca.privateKey, ALGORITHM, false, ["sign"]), toSign),
		privateKey: pem("PRIVATE KEY", new Uint8Array((await crypto.subtle.exportKey("pkcs8", privateKey)) as ArrayBuffer)),
		notAfterMs,
	};
}

/** As WebCrypto writes it again, so that nothing but a key gets into a certificate. */
async function checkedKey(publicKey: unknown): Promise<Uint8Array> {
	try {
		if (typeof publicKey !== "string" || publicKey.length > PUBLIC_KEY_BYTES_MAX) throw new TypeError("too long");
		const bytes = Uint8Array.from(atob(publicKey), (c) => c.charCodeAt(0));
		const key = await crypto.subtle.importKey("spki", bytes, ALGORITHM, true, ["verify"]);
		return new Uint8Array((await crypto.subtle.exportKey("spki", key)) as ArrayBuffer);
	} catch {
		throw badRequest("publicKey must be the SubjectPublicKeyInfo of a P-256 key, in base64");
	}
}
