/** HTTP through a node's tunnel, which it opens when it is asked: the proxy subresources of pods, Services and nodes. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { NodeList, PodList } from "../../src/core/schema/kubernetes.d.ts";
import { ApiRequests } from "./support/api-request.ts";
import { useCluster } from "./support/cluster.ts";
import { deployment, EXAMPLE_PORT, shellPod } from "./support/example.ts";

const PIECE = randomBytes(64 * 1024);
const PIECES = 512;

const SINK_PORT = 8092;
/** An HTTP server that keeps what is posted to /cgi-bin/events. */
const SINK = `mkdir -p www/cgi-bin
printf '#!/bin/sh\\ncat > got\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nkept"\\n' > www/cgi-bin/events
chmod +x www/cgi-bin/events
exec httpd -f -p "$POD_IP:${SINK_PORT}" -h www`;

const message = async (socket: WebSocket): Promise<string> => String((await once(socket, "message"))[0]);

/** A server on the node's own address, which a node's proxy reaches by its port. */
function startServer(): Promise<Server> {
	const server = createServer((request, response) => {
		if (request.url === "/redirect") {
			response.writeHead(302, { location: "/elsewhere?x=1" }).end();
		} else if (request.url === "/page") {
			response.writeHead(200, { "content-type": "text/html" }).end('<a href="/next">next</a><img src="near.png"><a href="https://other.example/">away</a>');
		} else if (request.url === "/hash") {
			const hash = createHash("sha256");
			request.on("data", (chunk: Buffer) => hash.update(chunk));
			request.on("end", () => response.end(hash.digest("hex")));
		} else if (request.url === "/large") {
			Readable.from(Array.from({ length: PIECES }, () => PIECE)).pipe(response);
		} else if (request.url === "/stuck") {
			// More than a stream's window, so that it stands still until somebody reads.
			Readable.from(Array.from({ length: PIECES }, () => PIECE)).pipe(response);
		} else if (request.url === "/ticks") {
			response.writeHead(200, { "content-type": "text/event-stream" });
			response.write("data: first\n\n");
			server.once("tick", () => response.end("data: second\n\n"));
		} else {
			let body = "";
			request.on("data", (chunk: Buffer) => {
				body += chunk.toString();
			});
			const { authorization, "x-forwarded-uri": uri, "x-custom": custom } = request.headers;
			request.on("end", () =>
				response.writeHead(201, { "x-answer": "yes" }).end(JSON.stringify({ method: request.method, url: request.url, body, authorization, uri, custom })),
			);
		}
	});
	const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered].at(-1) ?? false });
	sockets.on("connection", (socket) => {
		socket.on("message", (data, isBinary) => {
			if (String(data) === "bye") socket.close(4001, "as asked");
			else socket.send(data, { binary: isBinary });
		});
	});
	server.on("close", () => sockets.close());
	return new Promise((resolve) => server.listen(0, "0.0.0.0", () => resolve(server)));
}

describe("a node's tunnel", () => {
	const petrel = useCluster("process");
	const { kubectl } = petrel;
	const api = new ApiRequests(petrel);
	let server: Server;
	let node: string;
	let proxy: string;

	beforeAll(async () => {
		server = await startServer();
		node = (await kubectl.json<NodeList>("get", "nodes")).items[0]?.metadata.name ?? "";
		proxy = `/api/v1/nodes/${node}:${(server.address() as AddressInfo).port}/proxy`;
		await kubectl.apply(deployment("web", 2));
		await kubectl.run("expose", "deployment/web", "--port=80", "--target-port=http");
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		await kubectl.run(
			"wait",
			"--for=jsonpath={.endpoints[0].conditions.ready}=true",
			"endpointslices",
			"-l",
			"kubernetes.io/service-name=web",
			"--timeout=60s",
		);
	});
	afterAll(() => {
		server.closeAllConnections();
		server.close();
	});

	it("leads to pods, Services and the agent's own paths", async () => {
		const [pod] = (await kubectl.json<PodList>("get", "pods", "-l", "app=web")).items;
		const name = pod?.metadata.name ?? "";
		const hello = `Hello from ${name}, running on Petrel.\n`;
		expect(await kubectl.run("get", "--raw", `/api/v1/namespaces/default/pods/${name}/proxy/`)).toBe(hello);
		expect(await kubectl.run("get", "--raw", `/api/v1/namespaces/default/pods/http:${name}:${EXAMPLE_PORT}/proxy/`)).toBe(hello);
		const seen = new Set<string>();
		while (seen.size < 2) seen.add(await kubectl.run("get", "--raw", "/api/v1/namespaces/default/services/web:80/proxy/"));
		expect([...seen].every((text) => text.startsWith("Hello from web-"))).toBe(true);
		expect(await kubectl.run("get", "--raw", `/api/v1/nodes/${node}/proxy/healthz`)).toBe("ok");
		const pods = JSON.parse(await kubectl.run("get", "--raw", `/api/v1/nodes/${node}/proxy/pods`)) as PodList;
		expect(pods.items.map(({ metadata }) => metadata.name)).toContain(name);
	});

	it("passes method, path, query, headers and body on, but no credential", async () => {
		for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
			const { code, headers, text } = await api.send(method, `${proxy}/a%2Fb/c?d=e&f`, {
				headers: { "x-custom": "kept", "content-length": "7" },
				body: "content",
			});
			expect(code).toBe(201);
			expect(headers["x-answer"]).toBe("yes");
			expect(JSON.parse(text)).toEqual({ method, url: "/a%2Fb/c?d=e&f", body: "content", custom: "kept", uri: `${proxy}/a%2Fb/c` });
		}
		expect(await api.send("HEAD", `${proxy}/x`)).toMatchObject({ code: 201, text: "" });
	});

	it("carries the deliveries of a webhook subscription to a Service's pods", async () => {
		const sink = shellPod("sink", SINK);
		Object.assign(sink.spec?.containers[0] ?? {}, { env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }] });
		await kubectl.apply(sink);
		await kubectl.run("expose", "pod/sink", "--port=80", `--target-port=${SINK_PORT}`);
		await kubectl.run(
			"wait",
			"--for=jsonpath={.endpoints[0].conditions.ready}=true",
			"endpointslices",
			"-l",
			"kubernetes.io/service-name=sink",
			"--timeout=60s",
		);
		await kubectl.apply({
			apiVersion: "events.petrel.dev/v1",
			kind: "WebhookSubscription",
			metadata: { name: "to-service" },
			spec: {
				rules: [{ apiGroups: [""], resources: ["configmaps"] }],
				objectSelector: { matchLabels: { told: "yes" } },
				target: { service: { name: "sink", path: "/cgi-bin/events" } },
			},
		});
		await kubectl.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "told", labels: { told: "yes" } } });
		await kubectl.run("wait", "webhooksubscription/to-service", "--for=jsonpath={.status.delivered}=1", "--timeout=60s");
		const event = JSON.parse(await kubectl.run("exec", "sink", "--", "cat", "www/cgi-bin/got")) as unknown;
		expect(event).toMatchObject({ type: "dev.petrel.object.created", name: "told", data: { object: { kind: "ConfigMap" } } });
	});

	it("keeps redirects and the links of pages within the proxy", async () => {
		expect(await api.send("GET", proxy)).toMatchObject({ code: 301, headers: { location: `${proxy}/` } });
		expect((await api.send("GET", `${proxy}/redirect`)).headers.location).toBe(`${api.server}${proxy}/elsewhere?x=1`);
		const { text } = await api.send("GET", `${proxy}/page`);
		expect(text).toBe(`<a href="${api.server}${proxy}/next">next</a><img src="near.png"><a href="https://other.example/">away</a>`);
	});

	it("streams bodies both ways, and lets no stream hold another", async () => {
		const stuck = await api.open("GET", `${proxy}/stuck`);
		const hash = createHash("sha256");
		for (let i = 0; i < PIECES; i++) hash.update(PIECE);
		const sent = await api.send("POST", `${proxy}/hash`, { body: Readable.from(Array.from({ length: PIECES }, () => PIECE)) });
		expect(sent.text).toBe(hash.digest("hex"));
		let length = 0;
		for await (const chunk of (await api.open("GET", `${proxy}/large`)) as AsyncIterable<Buffer>) length += chunk.length;
		expect(length).toBe(PIECES * PIECE.length);
		const ticks = await api.open("GET", `${proxy}/ticks`);
		expect(String((await once(ticks, "data"))[0])).toBe("data: first\n\n");
		server.emit("tick");
		expect(String((await once(ticks, "data"))[0])).toBe("data: second\n\n");
		stuck.destroy();
	});

	it("carries WebSockets: subprotocol, text, bytes, large messages and the end", async () => {
		const socket = await api.webSocket(`${proxy}/echo`, ["first", "second"]);
		expect(socket.protocol).toBe("second");
		socket.send("text");
		expect(await message(socket)).toBe("text");
		const bytes = randomBytes(700_000);
		socket.send(bytes);
		expect((await once(socket, "message"))[0]).toEqual(bytes);
		socket.send("bye");
		const [code, reason] = await once(socket, "close");
		expect([code, String(reason)]).toEqual([4001, "as asked"]);
	});

	it("carries a hundred WebSockets at once", async () => {
		const sockets = await Promise.all(Array.from({ length: 100 }, () => api.webSocket(`${proxy}/echo`)));
		const answers = sockets.map((socket) => message(socket));
		for (const [index, socket] of sockets.entries()) socket.send(String(index));
		expect(await Promise.all(answers)).toEqual(sockets.map((_, index) => String(index)));
		for (const socket of sockets) socket.close();
	});

	it("says what is wrong in upstream's words", async () => {
		const refused = await api.send("GET", `/api/v1/nodes/${node}:1/proxy/x`);
		expect(refused.code).toBe(503);
		expect(refused.text).toMatch(/^Error: 'dial tcp \S+:1: connect: connection refused'\nTrying to reach: 'http:\/\/\S+:1\/x'$/);
		const message = async (path: string): Promise<string> => (JSON.parse((await api.send("GET", path)).text) as { message: string }).message;
		expect(await message("/api/v1/namespaces/default/services/web:81/proxy/")).toBe('no service port 81 found for service "web"');
		expect(await message("/api/v1/namespaces/default/services/none/proxy/")).toBe('endpoints "none" not found');
		expect(await message("/api/v1/namespaces/default/pods/ftp:x:1/proxy/")).toBe('invalid pod request "ftp:x:1"');
		expect(await message("/api/v1/nodes/none/proxy/")).toBe('nodes "none" not found');
		const { code, text } = await api.send("DELETE", `${proxy}/x`, { headers: { "impersonate-user": "jane" } });
		expect([code, (JSON.parse(text) as { message: string }).message]).toEqual([
			403,
			`nodes "${proxy.split("/")[4]}" is forbidden: User "jane" cannot delete resource "nodes/proxy" in API group "" at the cluster scope`,
		]);
	});
});
