/** The edge's table under faults: in the end its routes are those of the Ingresses and HTTPRoutes that are there, and its pods those that are ready. */
import { expect } from "vitest";
import { isReady } from "../../src/core/controllers/pod-state.ts";
import { type Gateway, GATEWAY_CLASSES, GATEWAYS, type GatewayClass, HTTP_ROUTES, type HttpRoute } from "../../src/core/edge/gateway-api.ts";
import type { EdgeRow } from "../../src/core/edge/edge-table.ts";
import { servicesOfHttpRoute } from "../../src/core/edge/http-route.ts";
import { servicesOfIngress } from "../../src/core/edge/ingress-routes.ts";
import type { Ingress, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { GATEWAY_DEFINITIONS } from "../e2e/support/gateway-definitions.ts";
import { accidents, Client, namesOf, startWorld, stormTest, weather } from "./storm.ts";
import type { World } from "./world.ts";

const NAMESPACES = ["default", "kube-public"];
const APPS = ["a", "b"];
const GATEWAY_GROUP = { group: "gateway.networking.k8s.io" };

const workload = (app: string) => ({
	kind: "Deployment",
	metadata: { name: app },
	spec: {
		replicas: 2,
		selector: { matchLabels: { app } },
		template: { metadata: { labels: { app } }, spec: { terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "web:1" }] } },
	},
});

async function prepare(world: World, client: Client): Promise<void> {
	for (const definition of GATEWAY_DEFINITIONS)
		await world.api({ verb: "create", group: "apiextensions.k8s.io", resource: "customresourcedefinitions" }, definition);
	await client.create(
		{ group: "networking.k8s.io", resource: "ingressclasses" },
		{ kind: "IngressClass", metadata: { name: "storm" }, spec: { controller: "petrel.dev/ingress" } },
	);
	await world.run(5_000);
	for (const namespace of NAMESPACES)
		for (const app of APPS) {
			await client.create({ group: "apps", resource: "deployments", namespace }, workload(app));
			await client.create(
				{ resource: "services", namespace },
				{ kind: "Service", metadata: { name: app }, spec: { selector: { app }, ports: [{ port: 80 }] } },
			);
		}
	await client.create(
		{ ...GATEWAY_GROUP, resource: "gateways", namespace: "default" },
		{
			kind: "Gateway",
			metadata: { name: "public" },
			spec: { gatewayClassName: "petrel", listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }] },
		},
	);
}

function checkEdge(world: World): void {
	const rows = world.edge().table(0)?.rows ?? [];
	const routes = rows.flatMap((row) => (row.row === "routes" && row.routes !== null ? [`${row.kind}/${row.namespace}/${row.name}`] : []));
	const store = (namespace: string) => world.namespace(namespace).core.server.store;
	const all = <T extends { metadata: { name?: string } }>(resource: string) =>
		NAMESPACES.flatMap((namespace) => (store(namespace).list(resource) as unknown as T[]).map((object) => ({ namespace, object })));
	const ingresses = all<Ingress>("networking.k8s.io/ingresses").filter(({ object }) => object.spec?.ingressClassName === "storm");
	const gateways = all<Gateway>(GATEWAYS);
	const httpRoutes = all<HttpRoute>(HTTP_ROUTES);
	const attached = gateways.length > 0 ? httpRoutes : [];
	const wanted = [
		...ingresses.map(({ namespace, object }) => `Ingress/${namespace}/${object.metadata.name}`),
		...attached.map(({ namespace, object }) => `HTTPRoute/${namespace}/${object.metadata.name}`),
	];
	expect(routes.sort(), "the edge's routes").toEqual(wanted.sort());
	const services = new Set([
		...ingresses.flatMap(({ namespace, object }) => servicesOfIngress(object).map((name) => `${namespace}/${name}`)),
		...httpRoutes.flatMap(({ namespace, object }) => servicesOfHttpRoute(object).map((name) => `${namespace}/${name}`)),
	]);
	for (const key of services) {
		const [namespace = "", app = ""] = key.split("/");
		const ready = store(namespace)
			.list<Pod>("pods")
			.filter((pod) => pod.metadata.labels?.app === app && isReady(pod));
		expect(endpointsOf(rows, namespace, app), `the edge's pods of ${key}`).toEqual(namesOfUids(ready));
	}
	const { object: gateway } = gateways[0] ?? {};
	if (gateway) expect(gateway.status?.listeners?.[0]?.attachedRoutes, "routes of the Gateway").toBe(attached.length);
}

const namesOfUids = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.uid ?? "").sort();

function endpointsOf(rows: readonly EdgeRow[], namespace: string, name: string): string[] {
	const row = rows.find((one) => one.row === "service" && one.namespace === namespace && one.name === name);
	return row?.row === "service" ? (row.service?.ports[0]?.endpoints ?? []).map(({ uid }) => uid).sort() : [];
}

stormTest("edge", "it serves what there is, and leads to the pods that are ready", async (seed) => {
	const { world, agents } = await startWorld(seed, ["n1", "n2"]);
	const client = new Client(world);
	const { random } = world;
	await prepare(world, client);
	const where = () => random.pick(NAMESPACES) as string;
	const backend = () => random.pick(APPS) as string;
	const name = () => `r${random.between(1, 3)}`;
	const ingress = () => {
		const path = { path: "/", pathType: "Prefix", backend: { service: { name: backend(), port: { number: 80 } } } };
		const spec = { ingressClassName: random.chance(0.8) ? "storm" : "other", rules: [{ host: "x.test", http: { paths: [path] } }] };
		return client.create({ group: "networking.k8s.io", resource: "ingresses", namespace: where() }, { kind: "Ingress", metadata: { name: name() }, spec });
	};
	const route = () => {
		const spec = { parentRefs: [{ name: "public", namespace: "default" }], rules: [{ backendRefs: [{ name: backend(), port: 80 }] }] };
		return client.create({ ...GATEWAY_GROUP, resource: "httproutes", namespace: where() }, { kind: "HTTPRoute", metadata: { name: name() }, spec });
	};
	const deeds = [
		...accidents(world, agents),
		() => world.crash({ object: "edge" }),
		ingress,
		ingress,
		route,
		route,
		() => client.delete({ group: "networking.k8s.io", resource: "ingresses", namespace: where(), name: name() }),
		() => client.delete({ ...GATEWAY_GROUP, resource: "httproutes", namespace: where(), name: name() }),
		() => client.patch({ group: "apps", resource: "deployments", namespace: where(), name: backend() }, { spec: { replicas: random.between(0, 3) } }),
		async () => {
			const namespace = where();
			const pod = random.pick(world.namespace(namespace).core.server.store.list<Pod>("pods"));
			if (pod) await client.delete({ resource: "pods", namespace, name: pod.metadata.name ?? "" });
		},
	];
	await weather(world, agents, { steps: 50, stepMs: 2_000, calmMs: 700_000, deeds });
	checkEdge(world);
	const classes = world.cluster().core.server.store.list<GatewayClass>(GATEWAY_CLASSES);
	expect([namesOf(classes), classes[0]?.status?.conditions?.[0]?.status]).toEqual([["petrel"], "True"]);
});
