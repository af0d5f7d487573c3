/**
 * A TLS 1.3 client (RFC 8446) that trusts the certificates it is given: what a webhook's caBundle asks for, and what the
 * platform's own fetch, which trusts public authorities alone, cannot do. Ciphers and signatures are the platform's.
 */
import { constants, type KeyObject, verify, X509Certificate } from "node:crypto";
import { constantTimeEqual } from "../../../core/codec/constant-time.ts";
import { ecdsaSignatureDer } from "../../../core/pki/certificate.ts";
import { trustedCertificates, verifyChain } from "./certificate-chain.ts";
import { CIPHER_SUITES, type CipherSuite, KeySchedule, type TrafficKeys } from "./key-schedule.ts";
import { ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, RecordLayer } from "./record-layer.ts";
import { concat, TlsReader, uint, vector } from "./tls-bytes.ts";

export interface Duplex {
	readable: ReadableStream<Uint8Array>;
	writable: WritableStream<Uint8Array>;
}

export interface TlsOptions {
	/** The name, or address, that the server's certificate must be for. */
	serverName: string;
	/** PEM, "" for nobody; undefined trusts whoever answers (insecureSkipTLSVerify). */
	trusted: string | undefined;
	/** What is shown to a server that asks who calls: PEM, the key one of P-256 in PKCS #8. */
	client?: { certificate: string; privateKey: string };
	nowMs: number;
}

const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const ENCRYPTED_EXTENSIONS = 8;
const CERTIFICATE = 11;
const CERTIFICATE_REQUEST = 13;
const CERTIFICATE_VERIFY = 15;
const FINISHED = 20;
const KEY_UPDATE = 24;
const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;
const X25519 = 0x001d;
const P256 = 0x0017;
const SERVER_NAME = 0;
const SUPPORTED_GROUPS = 10;
const SIGNATURE_ALGORITHMS = 13;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;
const KEY_SHARE = 51;
/** The random of a ServerHello that asks for another key share (section 4.1.3). */
const RETRY_RANDOM = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
/** One message may be this long, in bytes: a chain of certificates. */
const MESSAGE_BYTES_MAX = 256 * 1024;

const ALERTS: Readonly<Record<number, string>> = {
	10: "unexpected message",
	20: "bad record MAC",
	40: "handshake failure",
	42: "bad certificate",
	43: "unsupported certificate",
	44: "revoked certificate",
	45: "expired certificate",
	46: "unknown certificate",
	47: "illegal parameter",
	48: "unknown certificate authority",
	49: "access denied",
	50: "error decoding message",
	51: "error decrypting message",
	70: "protocol version not supported",
	71: "insufficient security level",
	80: "internal error",
	112: "unrecognized name",
	116: "certificate required",
	120: "no application protocol",
};

/** How a signature scheme is verified; rsa_pkcs1 is for certificates alone. */
const SCHEMES: Readonly<Record<number, { hash: string | undefined; pss: boolean }>> = {
	1027: { hash: "sha256", pss: false },
	1283: { hash: "sha384", pss: false },
	1539: { hash: "sha512", pss: false },
	2052: { hash: "sha256", pss: true },
	2053: { hash: "sha384", pss: true },
	2054: { hash: "sha512", pss: true },
	2055: { hash: undefined, pss: false },
};
const ECDSA_P256_SHA256 = 1027;
const CERTIFICATE_SCHEMES = [...Object.keys(SCHEMES).map(Number), 0x0401, 0x0501, 0x0601];

const encoder = new TextEncoder();
const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const isAddress = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(":");

interface KeyShare {
	group: number;
	publicKey: Uint8Array;
	shared(peer: Uint8Array): Promise<Uint8Array>;
}

async function keyShare(group: number, algorithm: { name: string; namedCurve?: string }): Promise<KeyShare> {
	const pair = (await crypto.subtle.generateKey(algorithm, false, ["deriveBits"])) as CryptoKeyPair;
	return {
		group,
		publicKey: new Uint8Array((await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer),
		async shared(peer) {
			const key = await crypto.subtle.importKey("raw", peer, algorithm, false, []);
			const name = algorithm.name;
			return new Uint8Array(await crypto.subtle.deriveBits({ name, public: key } as never, pair.privateKey, 256));
		},
	};
}

const extension = (type: number, body: Uint8Array): Uint8Array => concat(uint(type, 2), vector(2, body));
const message = (type: number, body: Uint8Array): Uint8Array => concat(Uint8Array.of(type), vector(3, body));

function clientHello(serverName: string, shares: readonly KeyShare[]): Uint8Array {
	const random = crypto.getRandomValues(new Uint8Array(64));
	const extensions = [
		...(isAddress(serverName) ? [] : [extension(SERVER_NAME, vector(2, Uint8Array.of(0), vector(2, encoder.encode(serverName))))]),
		extension(SUPPORTED_VERSIONS, vector(1, uint(TLS_1_3, 2))),
		extension(SUPPORTED_GROUPS, vector(2, ...shares.map(({ group }) => uint(group, 2)))),
		extension(SIGNATURE_ALGORITHMS, vector(2, ...CERTIFICATE_SCHEMES.map((scheme) => uint(scheme, 2)))),
		extension(KEY_SHARE, vector(2, ...shares.map(({ group, publicKey }) => concat(uint(group, 2), vector(2, publicKey))))),
		extension(ALPN, vector(2, vector(1, encoder.encode("http/1.1")))),
	];
	const suites = vector(2, ...CIPHER_SUITES.map(({ id }) => uint(id, 2)));
	const body = concat(uint(TLS_1_2, 2), random.subarray(0, 32), vector(1, random.subarray(32)), suites, vector(1, Uint8Array.of(0)), vector(2, ...extensions));
	return message(CLIENT_HELLO, body);
}

interface ServerHello {
	suite: CipherSuite;
	group: number;
	publicKey: Uint8Array;
}

function parseServerHello(body: Uint8Array): ServerHello {
	const reader = new TlsReader(body);
	reader.uint(2);
	if (hex(reader.bytes(32)) === RETRY_RANDOM) throw new Error("tls: server selected unsupported group");
	reader.vector(1);
	const id = reader.uint(2);
	const suite = CIPHER_SUITES.find((each) => each.id === id);
	reader.uint(1);
	const extensions = new Map<number, Uint8Array>();
	const list = new TlsReader(reader.isAtEnd ? new Uint8Array() : reader.vector(2));
	while (!list.isAtEnd) extensions.set(list.uint(2), list.vector(2));
	const version = extensions.get(SUPPORTED_VERSIONS);
	if (version === undefined || new TlsReader(version).uint(2) !== TLS_1_3) throw new Error("tls: server selected unsupported protocol version 303");
	const share = extensions.get(KEY_SHARE);
	if (suite === undefined || share === undefined) throw new Error("tls: server chose an unconfigured cipher suite");
	const reading = new TlsReader(share);
	return { suite, group: reading.uint(2), publicKey: reading.vector(2) };
}

/** The messages of the handshake, cut out of records. */
class Messages {
	readonly #records: RecordLayer;
	#rest = new Uint8Array() as Uint8Array;

	constructor(records: RecordLayer) {
		this.#records = records;
	}

	/** Nothing may lie on both sides of a change of keys (section 5.1). */
	expectNothingLeft(): void {
		if (this.#rest.length > 0) throw new Error("tls: received unexpected handshake message");
	}

	async next(): Promise<{ type: number; body: Uint8Array; whole: Uint8Array }> {
		for (;;) {
			const cut = this.#cut();
			if (cut !== undefined) return cut;
			const record = await this.#records.receive();
			if (record === undefined) throw new Error("EOF");
			if (record.type === ALERT) throw alertOf(record.data);
			if (record.type === HANDSHAKE) this.#rest = concat(this.#rest, record.data);
			else if (record.type !== CHANGE_CIPHER_SPEC) throw new Error("tls: received unexpected handshake message");
		}
	}

	#cut(): { type: number; body: Uint8Array; whole: Uint8Array } | undefined {
		if (this.#rest.length < 4) return undefined;
		const length = new TlsReader(this.#rest.subarray(1)).uint(3);
		if (length > MESSAGE_BYTES_MAX) throw new Error(`tls: handshake message of length ${length} bytes exceeds maximum of ${MESSAGE_BYTES_MAX} bytes`);
		if (this.#rest.length < 4 + length) return undefined;
		const whole = this.#rest.subarray(0, 4 + length);
		this.#rest = this.#rest.subarray(4 + length);
		return { type: whole[0] as number, body: whole.subarray(4), whole };
	}
}

const alertOf = (data: Uint8Array): Error => new Error(`remote error: tls: ${ALERTS[data[1] ?? 0] ?? `alert(${data[1]})`}`);

function certificatesOf(body: Uint8Array): X509Certificate[] {
	const reader = new TlsReader(body);
	reader.vector(1);
	const list = new TlsReader(reader.vector(3));
	const certificates: X509Certificate[] = [];
	while (!list.isAtEnd) {
		certificates.push(new X509Certificate(list.vector(3) as never));
		list.vector(2);
	}
	return certificates;
}

/** What a CertificateVerify signs. */
const signedContent = (whose: "server" | "client", digest: Uint8Array): Uint8Array =>
	concat(new Uint8Array(64).fill(0x20), encoder.encode(`TLS 1.3, ${whose} CertificateVerify`), Uint8Array.of(0), digest);

async function ecdsaSignature(privateKey: string, content: Uint8Array): Promise<Uint8Array> {
	const base64 = privateKey.replaceAll(/-----[^-]+-----|\s/g, "");
	const pkcs8 = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
	const key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
	return ecdsaSignatureDer(new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, content)));
}

/** The proof that the server has its certificate's key. */
function checkProof(body: Uint8Array, key: KeyObject, digest: Uint8Array): void {
	const reader = new TlsReader(body);
	const scheme = SCHEMES[reader.uint(2)];
	const signature = reader.vector(2);
	const signed = signedContent("server", digest);
	const padding = scheme?.pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {};
	if (scheme === undefined || !verify(scheme.hash, signed, { key: key.export({ type: "spki", format: "pem" }), ...padding } as never, signature))
		throw new Error("tls: invalid signature by the server certificate");
}

class Handshake {
	readonly #records: RecordLayer;
	readonly #messages: Messages;
	readonly #options: TlsOptions;
	#transcript = new Uint8Array() as Uint8Array;

	constructor(records: RecordLayer, options: TlsOptions) {
		this.#records = records;
		this.#messages = new Messages(records);
		this.#options = options;
	}

	async run(): Promise<KeySchedule> {
		const shares = await Promise.all([keyShare(X25519, { name: "X25519" }), keyShare(P256, { name: "ECDH", namedCurve: "P-256" })]);
		const hello = clientHello(this.#options.serverName, shares);
		this.#transcript = hello;
		await this.#records.send(HANDSHAKE, hello);
		const server = parseServerHello(await this.#expect(SERVER_HELLO));
		this.#messages.expectNothingLeft();
		const share = shares.find(({ group }) => group === server.group);
		if (share === undefined) throw new Error("tls: server selected unsupported group");
		const schedule = new KeySchedule(server.suite);
		schedule.advance(await share.shared(server.publicKey));
		const client = schedule.traffic("c hs traffic", this.#transcript);
		const peer = schedule.traffic("s hs traffic", this.#transcript);
		this.#records.receiving.use(peer);
		const request = await this.#authenticate(schedule, peer);
		this.#messages.expectNothingLeft();
		schedule.advance();
		const [sending, receiving] = [schedule.traffic("c ap traffic", this.#transcript), schedule.traffic("s ap traffic", this.#transcript)];
		await this.#finish(schedule, client, request);
		this.#records.sending.use(sending);
		this.#records.receiving.use(receiving);
		return schedule;
	}

	/** Takes the server's part up to its Finished, in its order (section 2). Returns the context of its request for a certificate, if it made one. */
	async #authenticate(schedule: KeySchedule, peer: TrafficKeys): Promise<Uint8Array | undefined> {
		await this.#expect(ENCRYPTED_EXTENSIONS);
		let next = await this.#next();
		const request = next.type === CERTIFICATE_REQUEST ? new TlsReader(next.body).vector(1) : undefined;
		if (request !== undefined) next = await this.#next();
		if (next.type !== CERTIFICATE) throw new Error("tls: received unexpected handshake message");
		const certificates = certificatesOf(next.body);
		const { trusted, serverName, nowMs } = this.#options;
		if (trusted !== undefined) verifyChain(certificates, trusted === "" ? [] : trustedCertificates(trusted), serverName, nowMs);
		const [leaf] = certificates;
		if (leaf === undefined) throw new Error("tls: received empty certificates message");
		const proven = schedule.digest(this.#transcript);
		checkProof(await this.#expect(CERTIFICATE_VERIFY), leaf.publicKey, proven);
		const finished = schedule.finished(peer, this.#transcript);
		if (!constantTimeEqual(await this.#expect(FINISHED), finished)) throw new Error("tls: invalid server finished hash");
		return request;
	}

	/** The client's part: its certificate, or none, where one is asked for, and its Finished. */
	async #finish(schedule: KeySchedule, client: TrafficKeys, request: Uint8Array | undefined): Promise<void> {
		this.#records.sending.use(client);
		const identity = request === undefined ? new Uint8Array() : await this.#identity(schedule, request);
		const finished = message(FINISHED, schedule.finished(client, concat(this.#transcript, identity)));
		await this.#records.send(HANDSHAKE, concat(identity, finished));
	}

	/** The client's certificate and the proof that it has the key (sections 4.4.2 and 4.4.3). */
	async #identity(schedule: KeySchedule, request: Uint8Array): Promise<Uint8Array> {
		const { client } = this.#options;
		if (client === undefined) return message(CERTIFICATE, concat(vector(1, request), vector(3)));
		const der = new Uint8Array(new X509Certificate(client.certificate).raw);
		const certificate = message(CERTIFICATE, concat(vector(1, request), vector(3, vector(3, der), vector(2))));
		const digest = schedule.digest(concat(this.#transcript, certificate));
		const signature = await ecdsaSignature(client.privateKey, signedContent("client", digest));
		return concat(certificate, message(CERTIFICATE_VERIFY, concat(uint(ECDSA_P256_SHA256, 2), vector(2, signature))));
	}

	async #expect(wanted: number): Promise<Uint8Array> {
		const { type, body } = await this.#next();
		if (type !== wanted) throw new Error("tls: received unexpected handshake message");
		return body;
	}

	async #next(): Promise<{ type: number; body: Uint8Array }> {
		const { type, body, whole } = await this.#messages.next();
		this.#transcript = concat(this.#transcript, whole);
		return { type, body };
	}
}

/** The KeyUpdate of a record of handshake messages: it is the last (section 5.1), tickets may come before it. */
function keyUpdateOf(data: Uint8Array): { wantsAnswer: boolean } | undefined {
	const reader = new TlsReader(data);
	while (!reader.isAtEnd) {
		const type = reader.uint(1);
		const body = reader.vector(3);
		if (type === KEY_UPDATE) return { wantsAnswer: body[0] === 1 };
	}
	return undefined;
}

/** What comes after the handshake: data, and now and then a message about keys. */
async function receiveData(records: RecordLayer, schedule: KeySchedule): Promise<Uint8Array | undefined> {
	for (;;) {
		const record = await records.receive();
		if (record === undefined) return undefined;
		if (record.type === APPLICATION_DATA && record.data.length > 0) return record.data;
		if (record.type === ALERT && record.data[1] === 0) return undefined;
		if (record.type === ALERT) throw alertOf(record.data);
		const keyUpdate = record.type === HANDSHAKE ? keyUpdateOf(record.data) : undefined;
		if (keyUpdate !== undefined) await updateKeys(records, schedule, keyUpdate.wantsAnswer);
	}
}

async function updateKeys(records: RecordLayer, schedule: KeySchedule, isAsked: boolean): Promise<void> {
	const { receiving, sending } = records;
	if (receiving.keys) receiving.use(schedule.next(receiving.keys));
	if (!isAsked || !sending.keys) return;
	await records.send(HANDSHAKE, message(KEY_UPDATE, Uint8Array.of(0)));
	sending.use(schedule.next(sending.keys));
}

const CLOSE_NOTIFY = Uint8Array.of(1, 0);

/** Does the handshake over a connection and resolves to what is said inside. Rejects with Go's words for what is wrong. */
export async function startTls(connection: Duplex, options: TlsOptions): Promise<Duplex> {
	const records = new RecordLayer(connection.readable, connection.writable);
	let schedule: KeySchedule;
	try {
		schedule = await new Handshake(records, options).run();
	} catch (error) {
		await records.close(error);
		throw error;
	}
	return {
		readable: new ReadableStream<Uint8Array>({
			async pull(controller) {
				const data = await receiveData(records, schedule);
				if (data === undefined) controller.close();
				else controller.enqueue(data);
			},
			cancel: (reason) => records.close(reason),
		}),
		writable: new WritableStream<Uint8Array>({
			write: (data) => records.send(APPLICATION_DATA, data),
			close: () => records.send(ALERT, CLOSE_NOTIFY),
			abort: (reason) => records.close(reason),
		}),
	};
}
