/**
 * Nodes that come, fall silent and go: their pods stay as long as they tolerate that and not longer, move when somebody says that the
 * node is out of service, and are collected with it; no two nodes have one range of addresses.
 */
import { expect, it } from "vitest";
import { timeMs } from "../../src/core/controllers/meta-time.ts";
import type { Node, Pod } from "../../src/core/schema/kubernetes.d.ts";
import type { Agent } from "./agent.ts";
import { accidents, Client, namesOf, startWorld, stormTest, weather } from "./storm.ts";

const TOLERATED_SECONDS = 30;
const REPLICAS = 6;
const LEASES = { group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease" };
const EVICTING = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

const workload = {
	kind: "Deployment",
	metadata: { name: "web" },
	spec: {
		replicas: REPLICAS,
		selector: { matchLabels: { app: "web" } },
		template: {
			metadata: { labels: { app: "web" } },
			spec: {
				terminationGracePeriodSeconds: 5,
				tolerations: EVICTING.map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: TOLERATED_SECONDS })),
				containers: [{ name: "c", image: "web:1" }],
			},
		},
	},
};

const outOfService = (client: Client, name: string | undefined) =>
	name &&
	client.patch({ resource: "nodes", name }, { spec: { taints: [{ key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoExecute" }] } });

stormTest("nodes", "pods leave a lost node in their time, and everything runs in the end", async (seed) => {
	const { world, agents } = await startWorld(seed, ["n1", "n2", "n3", "n4"]);
	const client = new Client(world);
	const { random } = world;
	await client.create({ group: "apps", resource: "deployments", namespace: "default" }, workload);
	await client.create(
		{ resource: "pods", namespace: "default" },
		{
			kind: "Pod",
			metadata: { name: "stays" },
			spec: { tolerations: [{ operator: "Exists" }], terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "log:1" }] },
		},
	);
	await world.run(20_000);
	const nodes = () => world.cluster().core.server.store.list<Node>("nodes");
	const pods = () => world.namespace("default").core.server.store.list<Pod>("pods");
	/** Nodes that somebody has deleted, or said to be out of service: the API drops pods there unasked. */
	const given = new Set<string>();
	const evicted = new Set<string>();
	const never = () => {
		const ranges = nodes().flatMap(({ spec }) => spec?.podCIDR ?? []);
		expect(new Set(ranges).size, `ranges ${ranges}`).toBe(ranges.length);
		for (const pod of pods()) {
			const { uid = "", deletionTimestamp, name } = pod.metadata;
			const target = pod.status?.conditions?.find(({ type, reason }) => type === "DisruptionTarget" && reason === "DeletionByTaintManager");
			if (!deletionTimestamp || target === undefined || evicted.has(uid)) continue;
			evicted.add(uid);
			expect(name, "a pod that tolerates everything is evicted").not.toBe("stays");
		}
	};
	const node = () => random.pick(agents) as Agent;
	const deeds = [
		...accidents(world, agents),
		() => node().cut(),
		() => node().cut(),
		() => node().heal(),
		() => node().heal(),
		// Whoever says so has seen to it that the node is off; when it is back he takes it back.
		() => outOfService(client, agents.find(({ connected }) => !connected)?.name),
		async () => {
			const { name } = node();
			given.add(name);
			await client.delete({ resource: "nodes", name });
		},
		// Somebody stands for a node's kubelet.
		async () => {
			await client.create(
				{ resource: "nodes" },
				{
					kind: "Node",
					metadata: { name: "foreign" },
					status: { conditions: [{ type: "Ready", status: "True" }] },
				},
			);
			const renewTime = `${new Date(world.nowMs).toISOString().slice(0, 23)}000Z`;
			const made = await client.create(LEASES, {
				kind: "Lease",
				metadata: { name: "foreign" },
				spec: { holderIdentity: "foreign", leaseDurationSeconds: 40, renewTime },
			});
			if (made === undefined) await client.patch({ ...LEASES, name: "foreign" }, { spec: { renewTime } });
		},
	];
	await weather(world, agents, { steps: 50, stepMs: 6_000, calmMs: 0, deeds, never });
	// Whose Node was deleted joins again, as the agent's next start does.
	for (const { name } of agents) await client.patch({ resource: "nodes", name }, { spec: { taints: [] } });
	await client.delete({ resource: "nodes", name: "foreign" });
	for (const agent of agents.filter(({ name }) => given.has(name))) await agent.start();
	await world.run(900_000);
	never();
	expect(namesOf(nodes())).toEqual(["n1", "n2", "n3", "n4"]);
	for (const { metadata, spec, status } of nodes()) {
		expect(spec?.taints ?? [], `taints of ${metadata.name}`).toEqual([]);
		expect(status?.conditions?.find(({ type }) => type === "Ready")?.status, metadata.name).toBe("True");
		expect(metadata.annotations?.["node.alpha.kubernetes.io/ttl"]).toBe("0");
		expect(spec?.podCIDR, `the range of ${metadata.name}`).toMatch(/^10\.244\.\d+\.0\/24$/);
	}
	const web = pods().filter(({ metadata }) => metadata.labels?.app === "web");
	expect(web.map(({ status }) => status?.phase)).toEqual(Array.from({ length: REPLICAS }, () => "Running"));
	const running = agents.flatMap((agent) => [...agent.running.keys()]);
	expect(running.sort()).toEqual(
		pods()
			.map(({ metadata }) => metadata.uid)
			.sort(),
	);
	expect(evicted.size === 0 || timeMs(nodes()[0]?.metadata.creationTimestamp) !== undefined).toBe(true);
});

it("a StatefulSet's pod on a lost node is replaced once the node is said to be out of service", async () => {
	const { world, agents } = await startWorld(1, ["n1", "n2"]);
	const client = new Client(world);
	await client.create(
		{ group: "apps", resource: "statefulsets", namespace: "default" },
		{ kind: "StatefulSet", metadata: { name: "db" }, spec: { ...workload.spec, replicas: 1, serviceName: "db" } },
	);
	await world.run(20_000);
	const pod = () => world.namespace("default").core.server.store.get<Pod>("pods", "db-0");
	const first = pod();
	const lost = agents.find(({ name }) => name === first?.spec?.nodeName) as Agent;
	lost.cut();
	await world.run(600_000);
	expect([pod()?.metadata.uid, pod()?.metadata.deletionTimestamp !== undefined]).toEqual([first?.metadata.uid, true]);
	await outOfService(client, lost.name);
	await world.run(30_000);
	expect(pod()?.metadata.uid).not.toBe(first?.metadata.uid);
	expect([pod()?.status?.phase, pod()?.spec?.nodeName === lost.name]).toEqual(["Running", false]);
});
