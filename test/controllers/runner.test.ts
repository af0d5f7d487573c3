/** How the runner takes changes: a burst is taken together, a controller that fails is alone with it. */
import { describe, expect, it } from "vitest";
import type { Controller } from "../../src/core/controllers/controller.ts";
import { reconcileCounts } from "../../src/objects/reconcile-count.ts";
import type { Event, Pod, ReplicaSet } from "../../src/core/schema/kubernetes.d.ts";
import { ControllerRunner, WRITES_PER_TURN_MAX } from "../../src/objects/controller-runner.ts";
import { World } from "../sim/world.ts";

const REPLICAS = 300;
/** Pods that one reconcile of a ReplicaSet makes at most. */
const BURST_REPLICAS = 500;
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

	it("makes thousands of pods in several turns, so that requests get theirs between", async () => {
		const world = await readyWorld();
		const { core } = world.namespace("default");
		const pods = (): number => core.server.store.count("pods");
		const many = { ...replicaSet, spec: { ...replicaSet.spec, replicas: 2_500 } };
		await world.api({ verb: "create", group: "apps", resource: "replicasets", namespace: "default" }, many);
		expect(pods()).toBeGreaterThan(0);
		expect(pods()).toBeLessThanOrEqual(WRITES_PER_TURN_MAX + BURST_REPLICAS);
		await world.run(5_000);
		expect(pods()).toBe(2_500);
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

	it("tells of an object that can never be reconciled by an Event, and leaves the others their turn", async () => {
		const world = await readyWorld();
		const { core } = world.namespace("default");
		for (const name of ["good", "bad"])
			await world.api({ verb: "create", resource: "configmaps", namespace: "default" }, { apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
		const done: string[] = [];
		const endless: Controller = {
			name: "endless",
			watches: [{ resource: "configmaps", keys: ({ object }) => [object?.metadata.name ?? ""] }],
			reconcile(key) {
				done.push(key);
				if (key === "bad") throw new Error("a secret of this program");
				return { actions: [] };
			},
		};
		const runner = new ControllerRunner(core.server, [endless], (name, actions) => core.actor.act(name, actions));
		const delays: number[] = [];
		runner.enqueue("endless", "bad");
		for (let tries = 0; tries < 8; tries++) {
			runner.drain();
			const dueMs = runner.nextDueMs() ?? Number.NaN;
			delays.push(dueMs - world.timeline.nowMs);
			runner.enqueue("endless", "good");
			runner.drain();
			world.timeline.nowMs = dueMs;
			runner.takeDue();
		}
		expect(delays).toEqual([5, 10, 20, 40, 80, 160, 320, 640]);
		expect(done.filter((key) => key === "good")).toHaveLength(8);
		const events = core.server.store.list<Event>("events").filter(({ reason }) => reason === "ReconcileFailed");
		expect(events.map(({ involvedObject, count, message }) => [involvedObject.name, count, message])).toEqual([
			[
				"bad",
				4,
				"The endless controller cannot reconcile this object, and tries again less and less often: an internal fault; the control plane's log has the cause",
			],
		]);
		expect(reconcileCounts().find(([controller]) => controller === "endless")?.[1]).toMatchObject({ success: 8, error: 8 });
	});

	it("keeps counting failures when changes bring the key back before its time", async () => {
		const world = await readyWorld();
		const { core } = world.namespace("default");
		const touchy: Controller = {
			name: "touchy",
			watches: [],
			reconcile() {
				throw new Error("never");
			},
		};
		const runner = new ControllerRunner(core.server, [touchy], () => {});
		for (let changes = 0; changes < 6; changes++) {
			runner.enqueue("touchy", "bad");
			runner.drain();
		}
		expect((runner.nextDueMs() ?? 0) - world.timeline.nowMs).toBe(5 * 2 ** 5);
	});
});

describe("creations that the API refuses", () => {
	const refused = (name: string, cpu: string) => ({
		...replicaSet,
		metadata: { name, namespace: "default" },
		spec: {
			replicas: 2,
			selector: { matchLabels: { app: name } },
			template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu }, limits: { cpu } } }] } },
		},
	});

	it("are upstream's FailedCreate Event and ReplicaFailure condition, and are tried less and less often until they are taken", async () => {
		const world = await readyWorld();
		const limits = { type: "Container", max: { cpu: "1" } };
		await world.api(
			{ verb: "create", resource: "limitranges", namespace: "default" },
			{ apiVersion: "v1", kind: "LimitRange", metadata: { name: "small" }, spec: { limits: [limits] } },
		);
		for (const [name, cpu] of [
			["large", "2"],
			["small", "1"],
		] as const)
			await world.api({ verb: "create", group: "apps", resource: "replicasets", namespace: "default" }, refused(name, cpu));
		await world.run(60_000);
		const { core } = world.namespace("default");
		const stored = (name: string) => core.server.store.get<ReplicaSet>("apps/replicasets", name);
		const podsOf = (app: string) => core.server.store.list<Pod>("pods").filter(({ metadata }) => metadata.labels?.app === app).length;
		const why = /^pods "large-\S{5}" is forbidden: maximum cpu usage per Container is 1, but limit is 2$/;
		expect(stored("large")?.status?.conditions).toMatchObject([{ type: "ReplicaFailure", status: "True", reason: "FailedCreate" }]);
		expect(stored("large")?.status?.conditions?.[0]?.message).toMatch(why);
		expect([podsOf("large"), podsOf("small"), stored("small")?.status?.conditions]).toEqual([0, 2, undefined]);
		const events = core.server.store.list<Event>("events").filter(({ reason }) => reason === "FailedCreate");
		expect(
			events.every(({ type, message }) => type === "Warning" && /^(\(combined from similar events\): )?Error creating: pods "large-/.test(message ?? "")),
		).toBe(true);
		// Back-off from 5 ms doubles past a minute in 14 tries; many alike are combined into one Event.
		expect(core.runner.metrics.get("replicaset")?.failures).toBeLessThan(20);
		expect(events.length).toBeLessThanOrEqual(10);
		expect(world.logged).toEqual([]);

		await world.api({ verb: "delete", resource: "limitranges", namespace: "default", name: "small" });
		await world.run(120_000);
		expect([podsOf("large"), stored("large")?.status?.conditions]).toEqual([2, undefined]);
	});
});
