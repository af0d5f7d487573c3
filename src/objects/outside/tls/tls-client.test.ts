import { once } from "node:events";
import { createServer, type ServerOptions } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { Duplex as NodeDuplex } from "node:stream";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createCa, createServerCertificate, type KeyPairPem } from "../../../cli/certificates.ts";
import { createFrontProxyCa, signFrontProxyClient } from "../../cluster-ca.ts";
import { exchange, exchangeStreaming } from "../http1.ts";
import { type Duplex, startTls } from "./tls-client.ts";

const HOURS_MS = 3_600_000;
const BIG = "x".repeat(200_000);
let ca: KeyPairPem;
let other: KeyPairPem;
let leaf: KeyPairPem;
const opened: (() => void)[] = [];

beforeAll(async () => {
	const nowMs = Date.now();
	[ca, other] = await Promise.all([createCa(nowMs), createCa(nowMs)]);
	leaf = await createServerCertificate(ca, ["hook.ns.svc", "127.0.0.1"], nowMs);
});
afterEach(() => {
	for (const close of opened.splice(0)) close();
});

interface Asking {
	name?: string;
	trusted?: string;
	trustsAll?: boolean;
	nowMs?: number;
	body?: string;
	client?: KeyPairPem;
}

/** What a server with these options answers: what it was sent, and as much again as is asked. */
async function ask(
	options: ServerOptions,
	{ name = "hook.ns.svc", trusted = ca.certificate, trustsAll = false, nowMs = Date.now(), body = "hello", client }: Asking = {},
) {
	const server = createServer({ key: leaf.privateKey, cert: leaf.certificate, ...options }, async (request, response) => {
		let length = 0;
		for await (const chunk of request) length += (chunk as Buffer).length;
		response.write(`${request.method} ${request.url} ${length} `);
		response.end(BIG);
	});
	server.on("tlsClientError", () => {});
	await once(server.listen(0, "127.0.0.1"), "listening");
	const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
	opened.push(
		() => socket.destroy(),
		() => server.close(),
	);
	const inner = await startTls(NodeDuplex.toWeb(socket) as unknown as Duplex, {
		serverName: name,
		trusted: trustsAll ? undefined : trusted,
		nowMs,
		...(client ? { client } : {}),
	});
	const response = await exchange(inner, new Request(`https://${name}/review?timeout=10s`, { method: "POST", body }));
	return { status: response.status, text: await response.text() };
}

describe("a client's certificate", () => {
	it("is shown to a server that asks who calls, and proven", async () => {
		const nowMs = Date.now();
		const frontProxy = await createFrontProxyCa(nowMs);
		const [mine, another] = await Promise.all([signFrontProxyClient(frontProxy, nowMs), signFrontProxyClient(frontProxy, nowMs)]);
		const options = { requestCert: true, rejectUnauthorized: true, ca: frontProxy.certificate };
		expect(await ask(options, { client: mine })).toMatchObject({ status: 200 });
		await expect(ask(options)).rejects.toThrow(/^remote error: tls: |EOF/);
		await expect(ask(options, { client: { ...mine, privateKey: another.privateKey } })).rejects.toThrow(/^remote error: tls: |EOF/);
	});
});

it("hears the answer of a server that does not wait for a long body's end", async () => {
	const server = createServer({ key: leaf.privateKey, cert: leaf.certificate }, (_request, response) => response.writeHead(413).end("too long"));
	await once(server.listen(0, "127.0.0.1"), "listening");
	const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
	opened.push(
		() => socket.destroy(),
		() => server.closeAllConnections(),
		() => server.close(),
	);
	const inner = await startTls(NodeDuplex.toWeb(socket) as unknown as Duplex, { serverName: "hook.ns.svc", trusted: ca.certificate, nowMs: Date.now() });
	let pieces = 0;
	const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024).fill(pieces++)) }, { highWaterMark: 0 });
	const response = await exchangeStreaming(inner, { method: "POST", path: "/", headers: [["host", "hook.ns.svc"]], body });
	expect([response.status, await response.text()]).toEqual([413, "too long"]);
});

describe("TLS to a private authority", () => {
	it.each([
		["as a server offers it", {}],
		["with AES-256", { ciphers: "TLS_AES_256_GCM_SHA384" }],
		["over P-256", { ecdhCurve: "P-256" }],
		["to a server that asks for a certificate but does not insist", { requestCert: true, rejectUnauthorized: false }],
	])("%s", async (_how, options) => {
		expect(await ask(options, { body: BIG })).toEqual({ status: 200, text: `POST /review?timeout=10s ${BIG.length} ${BIG}` });
	});

	it("takes an address that the certificate names, and without an authority whoever answers", async () => {
		expect(await ask({}, { name: "127.0.0.1" })).toMatchObject({ status: 200 });
		expect(await ask({}, { name: "elsewhere", trustsAll: true })).toMatchObject({ status: 200 });
	});

	it("trusts nobody else, in Go's words", async () => {
		const why = "tls: failed to verify certificate: x509: ";
		await expect(ask({}, { trusted: "" })).rejects.toThrow(`${why}certificate signed by unknown authority`);
		await expect(ask({}, { trusted: other.certificate })).rejects.toThrow(`${why}certificate signed by unknown authority`);
		await expect(ask({}, { name: "other.ns.svc" })).rejects.toThrow(`${why}certificate is valid for hook.ns.svc, 127.0.0.1, not other.ns.svc`);
		await expect(ask({}, { nowMs: Date.now() - 48 * HOURS_MS })).rejects.toThrow(`${why}certificate has expired or is not yet valid: current time`);
	});

	it("speaks TLS 1.3 alone", async () => {
		await expect(ask({ maxVersion: "TLSv1.2" })).rejects.toThrow("remote error: tls: protocol version not supported");
	});
});
