/** Public HTTP through the front door: an Ingress, a Service's pods on a node that the test plays, and what clients see. */
import { describe, expect, it } from "vitest";
import type { Ingress, Pod, PodStatus, Service } from "../../src/core/schema/kubernetes.d.ts";
import { fetchEdge } from "./support/bindings.ts";
import { refOf, runningStatus, TestAgent } from "./support/test-agent.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";
import { type TestStream, TestTunnel } from "./support/test-tunnel.ts";

const INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses";
const SERVICES = "/api/v1/namespaces/default/services";
const PODS = "/api/v1/namespaces/default/pods";

const service = (name: string): Service => ({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name },
	spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
});

function ingress(host: string, backend: string, annotations: Record<string, string> = {}): Ingress {
	const path = { path: "/", pathType: "Prefix", backend: { service: { name: backend, port: { name: "http" } } } };
	return {
		apiVersion: "networking.k8s.io/v1",
		kind: "Ingress",
		metadata: { name: backend, annotations },
		spec: { rules: [{ host, http: { paths: [path] } }] },
	};
}

interface Site {
	cluster: TestCluster;
	tunnel: TestTunnel;
	agent: TestAgent;
	/** An URL of the site. */
	url(path: string): string;
}

/** A Service `web` behind an Ingress, with pods at 10.244.0.1 and on. */
async function site({ pods = 1, annotations = {} }: { pods?: number; annotations?: Record<string, string> } = {}): Promise<Site> {
	const cluster = await TestCluster.create();
	const agent = await TestAgent.ready(cluster);
	const host = `web.${cluster.name}.edge.test`;
	await cluster.call("POST", SERVICES, service("web"));
	await cluster.call("POST", INGRESSES, ingress(host, "web", annotations));
	for (let i = 1; i <= pods; i++) await runPod(cluster, agent, i);
	const tunnel = await TestTunnel.open(agent);
	return { cluster, agent, tunnel, url: (path) => `https://${host}${path}` };
}

async function runPod(cluster: TestCluster, agent: TestAgent, index: number): Promise<Pod> {
	const spec = { containers: [{ name: "main", image: "example" }] };
	await cluster.call("POST", PODS, { apiVersion: "v1", kind: "Pod", metadata: { name: `web-${index}`, labels: { app: "web" } }, spec });
	const pod = await agent.pod(({ metadata }) => metadata.name === `web-${index}`);
	const ip = `10.244.0.${index}`;
	await agent.reportStatus(refOf(pod), { ...runningStatus(), podIP: ip, podIPs: [{ ip }] } as PodStatus);
	await eventually(async () => {
		const { items } = await cluster.call<{ items: { endpoints: { addresses: string[] }[] }[] }>(
			"GET",
			"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
		);
		return items.some(({ endpoints }) => (endpoints ?? []).some(({ addresses }) => addresses.includes(ip))) || undefined;
	});
	return pod;
}

/** Asks until the edge has heard of the site; each of these requests but the last ends at the edge. */
async function ask(
	tunnel: TestTunnel,
	fetching: () => Promise<Response>,
	answer: (stream: TestStream) => void,
): Promise<{ response: Response; stream: TestStream }> {
	let seen: TestStream | undefined;
	const stream = tunnel.stream().then((one) => {
		seen = one;
		answer(one);
		return one;
	});
	const response = await eventually(async () => {
		const got = await fetching();
		return seen ? got : undefined;
	});
	return { response, stream: await stream };
}

const headersOf = ({ head }: TestStream): Record<string, string> => Object.fromEntries(head.headers.map(([name, value]) => [name.toLowerCase(), value]));
const ipOf = ({ head: { target } }: TestStream): string => (target.kind === "pod" ? target.ip : "");

describe("the edge", () => {
	it("leads to a ready pod, and says of the client what it knows itself", async () => {
		const { tunnel, url, cluster } = await site();
		const fetching = () =>
			fetchEdge(url("/a%2Fb?c=d"), {
				method: "POST",
				body: "sent",
				headers: { "cf-connecting-ip": "198.51.100.7", "x-forwarded-for": "10.0.0.1", te: "trailers" },
			});
		const { response, stream } = await ask(tunnel, fetching, (one) => one.answer({ status: 201, headers: [["x-answer", "yes"]] }, "received"));
		expect([response.status, response.headers.get("x-answer"), await response.text()]).toEqual([201, "yes", "received"]);
		expect(await stream.body).toBe("sent");
		expect(stream.head).toMatchObject({ method: "POST", path: "/a%2Fb?c=d", target: { kind: "pod", ip: "10.244.0.1", port: 8080 } });
		const host = new URL(url("/")).host;
		expect(headersOf(stream)).toMatchObject({
			host,
			"x-forwarded-for": "198.51.100.7",
			"x-forwarded-host": host,
			"x-forwarded-proto": "https",
			"x-forwarded-port": "443",
		});
		expect(headersOf(stream)).not.toHaveProperty("te");
		const { status } = await cluster.call<Ingress>("GET", `${INGRESSES}/web`);
		expect(status?.loadBalancer?.ingress).toEqual([{ hostname: "edge.test", ports: [{ port: 80, protocol: "TCP" }] }]);
	});

	it("counts a connection until its answer is over, also when that is a short one that comes at once", async () => {
		const { tunnel, url } = await site({ annotations: { "petrel.dev/limit-connections": "1" } });
		const get = () => fetchEdge(url("/"));
		const { response } = await ask(tunnel, get, (one) => one.answerWhole("first"));
		expect(await response.text()).toBe("first");
		for (const text of ["second", "third"]) {
			void tunnel.stream().then((one) => one.answerWhole(text));
			expect(await (await get()).text()).toBe(text);
		}
	});

	it("takes another pod when the first was not reached, whatever the method; one that was cut only if nothing is done twice", async () => {
		const { tunnel, url } = await site({ pods: 2 });
		const post = () => fetchEdge(url("/"), { method: "POST", body: "once" });
		const first: TestStream[] = [];
		const { response } = await ask(tunnel, post, (one) => {
			first.push(one);
			void tunnel.stream().then((second) => {
				first.push(second);
				second.answer({}, "from the other");
			});
			one.reset("dial");
		});
		expect(await response.text()).toBe("from the other");
		expect(new Set(first.map(ipOf)).size).toBe(2);
		expect(await first[1]?.body).toBe("once");

		const cut = await ask(tunnel, post, (one) => one.reset("lost"));
		expect(cut.response.status).toBe(502);
		expect(await cut.response.text()).not.toContain("secret");

		const get = await ask(
			tunnel,
			() => fetchEdge(url("/")),
			(one) => {
				void tunnel.stream().then((second) => second.answer({}, "again"));
				one.reset("lost");
			},
		);
		expect(await get.response.text()).toBe("again");
	});

	it("gives requests to the pod with the fewest under way, and keeps a client with a cookie to one", async () => {
		const { tunnel, url } = await site({ pods: 2, annotations: { "nginx.ingress.kubernetes.io/affinity": "cookie" } });
		const { response, stream } = await ask(
			tunnel,
			() => fetchEdge(url("/")),
			(one) => one.answer({}),
		);
		const cookie = (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
		expect(cookie).toMatch(/^INGRESSCOOKIE=[0-9a-f]{16}$/);
		await response.text();
		const open = [fetchEdge(url("/1")), fetchEdge(url("/2"))];
		const taken = [await tunnel.stream(), await tunnel.stream()];
		expect(new Set(taken.map(ipOf)).size).toBe(2);
		for (let i = 0; i < 3; i++) {
			const kept = fetchEdge(url("/kept"), { headers: { cookie } });
			const next = await tunnel.stream();
			expect(ipOf(next)).toBe(ipOf(stream));
			next.answer({});
			expect((await kept).headers.get("set-cookie")).toBeNull();
		}
		for (const one of taken) one.answer({});
		await Promise.all(open);
	});

	it("answers for pods that are not there, are too slow, or are asked too often", async () => {
		const { tunnel, url, cluster } = await site({ annotations: { "petrel.dev/proxy-read-timeout": "50ms", "petrel.dev/limit-connections": "1" } });
		const slow = await ask(
			tunnel,
			() => fetchEdge(url("/")),
			() => undefined,
		);
		expect(slow.response.status).toBe(504);
		await slow.stream.gone;
		const first = fetchEdge(url("/"));
		const under = await tunnel.stream();
		expect((await fetchEdge(url("/"))).status).toBe(429);
		under.answer({});
		expect((await first).status).toBe(200);
		await cluster.call("DELETE", `${PODS}/web-1?gracePeriodSeconds=0`);
		const gone = await eventually(async () => {
			const response = await fetchEdge(url("/"));
			return response.status === 503 ? response : undefined;
		});
		expect(gone.headers.get("retry-after")).toBe("1");
	});

	it("serves the Ingresses of its own class alone, and forgets one that is deleted", async () => {
		const { tunnel, url, cluster } = await site();
		const serve = async (): Promise<void> => {
			for (;;) (await tunnel.stream()).answer({});
		};
		void serve();
		await eventually(async () => (await fetchEdge(url("/"))).status === 200 || undefined);
		const other = ingress(`other.${cluster.name}.edge.test`, "web");
		await cluster.call("POST", INGRESSES, { ...other, metadata: { name: "other" }, spec: { ...other.spec, ingressClassName: "nginx" } });
		expect((await fetchEdge(`https://other.${cluster.name}.edge.test/`)).status).toBe(404);
		expect((await cluster.call<Ingress>("GET", `${INGRESSES}/web`)).spec?.ingressClassName).toBe("petrel");
		await cluster.call("DELETE", `${INGRESSES}/web`);
		await eventually(async () => (await fetchEdge(url("/"))).status === 404 || undefined);
		expect((await fetchEdge("https://unknown.example.com/")).status).toBe(404);
		expect((await fetchEdge("https://web.nobody.edge.test/")).status).toBe(404);
	});
});
