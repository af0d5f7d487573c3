/** ResourceQuotas under faults: many clients and controllers write at once, and no quota is ever exceeded or miscounted. */
import { describe, expect, it } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import { countUsage } from "../../src/core/quota/quota-usage.ts";
import { quantityValue, parseQuantity } from "../../src/core/quantity/quantity.ts";
import type { ResourceQuota } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { seedsOf } from "./seeds.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const NAMESPACE = "default";
const HARD = { pods: "6", "requests.cpu": "4", "count/configmaps": "5" };
const STEPS = 30;
const STEP_MS = 1_500;
const CALM_MS = 120_000;

const container = (cpu: string) => ({ name: "c", image: "sum:1", resources: { requests: { cpu } } });
const pod = (name: string, cpu: string) => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name },
	spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 5, containers: [container(cpu)] },
});
const deployment = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "d" },
	spec: { replicas: 4, selector: { matchLabels: { a: "b" } }, template: { metadata: { labels: { a: "b" } }, spec: { containers: [container("500m")] } } },
};

/** Everything that a quota says must be what there is, and within bounds. */
function check(world: World): void {
	const { server } = world.namespace(NAMESPACE).core;
	const quota = server.store.get<ResourceQuota>("resourcequotas", "q");
	if (quota?.status?.used === undefined) return;
	const { used } = countUsage(quota, ["pods", "configmaps"], (resource) => server.store.list(resource), world.nowMs);
	for (const [name, hard] of Object.entries(HARD)) {
		expect(quantityValue(parseQuantity(used[name] ?? "0")), `${name} really used`).toBeLessThanOrEqual(quantityValue(parseQuantity(hard)));
	}
	expect(quota.status.used).toEqual(used);
}

async function attempt(work: Promise<unknown>): Promise<void> {
	await work.catch((error) => {
		if (!(error instanceof StatusError) || error.code >= 500) throw error;
	});
}

async function act(world: World, step: number): Promise<void> {
	const { random } = world;
	const one = (resource: string) => random.pick(world.namespace(NAMESPACE).core.server.store.names(resource))?.name ?? "none";
	const create = (resource: string, object: object) => world.api({ verb: "create", resource, namespace: NAMESPACE }, object);
	const choices: (() => Promise<unknown>)[] = [
		() => Promise.allSettled([0, 1, 2, 3].map((i) => create("pods", pod(`p${step}-${i}`, random.chance(0.5) ? "300m" : "1")))),
		() => Promise.allSettled([0, 1, 2].map((i) => create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `c${step}-${i}` } }))),
		() => world.api({ verb: "delete", resource: "pods", namespace: NAMESPACE, name: one("pods") }),
		() => world.api({ verb: "delete", resource: "configmaps", namespace: NAMESPACE, name: one("configmaps") }),
		() => world.api({ verb: "deletecollection", resource: "pods", namespace: NAMESPACE }),
	];
	await attempt((random.pick(choices) as () => Promise<unknown>)());
}

describe("ResourceQuotas under faults", () => {
	it.each(seedsOf("quota"))("seed %d: is never exceeded, and counts what there is", async (seed) => {
		const world = new World(seed);
		const agent = new Agent(world, "n1");
		world.onNodeCrash = () => agent.pollAgain();
		agent.lifeMs = () => world.random.between(1_000, 8_000);
		await agent.start();
		await world.run(2_000);
		await world.api(
			{ verb: "create", resource: "resourcequotas", namespace: NAMESPACE },
			{ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q" }, spec: { hard: HARD } },
		);
		await world.api({ verb: "create", group: "apps", resource: "deployments", namespace: NAMESPACE }, deployment);
		world.faults = FAULTS;
		for (let step = 0; step < STEPS; step++) {
			await act(world, step);
			await world.run(STEP_MS);
			check(world);
		}
		world.faults = NO_FAULTS;
		await world.run(CALM_MS);
		check(world);
	});
});
