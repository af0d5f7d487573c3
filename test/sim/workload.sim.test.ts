/**
 * Deployments under faults: crashes, lost and repeated messages, cut nodes, restarted agents. After the faults stop,
 * everything must converge, and what must never happen must not have happened.
 */
import { describe, expect, it } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import type { Deployment, EndpointSlice, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { Watcher } from "./watcher.ts";
import { seedsOf } from "./seeds.ts";
import { World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const STORM_MS = 120_000;
const CALM_MS = 600_000;
const NAMESPACE = "default";
const APPS = { group: "apps", resource: "deployments" };

const deployment = (name: string, replicas: number, image: string) => ({
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name, namespace: NAMESPACE },
	spec: {
		replicas,
		selector: { matchLabels: { app: name } },
		template: {
			metadata: { labels: { app: name } },
			spec: { tolerations: [{ operator: "Exists", effect: "NoExecute", tolerationSeconds: 10 }], containers: [{ name: "c", image }] },
		},
	},
});

class Storm {
	readonly world: World;
	readonly agents: Agent[];
	readonly watcher: Watcher;
	/** What the API has acknowledged: name to replicas and image. */
	readonly acknowledged = new Map<string, { replicas: number; image: string }>();

	constructor(seed: number) {
		this.world = new World(seed);
		this.agents = ["n1", "n2", "n3"].map((name) => new Agent(this.world, name));
		this.watcher = new Watcher(this.world, NAMESPACE, { group: "", resource: "pods" });
		this.world.onNodeCrash = (name) => this.agents.find((agent) => agent.name === name)?.pollAgain();
	}

	async run(): Promise<void> {
		for (const agent of this.agents) await agent.start();
		await this.world.run(5_000);
		this.watcher.connect();
		this.world.faults = FAULTS;
		for (let spentMs = 0; spentMs < STORM_MS; spentMs += 2_000) {
			await this.act();
			await this.world.run(2_000);
			// A crash of the object cuts every watch on it; an informer resumes.
			this.watcher.connect();
			this.checkNever();
		}
		this.world.faults = { loss: 0, lostAnswer: 0, delayMs: 0, crash: 0 };
		for (const agent of this.agents) agent.heal();
		await this.world.run(CALM_MS);
		this.watcher.connect();
	}

	async act(): Promise<void> {
		const { random } = this.world;
		const agent = random.pick(this.agents) as Agent;
		const deeds = [
			() => this.deploy(),
			() => this.deploy(),
			() => this.deletePod(),
			() => agent.cut(),
			() => agent.heal(),
			() => agent.restart(),
			() => this.world.crashOne(),
		];
		await random.pick(deeds)?.();
	}

	async deploy(): Promise<void> {
		const { random } = this.world;
		const name = `d${random.between(1, 3)}`;
		const wanted = { replicas: random.between(0, 6), image: `image:${random.between(1, 3)}` };
		const patch = deployment(name, wanted.replicas, wanted.image);
		await this.world.api(
			{ verb: "patch", ...APPS, version: "v1", namespace: NAMESPACE, name, patchType: "apply", query: { raw: [], fieldManager: "sim", force: true } },
			patch,
		);
		this.acknowledged.set(name, wanted);
	}

	async deletePod(): Promise<void> {
		const pod = this.world.random.pick(this.pods());
		if (pod === undefined) return;
		await this.world.api({ verb: "delete", resource: "pods", namespace: NAMESPACE, name: pod.metadata.name ?? "" }).catch((error) => {
			if (!(error instanceof StatusError)) throw error;
		});
	}

	pods(): Pod[] {
		return this.world.namespace(NAMESPACE).core.server.store.list<Pod>("pods");
	}

	/** DESIGN's list of what must always hold, as far as it can be seen at any moment. */
	checkNever(): void {
		const placed = new Map<string, string>();
		for (const agent of this.agents) {
			for (const uid of agent.running.keys()) {
				expect(placed.get(uid), `pod ${uid} runs on ${placed.get(uid)} and on ${agent.name}`).toBeUndefined();
				placed.set(uid, agent.name);
			}
		}
		for (const [name, wanted] of this.acknowledged) {
			const stored = this.world.namespace(NAMESPACE).core.server.store.get<Deployment>("apps/deployments", name);
			expect({ replicas: stored?.spec?.replicas, image: stored?.spec?.template.spec?.containers[0]?.image }).toEqual(wanted);
		}
	}

	checkConverged(): void {
		const { store } = this.world.namespace(NAMESPACE).core.server;
		for (const [name, { replicas, image }] of this.acknowledged) {
			const { status } = store.get<Deployment>("apps/deployments", name) as Deployment;
			expect({ available: status?.availableReplicas ?? 0, updated: status?.updatedReplicas ?? 0 }, `deployment ${name}`).toEqual({
				available: replicas,
				updated: replicas,
			});
			const pods = this.pods().filter((pod) => pod.metadata.labels?.app === name);
			expect(pods.map((pod) => pod.spec?.containers[0]?.image)).toEqual(Array.from({ length: replicas }, () => image));
		}
		const bound = this.pods().map((pod) => `${pod.spec?.nodeName}/${pod.metadata.uid}`);
		const running = this.agents.flatMap((agent) => [...agent.running.keys()].map((uid) => `${agent.name}/${uid}`));
		expect(running.sort()).toEqual(bound.sort());
		expect([...this.watcher.cache.values()].map((pod) => pod.metadata.resourceVersion).sort()).toEqual(
			this.pods()
				.map((pod) => pod.metadata.resourceVersion)
				.sort(),
		);
		expect(this.watcher.violations).toEqual([]);
		// The API's own is always there.
		expect(store.list<EndpointSlice>("discovery.k8s.io/endpointslices").map(({ metadata }) => metadata.name)).toEqual(["kubernetes"]);
	}
}

describe("deployments under faults", () => {
	it.each(seedsOf("workload"))("seed %d converges", async (seed) => {
		const storm = new Storm(seed);
		await storm.run();
		storm.checkConverged();
	});
});
