import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { FakeRuntime } from "../../../test/support/fake-runtime.ts";
import type { Container, Probe } from "../../core/schema/kubernetes.d.ts";
import { runProbe } from "./probe-runner.ts";

const runtime = new FakeRuntime(new FakeClock());
let server: Server;
let port: number;
let seen: { url: string | undefined; agent: string | undefined; host: string | undefined };
beforeEach(async () => {
	server = createServer((request, response) => {
		seen = { url: request.url, agent: request.headers["user-agent"], host: request.headers.host };
		if (request.url === "/hang") return;
		response.statusCode = Number(request.url?.slice(1)) || 200;
		response.end("body");
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	port = (server.address() as AddressInfo).port;
});
afterEach(() => {
	server.closeAllConnections();
	return new Promise<void>((resolve) => server.close(() => resolve()));
});

function run(probe: Probe, podIP = "127.0.0.1") {
	const container: Container = { name: "app", ports: [{ name: "web", containerPort: port }] };
	return runProbe(runtime, { container, containerId: "c1", podIP }, probe);
}

describe("httpGet", () => {
	it.each([[200], [204], [302], [399]])("succeeds on %i", async (code) => {
		expect(await run({ httpGet: { path: `/${code}`, port } })).toEqual({ success: true, message: "" });
	});

	it("says the code it got", async () => {
		expect(await run({ httpGet: { path: "/500", port } })).toEqual({ success: false, message: "HTTP probe failed with statuscode: 500" });
	});

	it("goes to a named port, with the headers asked for", async () => {
		await run({ httpGet: { path: "ok", port: "web", httpHeaders: [{ name: "Host", value: "example.com" }] } });
		expect(seen).toEqual({ url: "/ok", agent: "kube-probe/1.36", host: "example.com" });
	});

	it("says that nobody listens, or answers", async () => {
		expect((await run({ httpGet: { path: "/", port: 1 } })).message).toBe('Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused');
		expect((await run({ httpGet: { path: "/hang", port }, timeoutSeconds: 0.05 })).message).toContain(
			"context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
		);
		expect((await run({ httpGet: { port: "nope" } })).message).toBe("invalid port number: nope");
	});
});

describe("tcpSocket", () => {
	it("is content with a connection", async () => {
		expect((await run({ tcpSocket: { port } })).success).toBe(true);
		expect(await run({ tcpSocket: { port: 1 } })).toEqual({ success: false, message: "dial tcp 127.0.0.1:1: connect: connection refused" });
	});
});

describe("exec", () => {
	it("judges by the exit code and keeps the output", async () => {
		runtime.execHandler = async (_name, options) => {
			options.stdout?.write("no good");
			return options.command[0] === "true" ? 0 : 1;
		};
		expect((await run({ exec: { command: ["true"] } })).success).toBe(true);
		expect(await run({ exec: { command: ["false"] } })).toEqual({ success: false, message: "no good" });
	});

	it("does not wait for ever", async () => {
		runtime.execHandler = () => new Promise(() => undefined);
		expect(await run({ exec: { command: ["sleep", "9"] }, timeoutSeconds: 0.05 })).toEqual({
			success: false,
			message: 'command timed out: "sleep 9" timed out after 0.05s',
		});
	});
});

describe("grpc", () => {
	it("asks the health service and believes only SERVING", async () => {
		const grpc = createHttp2Server();
		grpc.on("stream", (stream, headers) => {
			const chunks: Buffer[] = [];
			stream.on("data", (chunk: Buffer) => chunks.push(chunk));
			stream.on("end", () => {
				const service = Buffer.concat(chunks).subarray(7).toString();
				stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
				stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": headers[":path"] === "/grpc.health.v1.Health/Check" ? "0" : "12" }));
				stream.end(Buffer.from([0, 0, 0, 0, 2, 8, service === "sick" ? 2 : 1]));
			});
		});
		await new Promise<void>((resolve) => grpc.listen(0, "127.0.0.1", resolve));
		const grpcPort = (grpc.address() as AddressInfo).port;
		expect(await run({ grpc: { port: grpcPort } })).toEqual({ success: true, message: "" });
		expect(await run({ grpc: { port: grpcPort, service: "sick" } })).toEqual({ success: false, message: 'service unhealthy (responded with "NOT_SERVING")' });
		await new Promise<void>((resolve) => grpc.close(() => resolve()));
		expect((await run({ grpc: { port: grpcPort } })).success).toBe(false);
	});
});
