/** Public HTTP: Ingresses on the edge's own port, as users make them with kubectl and clients meet them. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Ingress } from "../../src/core/schema/kubernetes.d.ts";
import { createCa, createServerCertificate } from "../../src/cli/certificates.ts";
import { useCluster } from "./support/cluster.ts";
import { type Echo, echoDeployment, LARGE_BYTES } from "./support/echo-server.ts";
import { EdgeClient } from "./support/edge-client.ts";
import { deployment } from "./support/example.ts";
import { GATEWAY_DEFINITIONS } from "./support/gateway-definitions.ts";
import { eventually } from "./support/petrel.ts";

const CLIENTS = 4;
const PIECE = Buffer.alloc(64 * 1024, "petrel");

describe("the edge", () => {
	const petrel = useCluster("process");
	const { kubectl } = petrel;
	let edge: EdgeClient;

	/** A Deployment behind a Service of its name. */
	async function serve(made: ReturnType<typeof deployment>): Promise<void> {
		const name = made.metadata.name ?? "";
		await kubectl.apply(made);
		await kubectl.run("expose", `deployment/${name}`, "--port=80", "--target-port=http");
		await kubectl.run("rollout", "status", `deployment/${name}`, "--timeout=60s");
	}

	/** Asks until a pod answers. */
	const firstAnswer = (host: string) =>
		eventually(`an answer for ${host}`, async () => {
			const answer = await edge.send(host, "/");
			return answer.code === 200 ? answer : undefined;
		});

	beforeAll(async () => {
		edge = new EdgeClient(petrel.data.runState()?.edge ?? "");
		await serve(deployment("web", 3));
		await serve(echoDeployment("echo", 2));
	});
	afterAll(() => edge?.close());

	it("answers for an Ingress soon after it is made, and shows where", async () => {
		expect((await edge.send("web.test", "/")).code).toBe(404);
		await kubectl.run("create", "ingress", "web", "--rule=web.test/*=web:80");
		expect((await firstAnswer("web.test")).text).toMatch(/^Hello from web-/);
		const { port, hostname } = new URL(petrel.data.runState()?.edge ?? "");
		const { spec, status } = await kubectl.json<Ingress>("get", "ingress", "web");
		expect(spec?.ingressClassName).toBe("petrel");
		expect(status?.loadBalancer?.ingress).toEqual([{ ip: hostname, ports: [{ port: Number(port), protocol: "TCP" }] }]);
		expect(await kubectl.run("get", "ingress", "web", "--no-headers")).toMatch(/^web +petrel +web\.test +127\.0\.0\.1 +80 /);
		expect(await kubectl.run("describe", "ingress", "web")).toMatch(/Address: +127\.0\.0\.1\nIngress Class: +petrel\n[\s\S]*web\.test +\n +\/ +web:80 \(/);
	});

	it("passes requests on as they are, streams, Server-Sent Events and WebSockets", async () => {
		await kubectl.run("create", "ingress", "echo", "--rule=echo.test/*=echo:80");
		await firstAnswer("echo.test");
		const { text } = await edge.send("echo.test", "/a%2Fb?c=d", { method: "PUT", body: "body", headers: { "x-forwarded-for": "192.0.2.1" } });
		const { method, url, headers } = JSON.parse(text) as Echo;
		expect([method, url]).toEqual(["PUT", "/a%2Fb?c=d"]);
		expect(headers).toMatchObject({ host: "echo.test", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-real-ip": "127.0.0.1" });

		const pieces = Array.from({ length: LARGE_BYTES / PIECE.length }, () => PIECE);
		const hash = createHash("sha256");
		for (const piece of pieces) hash.update(piece);
		const sent = JSON.parse((await edge.send("echo.test", "/", { method: "POST", body: Readable.from(pieces) })).text) as Echo;
		expect([sent.length, sent.sha256]).toEqual([LARGE_BYTES, hash.digest("hex")]);
		const large = await edge.open("echo.test", "/large");
		expect(large.headers["content-length"]).toBe(String(LARGE_BYTES));
		let length = 0;
		for await (const chunk of large) length += (chunk as Buffer).length;
		expect(length).toBe(LARGE_BYTES);

		const ticks = await edge.open("echo.test", "/ticks");
		expect(String((await once(ticks, "data"))[0])).toBe("data: first\n\n");
		ticks.destroy();
		const socket = await edge.webSocket("echo.test", "/socket", ["chat"]);
		expect(socket.protocol).toBe("chat");
		socket.send("over the wire");
		expect(String((await once(socket, "message"))[0])).toBe("over the wire");
		socket.close();
	});

	it("serves HTTPRoutes of Gateways in other namespaces, by headers and weights, and says so in their status", async () => {
		for (const definition of GATEWAY_DEFINITIONS) await kubectl.apply(definition);
		await kubectl.run("wait", "--for=condition=Established", ...GATEWAY_DEFINITIONS.map(({ metadata }) => `crd/${metadata.name}`));
		await eventually("the class", () => kubectl.run("wait", "--for=condition=Accepted", "gatewayclass/petrel", "--timeout=30s").catch(() => undefined));
		await kubectl.run("create", "namespace", "infra");
		const listener = { name: "http", port: 80, protocol: "HTTP", hostname: "*.gateway.test", allowedRoutes: { namespaces: { from: "All" } } };
		await kubectl.apply({
			apiVersion: "gateway.networking.k8s.io/v1",
			kind: "Gateway",
			metadata: { name: "public", namespace: "infra" },
			spec: { gatewayClassName: "petrel", listeners: [listener] },
		});
		const backend = (name: string, weight: number) => ({ name, port: 80, weight });
		await kubectl.apply({
			apiVersion: "gateway.networking.k8s.io/v1",
			kind: "HTTPRoute",
			metadata: { name: "shop" },
			spec: {
				parentRefs: [{ name: "public", namespace: "infra" }],
				rules: [
					{ backendRefs: [backend("web", 1), backend("echo", 1)] },
					{
						matches: [{ path: { value: "/api" }, headers: [{ name: "x-debug", value: "yes" }] }],
						filters: [{ type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/v2" } } }],
						backendRefs: [backend("echo", 1)],
					},
				],
			},
		});
		await kubectl.run("wait", '--for=jsonpath={.status.parents[0].conditions[?(@.type=="Accepted")].status}=True', "httproute/shop", "--timeout=30s");
		await kubectl.run("wait", "--for=condition=Programmed", "gateway/public", "-n", "infra", "--timeout=30s");
		expect(
			await kubectl.run("get", "gateway", "public", "-n", "infra", "-o", "jsonpath={.status.addresses[0].value} {.status.listeners[0].attachedRoutes}"),
		).toBe("127.0.0.1 1");
		await firstAnswer("shop.gateway.test");
		const { text } = await edge.send("shop.gateway.test", "/api/items?a=b", { headers: { "x-debug": "yes" } });
		expect((JSON.parse(text) as Echo).url).toBe("/v2/items?a=b");
		const seen = new Set<string>();
		while (seen.size < 2) seen.add((await edge.send("shop.gateway.test", "/")).text.startsWith("Hello from web") ? "web" : "echo");
		await kubectl.run("delete", "gateway", "public", "-n", "infra");
		await eventually("the end of the route", async () => ((await edge.send("shop.gateway.test", "/")).code === 404 ? true : undefined));
	});

	it("ends TLS with the certificate of the host that is asked for, and sends plain HTTP there", async () => {
		const ca = await createCa(Date.now());
		for (const host of ["one.test", "two.test"]) {
			const { certificate, privateKey } = await createServerCertificate(ca, [host], Date.now());
			const data = { "tls.crt": Buffer.from(certificate).toString("base64"), "tls.key": Buffer.from(privateKey).toString("base64") };
			await kubectl.apply({ apiVersion: "v1", kind: "Secret", metadata: { name: host }, type: "kubernetes.io/tls", data });
			await kubectl.run("create", "ingress", host, `--rule=${host}/*=echo:80,tls=${host}`);
		}
		const secure = new EdgeClient(petrel.data.runState()?.secureEdge ?? "", ca.certificate);
		for (const host of ["one.test", "two.test"]) {
			const answer = await eventually(host, () => secure.send(host, "/a?b", { method: "POST", body: "sent" }).catch(() => undefined));
			const { method, url, length, headers } = JSON.parse(answer.text) as Echo;
			expect([method, url, length]).toEqual(["POST", "/a?b", 4]);
			expect(headers).toMatchObject({ host, "x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1" });
			expect(Object.keys(headers).filter((name) => name.startsWith("x-petrel"))).toEqual([]);
		}
		const { port } = new URL(petrel.data.runState()?.secureEdge ?? "");
		expect(await edge.send("one.test", "/x")).toMatchObject({ code: 308, headers: { location: `https://one.test:${port}/x` } });
		await expect(secure.send("web.test", "/")).rejects.toThrow();
		const socket = await secure.webSocket("two.test", "/socket", ["chat"]);
		socket.send("over TLS");
		expect(String((await once(socket, "message"))[0])).toBe("over TLS");
		socket.close();
		secure.close();
	});

	it("lets a Deployment sleep that nobody asks for, and wakes it for the next request", async () => {
		const sleeper = deployment("sleeper", 2);
		sleeper.metadata.annotations = { "petrel.dev/scale-to-zero-after": "2s" };
		await serve(sleeper);
		await kubectl.run("create", "ingress", "sleeper", "--rule=sleeper.test/*=sleeper:80");
		for (let round = 0; round < 2; round++) {
			expect((await firstAnswer("sleeper.test")).text).toMatch(/^Hello from sleeper-/);
			await kubectl.run("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/sleeper", "--timeout=60s");
			await kubectl.run("wait", "--for=delete", "pod", "-l", "app=sleeper", "--timeout=60s");
		}
		const all = await Promise.all(Array.from({ length: 5 }, (_, i) => edge.send("sleeper.test", "/", i === 0 ? { method: "POST", body: "first" } : {})));
		// busybox's httpd takes no POST.
		expect(all.map(({ code }) => code)).toEqual([501, 200, 200, 200, 200]);
		expect(await kubectl.run("get", "deployment", "sleeper", "-o", "jsonpath={.spec.replicas}")).toBe("2");
		expect(await kubectl.run("describe", "deployment", "sleeper")).toMatch(/ScaledFromZero[\s\S]*Scaled up from 0 to 2: a request waits/);
	});

	it("fails no request while a Deployment is rolled out", async () => {
		const failures: string[] = [];
		const pods = new Set<string>();
		let rolling = true;
		const load = async (): Promise<void> => {
			while (rolling) {
				const answer = await edge.send("web.test", "/").catch((error: Error) => ({ code: 0, text: error.message }));
				if (answer.code === 200) pods.add(answer.text);
				else failures.push(`${answer.code} ${answer.text}`);
			}
		};
		const clients = Array.from({ length: CLIENTS }, load);
		for (let round = 0; round < 2; round++) {
			await kubectl.run("rollout", "restart", "deployment/web");
			await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		}
		rolling = false;
		await Promise.all(clients);
		expect(failures).toEqual([]);
		// The pods of three generations.
		expect(pods.size).toBeGreaterThan(6);
	});
});
