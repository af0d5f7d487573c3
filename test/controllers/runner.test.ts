/** How the runner takes changes: a burst is taken together, a controller that fails is alone with it. */
import { describe, expect, it } from "vitest";
import type { Controller } from "../../src/core/controllers/controller.ts";
import type { Pod, ReplicaSet } from "../../src/core/schema/kubernetes.d.ts";
import { ControllerRunner } from "../../src/objects/controller-runner.ts";
import { World } from "../sim/world.ts";

const REPLICAS = 300;
const replicaSet = {
	apiVersion: "apps/v1",
	kind: "ReplicaSet",
	metadata: { name: "many", namespace: "default" },
	spec: {
		replicas: REPLICAS,
		selector: { matchLabels: { app: "many" } },
		template: { metadata: { labels: { app: "many" } }, spec: { containers: [{ name: "c", image: "i" }] } },
	},
};

async function readyWorld(): Promise<World> {
	const world = new World(1);
	world.cluster();
	await world.settle({ object: "cluster" });
	await world.run(1_000);
	return world;
}

describe("ControllerRunner", () => {
	it("reconciles a ReplicaSet a few times, not once for each of a burst of pods", async () => {
		const world = await readyWorld();
		await world.api({ verb: "create", group: "apps", resource: "replicasets", namespace: "default" }, replicaSet);
		await world.run(5_000);
		const { core } = world.namespace("default");
		const before = core.runner.metrics.get("replicaset")?.reconciles ?? 0;
		for (const pod of core.server.store.list<Pod>("pods")) {
			const status = { ...pod.status, phase: "Running", conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:10Z" }] };
			await world.api({ verb: "update", resource: "pods", subresource: "status", namespace: "default", name: pod.metadata.name ?? "" }, { ...pod, status });
		}
		await world.run(5_000);
		expect(core.server.store.get<ReplicaSet>("apps/replicasets", "many")?.status?.readyReplicas).toBe(REPLICAS);
		expect((core.runner.metrics.get("replicaset")?.reconciles ?? 0) - before).toBeLessThan(REPLICAS / 10);
	});

	it("backs off a key that fails, and goes on with the others", async () => {
		const world = await readyWorld();
		const { core } = world.namespace("default");
		const done: string[] = [];
		let faults = 3;
		const touchy: Controller = {
			name: "touchy",
			watches: [],
			reconcile(key) {
				if (key === "bad" && faults-- > 0) throw new Error("a fault of this key");
				done.push(key);
				return { actions: [] };
			},
		};
		const runner = new ControllerRunner(core.server, [touchy], () => {});
		for (const key of ["bad", "good"]) runner.enqueue("touchy", key);
		runner.drain();
		expect(done).toEqual(["good"]);
		while (!done.includes("bad")) {
			world.timeline.nowMs = runner.nextDueMs() ?? Number.NaN;
			runner.takeDue();
			runner.drain();
		}
		expect(runner.metrics.get("touchy")).toEqual({ reconciles: 5, failures: 3 });
		expect(runner.nextDueMs()).toBeUndefined();
	});
});
