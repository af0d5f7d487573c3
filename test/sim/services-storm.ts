/**
 * Services under faults: no address or node port is ever two Services'; in the end Endpoints and EndpointSlices name the pods that are
 * ready, the addresses that are held are those of Services, and every node's network table says the same.
 */
import { expect } from "vitest";
import { isReady } from "../../src/core/controllers/pod-state.ts";
import type {
	Endpoints,
	EndpointSlice,
	IPAddress,
	NetworkPolicy,
	Pod,
	ReplicationController,
	Service,
	ServiceCIDR,
} from "../../src/core/schema/kubernetes.d.ts";
import type { Agent } from "./agent.ts";
import { accidents, Client, namesOf, startWorld, weather } from "./storm.ts";
import type { World } from "./world.ts";

const CORE = { namespace: "default" };
const NETWORKING = { group: "networking.k8s.io" };
const APPS = ["a", "b", "c"];
const MIRROR_LABEL = "endpointslice.kubernetes.io/managed-by";
const MIRROR = "endpointslicemirroring-controller.k8s.io";
const EXTRA_CIDR = "10.97.0.0/28";

class Storm {
	readonly world: World;
	readonly client: Client;

	constructor(world: World) {
		this.world = world;
		this.client = new Client(world);
	}

	store() {
		return this.world.namespace("default").core.server.store;
	}

	services(): Service[] {
		return this.store().list<Service>("services");
	}

	app(): string {
		return this.world.random.pick(APPS) as string;
	}

	async scale(): Promise<void> {
		const name = this.app();
		const replicas = this.world.random.between(0, 4);
		const made = await this.client.create(
			{ ...CORE, resource: "replicationcontrollers" },
			{
				kind: "ReplicationController",
				metadata: { name },
				spec: {
					replicas,
					selector: { app: name },
					template: {
						metadata: { labels: { app: name } },
						spec: {
							terminationGracePeriodSeconds: 5,
							tolerations: [{ operator: "Exists", effect: "NoExecute", tolerationSeconds: 10 }],
							containers: [{ name: "c", image: "web:1", ports: [{ containerPort: 8080 }] }],
						},
					},
				},
			},
		);
		if (made === undefined) await this.client.patch({ ...CORE, resource: "replicationcontrollers", name }, { spec: { replicas } });
	}

	async expose(): Promise<void> {
		const { random } = this.world;
		const app = this.app();
		const kinds = [{ type: "ClusterIP" }, { type: "NodePort" }, { type: "LoadBalancer" }, { type: "ClusterIP", clusterIP: "None" }];
		await this.client.create(
			{ ...CORE, resource: "services" },
			{
				kind: "Service",
				metadata: { name: `${app}-${random.between(1, 3)}` },
				spec: { ...random.pick(kinds), selector: { app }, ports: [{ port: 80, targetPort: 8080 }] },
			},
		);
	}

	/** Endpoints that somebody writes himself, and their Service. */
	async exposeOutside(): Promise<void> {
		const name = `outside-${this.world.random.between(1, 2)}`;
		await this.client.create({ ...CORE, resource: "services" }, { kind: "Service", metadata: { name }, spec: { ports: [{ port: 80 }] } });
		const addresses = Array.from({ length: this.world.random.between(1, 3) }, (_, i) => ({ ip: `172.16.0.${this.world.random.between(1, 9) * 10 + i}` }));
		const subsets = [{ addresses, ports: [{ port: 80 }] }];
		const made = await this.client.create({ ...CORE, resource: "endpoints" }, { kind: "Endpoints", metadata: { name }, subsets });
		if (made === undefined) await this.client.patch({ ...CORE, resource: "endpoints", name }, { subsets });
	}

	async remove(resource: string, group = ""): Promise<void> {
		const store = group === "" ? resource : `${group}/${resource}`;
		const name = this.world.random.pick(this.store().list(store))?.metadata.name;
		if (name !== undefined) await this.client.delete({ ...CORE, group, resource, name });
	}

	checkNever(): void {
		const addresses = this.services().flatMap(({ spec }) => (spec?.clusterIP && spec.clusterIP !== "None" ? [spec.clusterIP] : []));
		expect(new Set(addresses).size, `addresses ${addresses}`).toBe(addresses.length);
		const ports = this.services().flatMap(({ spec }) => (spec?.ports ?? []).flatMap(({ nodePort }) => nodePort ?? []));
		expect(new Set(ports).size, `node ports ${ports}`).toBe(ports.length);
	}

	checkConverged(agents: readonly Agent[]): void {
		const pods = this.store().list<Pod>("pods");
		for (const { metadata, spec, status } of this.store().list<ReplicationController>("replicationcontrollers"))
			expect([status?.readyReplicas ?? 0, pods.filter((pod) => pod.metadata.labels?.app === metadata.name).length], metadata.name).toEqual([
				spec?.replicas,
				spec?.replicas,
			]);
		for (const service of this.services()) this.checkEndpoints(service, pods);
		const slices = this.store().list<EndpointSlice>("discovery.k8s.io/endpointslices");
		const served = new Set(namesOf(this.services()));
		for (const { metadata } of slices) expect(served, `the Service of ${metadata.name}`).toContain(metadata.labels?.["kubernetes.io/service-name"]);
		this.checkAddresses();
		for (const agent of agents) this.checkTable(agent, pods);
	}

	checkEndpoints({ metadata, spec, status }: Service, pods: readonly Pod[]): void {
		const name = metadata.name ?? "";
		const slices = this.store()
			.list<EndpointSlice>("discovery.k8s.io/endpointslices")
			.filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === name);
		const own = this.store().get<Endpoints>("endpoints", name);
		const said = (own?.subsets ?? []).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)).sort();
		const sliced = slices
			.flatMap(({ endpoints }) => (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).map(({ addresses }) => addresses[0]))
			.sort();
		if (spec?.selector !== undefined) {
			const ready = pods.filter((pod) => pod.metadata.labels?.app === spec.selector?.app && isReady(pod)).map((pod) => pod.status?.podIP);
			expect({ said, sliced }, `the endpoints of ${name}`).toEqual({ said: ready.sort(), sliced: ready });
		} else expect(sliced, `the mirrored endpoints of ${name}`).toEqual(said);
		if (name.startsWith("outside")) for (const slice of slices) expect(slice.metadata.labels?.[MIRROR_LABEL]).toBe(MIRROR);
		const nodes = namesOf(this.world.cluster().core.server.store.list("nodes")).length;
		if (spec?.type === "LoadBalancer") expect(status?.loadBalancer?.ingress, `the addresses of ${name}`).toHaveLength(nodes);
	}

	checkAddresses(): void {
		const { store } = this.world.cluster().core.server;
		const held = store.list<IPAddress>("networking.k8s.io/ipaddresses").filter(({ spec }) => spec?.parentRef?.namespace === "default");
		const wanted = this.services().flatMap(({ metadata, spec }) =>
			spec?.clusterIP && spec.clusterIP !== "None" ? [`${spec.clusterIP} ${metadata.name}`] : [],
		);
		expect(held.map(({ metadata, spec }) => `${metadata.name} ${spec?.parentRef?.name}`).sort()).toEqual(wanted.sort());
		for (const { metadata, status } of store.list<ServiceCIDR>("networking.k8s.io/servicecidrs"))
			expect(status?.conditions?.[0]?.status, `the ServiceCIDR ${metadata.name}`).toBe(metadata.deletionTimestamp ? "False" : "True");
	}

	checkTable({ name, network }: Agent, pods: readonly Pod[]): void {
		const rows = (kind: string) =>
			[...network.keys()]
				.filter((key) => key.startsWith(`${kind}/default/`))
				.map((key) => key.slice(kind.length + 9))
				.sort();
		expect(rows("service"), `Services that ${name} knows`).toEqual(namesOf(this.services()));
		expect(rows("policy"), `policies that ${name} knows`).toEqual(namesOf(this.store().list<NetworkPolicy>("networking.k8s.io/networkpolicies")));
		if (rows("policy").length > 0) expect(rows("pod"), `pods that ${name} knows`).toEqual(namesOf(pods.filter(({ status }) => status?.podIP)));
		for (const { metadata, spec } of this.services()) {
			const row = network.get(`service/default/${metadata.name}`);
			expect(row?.kind === "service" ? row.service?.clusterIP : undefined, `the address of ${metadata.name}`).toBe(spec?.clusterIP);
		}
	}
}

export async function runServicesStorm(seed: number): Promise<void> {
	const { world, agents } = await startWorld(seed, ["n1", "n2", "n3"]);
	const storm = new Storm(world);
	const policy = () =>
		storm.client.create(
			{ ...CORE, ...NETWORKING, resource: "networkpolicies" },
			{ kind: "NetworkPolicy", metadata: { name: `p${world.random.between(1, 3)}` }, spec: { podSelector: { matchLabels: { app: storm.app() } } } },
		);
	const deeds = [
		...accidents(world, agents),
		() => storm.scale(),
		() => storm.scale(),
		() => storm.expose(),
		() => storm.expose(),
		() => storm.expose(),
		() => storm.exposeOutside(),
		() => storm.exposeOutside(),
		() => storm.remove("services"),
		() => storm.remove("pods"),
		() => storm.remove("endpoints"),
		() => storm.remove("endpointslices", "discovery.k8s.io"),
		() => policy(),
		() => storm.remove("networkpolicies", "networking.k8s.io"),
		() => storm.client.create({ ...NETWORKING, resource: "servicecidrs" }, { kind: "ServiceCIDR", metadata: { name: "extra" }, spec: { cidrs: [EXTRA_CIDR] } }),
		() => storm.client.delete({ ...NETWORKING, resource: "servicecidrs", name: "extra" }),
	];
	await weather(world, agents, { steps: 60, stepMs: 2_000, calmMs: 400_000, deeds, never: () => storm.checkNever() });
	storm.checkConverged(agents);
}
