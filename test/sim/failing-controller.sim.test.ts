/** A controller that throws about one object: it tries again less and less often, says so, and holds up nothing else. */
import { expect, it, vi } from "vitest";
import type * as ReplicaSets from "../../src/core/controllers/replicaset-controller.ts";
import type { Deployment, Event } from "../../src/core/schema/kubernetes.d.ts";
import { accidents, Client, startWorld, weather } from "./storm.ts";

const broken = vi.hoisted(() => ({ tries: 0, is: true }));

vi.mock("../../src/core/controllers/replicaset-controller.ts", async (importOriginal) => {
	const { replicaSetController } = await importOriginal<typeof ReplicaSets>();
	const reconcile: typeof replicaSetController.reconcile = (key, view, ctx) => {
		if (broken.is && key.startsWith("bad")) throw new Error(`a fault, for the ${++broken.tries}th time`);
		return replicaSetController.reconcile(key, view, ctx);
	};
	return { replicaSetController: { ...replicaSetController, reconcile } };
});

const REPLICAS = 3;
const deployment = (name: string) => ({
	kind: "Deployment",
	metadata: { name },
	spec: {
		replicas: REPLICAS,
		selector: { matchLabels: { app: name } },
		template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "i" }] } },
	},
});

it.each([1, 2])("seed %d: the others are served under faults, and it too once the fault is gone", async (seed) => {
	broken.tries = 0;
	broken.is = true;
	const { world, agents } = await startWorld(seed, ["n1", "n2"]);
	const client = new Client(world);
	for (const name of ["bad", "good-1", "good-2"]) await client.create({ group: "apps", resource: "deployments", namespace: "default" }, deployment(name));
	await weather(world, agents, { steps: 20, stepMs: 2_000, calmMs: 300_000, deeds: accidents(world, agents) });
	const store = () => world.namespace("default").core.server.store;
	const available = (name: string) => store().get<Deployment>("apps/deployments", name)?.status?.availableReplicas ?? 0;
	expect([available("bad"), available("good-1"), available("good-2")]).toEqual([0, REPLICAS, REPLICAS]);
	const events = store()
		.list<Event>("events")
		.filter(({ reason }) => reason === "ReconcileFailed");
	expect(events.map(({ involvedObject, type }) => [involvedObject.kind, involvedObject.name?.startsWith("bad-"), type])).toEqual([
		["ReplicaSet", true, "Warning"],
	]);
	// From 5 ms, doubled by each failure, whatever happens meanwhile and however often the object dies.
	const before = broken.tries;
	await world.run(300_000);
	expect(broken.tries - before).toBeLessThanOrEqual(2);
	broken.is = false;
	await world.run(1_000_000);
	expect(available("bad")).toBe(REPLICAS);
});
