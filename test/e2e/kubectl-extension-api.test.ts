/** An extension API server behind an APIService, as kubectl meets it: reached through a node's tunnel. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { APIService, ConfigMap } from "../../src/core/schema/kubernetes.d.ts";
import { createCa } from "../../src/cli/certificates.ts";
import { ApiRequests } from "./support/api-request.ts";
import { useCluster } from "./support/cluster.ts";
import { deployment } from "./support/example.ts";
import { ExtensionServer } from "./support/extension-server.ts";
import { eventually } from "./support/petrel.ts";

describe("kubectl and extension API servers", () => {
	const petrel = useCluster("process");
	const { kubectl } = petrel;
	const api = new ApiRequests(petrel);
	let server: ExtensionServer;

	const apply = (...objects: object[]): Promise<string> => kubectl.pipe(JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }), "apply", "-f", "-");

	/** A group version that the server's Service serves. */
	function apiService(group: string, version: string, service = "garden"): object {
		return {
			apiVersion: "apiregistration.k8s.io/v1",
			kind: "APIService",
			metadata: { name: `${version}.${group}` },
			spec: {
				group,
				version,
				groupPriorityMinimum: 2000,
				versionPriority: 15,
				service: { namespace: "default", name: service, port: server.port },
				caBundle: server.caBundle,
			},
		};
	}

	const available = (name: string): Promise<string> => kubectl.run("wait", "--for=condition=Available", `apiservice/${name}`, "--timeout=60s");

	beforeAll(async () => {
		const trust = await kubectl.json<ConfigMap>("get", "configmap", "-n", "kube-system", "extension-apiserver-authentication");
		server = await ExtensionServer.start(trust, ["garden.default.svc", "elsewhere.default.svc"]);
		await apply(
			...["garden", "elsewhere"].map((name) => ({
				apiVersion: "v1",
				kind: "Service",
				metadata: { name },
				spec: { type: "ExternalName", externalName: "localhost" },
			})),
			apiService("garden.example.com", "v1"),
		);
		await available("v1.garden.example.com");
	});
	afterAll(() => server?.stop());

	it("tells that the API is there, and what it has", async () => {
		expect(await kubectl.run("get", "apiservice", "v1.garden.example.com")).toMatch(/^v1\.garden\.example\.com +default\/garden +True +\d+s$/m);
		expect(await kubectl.run("api-resources", "--api-group=garden.example.com")).toMatch(/^flowers +fl +garden\.example\.com\/v1 +true +Flower$/m);
		expect(await kubectl.run("api-versions")).toContain("\ngarden.example.com/v1\n");
		expect(await kubectl.run("explain", "flowers.spec.colour")).toContain("The petals' colour.");
	});

	it("passes on who asks, and nothing that a client claims", async () => {
		expect(await kubectl.run("get", "fl")).toMatch(/^NAME +AGE\nrose +\d+s\n$/);
		const seen = await kubectl.json<{ metadata: { annotations: object } }>("get", "flower", "tulip");
		expect(seen.metadata.annotations).toEqual({ user: "kubernetes-admin", groups: expect.stringContaining("system:masters"), authorization: "none" });
		const tulip = { apiVersion: "garden.example.com/v1", kind: "Flower", metadata: { name: "tulip" }, spec: { colour: "blue" } };
		expect(await kubectl.pipe(JSON.stringify(tulip), "create", "-f", "-", "-o", "jsonpath={.spec.colour}")).toBe("blue");
	});

	it("asks this cluster's roles first", async () => {
		expect(await kubectl.fails(["get", "flowers", "--as=system:serviceaccount:default:nobody"])).toBe(
			'Error from server (Forbidden): flowers.garden.example.com is forbidden: User "system:serviceaccount:default:nobody" cannot list resource "flowers" in API group "garden.example.com" in the namespace "default"\n',
		);
		await kubectl.run("create", "role", "gardener", "--verb=get", "--resource=flowers.garden.example.com");
		await kubectl.run("create", "rolebinding", "gardener", "--role=gardener", "--serviceaccount=default:gardener");
		const as = "--as=system:serviceaccount:default:gardener";
		expect(await kubectl.run("get", "flower", "rose", as, "-o", "jsonpath={.metadata.annotations.user}")).toBe("system:serviceaccount:default:gardener");
	});

	it("streams a watch as it comes", async () => {
		const watch = kubectl.follow("get", "flowers", "--watch", "-o", "name");
		await watch.until(/rose/);
		await server.bloom("daisy");
		await watch.until(/flower\.garden\.example\.com\/daisy/);
		await watch.stop();
	});

	it("passes on a WebSocket, and what a client says of itself is struck out", async () => {
		const path = "/apis/garden.example.com/v1/namespaces/default/flowers/rose/talk?tone=soft";
		const socket = await api.webSocket(path, ["echo.example.com"], { "X-Remote-User": "root" });
		const said = async (text: string): Promise<string> => {
			socket.send(text);
			const [data] = await once(socket, "message");
			return String(data);
		};
		expect(socket.protocol).toBe("echo.example.com");
		expect(JSON.parse(await said("who"))).toEqual({ user: "kubernetes-admin", path });
		const long = "x".repeat(200_000);
		expect((await said(long)) === long).toBe(true);
		socket.close();
	});

	it("believes no certificate but one of the bundle's authority, unless it is told to", async () => {
		const given = apiService("wary.example.com", "v1") as { spec: Record<string, unknown> };
		server.documents.set("/apis/wary.example.com/v1", () => ({ kind: "APIResourceList", groupVersion: "wary.example.com/v1", resources: [] }));
		const { caBundle: _, ...bare } = given.spec;
		const strange = Buffer.from((await createCa(Date.now())).certificate).toString("base64");
		const told = (wanted: string): Promise<true> =>
			eventually(wanted, async () => ((await api.send("GET", "/apis/wary.example.com/v1")).text.includes(wanted) ? true : undefined));
		const refusal = "error trying to reach service: tls: failed to verify certificate: x509: certificate signed by unknown authority";
		await apply({ ...given, spec: { ...bare, caBundle: strange } });
		// Whether it is there is asked whatever its certificate says, as upstream does.
		await available("v1.wary.example.com");
		await told(refusal);
		await apply({ ...given, spec: { ...bare, insecureSkipTLSVerify: true } });
		await told("APIResourceList");
		await apply({ ...given, spec: bare });
		await told(refusal);
		await kubectl.run("delete", "apiservice", "v1.wary.example.com");
	});

	it("replaces metrics.k8s.io, and gives it back", async () => {
		const metrics = { kind: "NodeMetricsList", apiVersion: "metrics.k8s.io/v1beta1", metadata: {}, items: [] };
		const nodes = { name: "nodes", singularName: "node", namespaced: false, kind: "NodeMetrics", verbs: ["get", "list"] };
		server.documents.set("/apis/metrics.k8s.io/v1beta1", () => ({ kind: "APIResourceList", groupVersion: "metrics.k8s.io/v1beta1", resources: [nodes] }));
		server.documents.set("/apis/metrics.k8s.io/v1beta1/nodes", () => metrics);
		const { spec: before } = await kubectl.json<APIService>("get", "apiservice", "v1beta1.metrics.k8s.io");
		await apply(apiService("metrics.k8s.io", "v1beta1", "elsewhere"));
		await kubectl.run("wait", "--for=jsonpath={.status.conditions[0].reason}=Passed", "apiservice/v1beta1.metrics.k8s.io", "--timeout=60s");
		const measured = async () => (JSON.parse(await kubectl.run("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes")) as { items: unknown[] }).items.length;
		// The front door learns of a change within a second.
		await eventually("the other server's answer", async () => ((await measured()) === 0 ? true : undefined));
		const given = JSON.stringify([{ op: "replace", path: "/spec", value: before }]);
		await kubectl.run("patch", "apiservice", "v1beta1.metrics.k8s.io", "--type=json", "-p", given);
		await kubectl.run("wait", "--for=jsonpath={.status.conditions[0].reason}=Local", "apiservice/v1beta1.metrics.k8s.io", "--timeout=30s");
		await eventually("the cluster's own answer", async () => ((await measured()) > 0 ? true : undefined));
		expect(await kubectl.run("top", "nodes")).toMatch(/^NAME +CPU/);
	});

	it("scales by what an adapter tells of objects and of the outside", async () => {
		const metric = (group: string, version: string, path: string, items: object[]): void => {
			const root = `/apis/${group}/${version}`;
			server.documents.set(root, () => ({ kind: "APIResourceList", groupVersion: `${group}/${version}`, resources: [] }));
			server.documents.set(`${root}/namespaces/default/${path}`, () => ({ kind: "MetricValueList", items }));
		};
		const timestamp = new Date().toISOString();
		metric("external.metrics.k8s.io", "v1beta1", "queue", [{ metricName: "queue", timestamp, value: "30" }]);
		metric("custom.metrics.k8s.io", "v1beta2", "services/garden/hits", [{ describedObject: { kind: "Service", name: "garden" }, timestamp, value: "500m" }]);
		await apply(apiService("external.metrics.k8s.io", "v1beta1"), apiService("custom.metrics.k8s.io", "v1beta2"), deployment("web", 1));
		await Promise.all(["v1beta1.external.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io"].map(available));
		const averageValue = (value: string) => ({ type: "AverageValue", averageValue: value });
		const metrics = [
			{ type: "External", external: { metric: { name: "queue" }, target: averageValue("10") } },
			{
				type: "Object",
				object: { metric: { name: "hits" }, describedObject: { apiVersion: "v1", kind: "Service", name: "garden" }, target: averageValue("1") },
			},
			{ type: "External", external: { metric: { name: "unknown" }, target: averageValue("1") } },
		];
		const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
		const spec = { scaleTargetRef, minReplicas: 1, maxReplicas: 5, metrics };
		await apply({ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", metadata: { name: "web" }, spec });
		await kubectl.run("wait", "--for=jsonpath={.spec.replicas}=3", "deployment/web", "--timeout=60s");
		const description = await kubectl.run("describe", "hpa", "web");
		expect(description).toMatch(/"queue" \(target average value\): +\S+ \/ 10/);
		expect(description).toContain("New size: 3; reason: external metric queue(nil) above target");
		expect(description).toMatch(/FailedGetExternalMetric .*unable to fetch metrics from external metrics API: /);
		await kubectl.run("delete", "hpa", "web");
	});

	it("goes with the namespace, which waits for it", async () => {
		await kubectl.run("create", "namespace", "beds");
		await kubectl.run("delete", "namespace", "beds", "--timeout=60s");
		expect(server.cleared.get("beds")).toBe("system:serviceaccount:kube-system:namespace-controller");
		await apply(apiService("nobody.example.com", "v1", "missing"));
		await kubectl.run("wait", "--for=condition=Available=False", "apiservice/v1.nobody.example.com", "--timeout=30s");
		await kubectl.run("create", "namespace", "beds");
		await kubectl.run("delete", "namespace", "beds", "--wait=false");
		await kubectl.run("wait", "--for=condition=NamespaceDeletionDiscoveryFailure", "namespace/beds", "--timeout=60s");
		await kubectl.run("delete", "apiservice", "v1.nobody.example.com");
		await kubectl.run("wait", "--for=delete", "namespace/beds", "--timeout=60s");
	});

	it("says why an API cannot be had", async () => {
		await apply(apiService("nobody.example.com", "v1", "missing"));
		await kubectl.run("wait", "--for=condition=Available=False", "apiservice/v1.nobody.example.com", "--timeout=30s");
		const { status } = await kubectl.json<APIService>("get", "apiservice", "v1.nobody.example.com");
		expect(status?.conditions).toMatchObject([{ reason: "ServiceNotFound", message: 'service/missing in "default" is not present' }]);
		expect(await kubectl.fails(["get", "--raw", "/apis/nobody.example.com/v1/things"])).toContain("the server is currently unable to handle the request");
		expect(JSON.parse(await kubectl.run("get", "--raw", "/apis/nobody.example.com"))).toMatchObject({ name: "nobody.example.com" });
		await kubectl.run("delete", "apiservice", "v1.nobody.example.com");
		expect(await kubectl.fails(["get", "--raw", "/apis/nobody.example.com"])).toContain("(NotFound)");
	});
});
