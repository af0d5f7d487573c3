/**
 * The scheduler under faults: pods of different priorities in two namespaces, more than fit, budgets, preemption. No node is
 * ever given more than it has; in the end the important pods run, and the ledger knows exactly what the namespaces know.
 */
import { describe, expect, it } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import { isFinished } from "../../src/core/controllers/pod-state.ts";
import { readSchedulerConfiguration } from "../../src/core/scheduler/configuration/scheduler-configuration.ts";
import type { Event, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { seedsOf } from "./seeds.ts";
import { World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const STORM_MS = 60_000;
const CALM_MS = 400_000;
const NAMESPACES = ["default", "kube-public"];
/** Of each node, as its agent reports it. */
const CPU = 4;
const CLASSES = { low: 0, middle: 100, high: 1000 };
/** Pods of the highest class at most, and their CPUs: they must fit all. */
const HIGH_MAX = 4;
const HIGH_CPU_MAX = 2;

const ONLY_FIT = { score: { disabled: [{ name: "*" }], enabled: [{ name: "NodeResourcesFit" }] } };

type PriorityName = keyof typeof CLASSES;

class Storm {
	readonly world: World;
	readonly agents: Agent[];
	#serial = 0;

	constructor(seed: number) {
		this.world = new World(seed);
		this.agents = ["n1", "n2", "n3"].map((name) => new Agent(this.world, name, CPU));
		this.world.onNodeCrash = (name) => this.agents.find((agent) => agent.name === name)?.pollAgain();
	}

	async run(): Promise<void> {
		for (const agent of this.agents) await agent.start();
		for (const [name, value] of Object.entries(CLASSES))
			await this.world.api(
				{ verb: "create", group: "scheduling.k8s.io", resource: "priorityclasses" },
				{ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value },
			);
		await this.world.run(5_000);
		await this.budget("default");
		this.world.faults = FAULTS;
		for (let spentMs = 0; spentMs < STORM_MS; spentMs += 2_000) {
			await this.act();
			await this.world.run(2_000);
			this.checkNever();
		}
		this.world.faults = { loss: 0, lostAnswer: 0, delayMs: 0, crash: 0 };
		for (const agent of this.agents) agent.heal();
		await this.world.run(CALM_MS);
		this.checkNever();
	}

	async act(): Promise<void> {
		const { random } = this.world;
		const agent = random.pick(this.agents) as Agent;
		const deeds = [
			() => this.createPod("low"),
			() => this.createPod("low"),
			() => this.createPod("middle"),
			() => this.createPod(this.pods().filter((pod) => pod.spec?.priority === CLASSES.high).length < HIGH_MAX ? "high" : "low"),
			() => this.deletePod(),
			() => agent.restart(),
			() => this.world.crashOne(),
			() => this.world.crash({ object: "cluster" }),
		];
		await random.pick(deeds)?.();
	}

	async budget(namespace: string): Promise<void> {
		await this.world.api(
			{ verb: "create", group: "policy", resource: "poddisruptionbudgets", namespace },
			{
				apiVersion: "policy/v1",
				kind: "PodDisruptionBudget",
				metadata: { name: "middle" },
				spec: { minAvailable: 1, selector: { matchLabels: { class: "middle" } } },
			},
		);
	}

	async createPod(priorityClassName: PriorityName): Promise<void> {
		const namespace = this.world.random.pick(NAMESPACES) as string;
		const cpu = this.world.random.between(1, priorityClassName === "high" ? HIGH_CPU_MAX : 3);
		const pod = {
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: `${priorityClassName}-${++this.#serial}`, labels: { class: priorityClassName } },
			spec: { priorityClassName, terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "i", resources: { requests: { cpu: String(cpu) } } }] },
		};
		await this.world.api({ verb: "create", resource: "pods", namespace }, pod).catch(notRefused);
	}

	async deletePod(): Promise<void> {
		const pod = this.world.random.pick(this.pods());
		if (pod === undefined) return;
		const { namespace = "", name = "" } = pod.metadata;
		await this.world.api({ verb: "delete", resource: "pods", namespace, name }).catch(notRefused);
	}

	pods(): Pod[] {
		return NAMESPACES.flatMap((name) => this.world.namespace(name).core.server.store.list<Pod>("pods")).filter((pod) => !isFinished(pod));
	}

	/** By node, of what the namespaces know to be bound. */
	checkNever(): void {
		for (const [node, pods] of Map.groupBy(this.pods(), (pod) => pod.spec?.nodeName ?? "")) {
			if (node === "") continue;
			const cpu = pods.reduce((sum, pod) => sum + Number(pod.spec?.containers[0]?.resources?.requests?.cpu), 0);
			expect(cpu, `CPUs of the pods on ${node}`).toBeLessThanOrEqual(CPU);
		}
	}

	checkConverged(): void {
		const { ledger } = this.world.cluster().scheduler;
		const uid = (pod: Pod): string => pod.metadata.uid ?? "";
		const bound = this.pods().filter((pod) => pod.spec?.nodeName);
		const waiting = this.pods().filter((pod) => !pod.spec?.nodeName);
		expect([...ledger.all()].map(({ ref, node }) => `${ref.uid} on ${node}`).sort()).toEqual(bound.map((pod) => `${uid(pod)} on ${pod.spec?.nodeName}`).sort());
		expect(this.world.cluster().scheduler.waiting().sort()).toEqual(waiting.map(uid).sort());
		for (const pod of waiting) {
			expect(pod.spec?.priority, `${pod.metadata.name} waits`).not.toBe(CLASSES.high);
			expect(pod.status?.conditions?.find(({ type }) => type === "PodScheduled")).toMatchObject({ status: "False", reason: "Unschedulable" });
		}
		expect(this.pods().filter((pod) => pod.metadata.deletionTimestamp)).toEqual([]);
	}
}

function notRefused(error: unknown): void {
	if (!(error instanceof StatusError)) throw error;
}

describe("scheduling under faults", () => {
	it.each(seedsOf("scheduling"))("seed %d: never too much on a node, the important pods in the end", async (seed) => {
		const storm = new Storm(seed);
		await storm.run();
		storm.checkConverged();
	});
});

it("places the pods of each profile by its own rules, tells of them by its name, and leaves other schedulers' alone", async () => {
	const world = new World(1);
	world.scheduler = readSchedulerConfiguration({
		apiVersion: "kubescheduler.config.k8s.io/v1",
		kind: "KubeSchedulerConfiguration",
		profiles: [
			{ schedulerName: "default-scheduler" },
			{ schedulerName: "packed", pluginConfig: [{ name: "NodeResourcesFit", args: { scoringStrategy: { type: "MostAllocated" } } }], plugins: ONLY_FIT },
		],
	});
	const agents = ["n1", "n2", "n3"].map((name) => new Agent(world, name, CPU));
	for (const agent of agents) await agent.start();
	await world.run(2_000);
	const create = (name: string, schedulerName: string) => {
		const spec = { schedulerName, containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }] };
		return world.api({ verb: "create", resource: "pods", namespace: "default" }, { apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
	};
	for (const name of ["p1", "p2", "p3"]) await create(name, "packed");
	await create("other", "somebody-else");
	await world.run(10_000);
	const { store } = world.namespace("default").core.server;
	const nodeOf = (name: string) => store.get<Pod>("pods", name)?.spec?.nodeName;
	expect(nodeOf("p1")).toBeDefined();
	expect([nodeOf("p2"), nodeOf("p3"), nodeOf("other")]).toEqual([nodeOf("p1"), nodeOf("p1"), undefined]);
	const scheduled = store.list<Event>("events").filter(({ reason }) => reason === "Scheduled");
	expect(new Set(scheduled.map(({ source }) => source?.component))).toEqual(new Set(["packed"]));
});

it("takes up pods that waited for a profile before there was one", async () => {
	const world = new World(1);
	const agent = new Agent(world, "n1", CPU);
	await agent.start();
	await world.run(2_000);
	const spec = { schedulerName: "late", containers: [{ name: "c", image: "i" }] };
	await world.api({ verb: "create", resource: "pods", namespace: "default" }, { apiVersion: "v1", kind: "Pod", metadata: { name: "early" }, spec });
	await world.run(10_000);
	const node = async () => ((await world.api({ verb: "get", resource: "pods", namespace: "default", name: "early" })) as Pod).spec?.nodeName;
	expect(await node()).toBeUndefined();
	const profiles = [{ schedulerName: "default-scheduler" }, { schedulerName: "late" }];
	world.scheduler = readSchedulerConfiguration({ apiVersion: "kubescheduler.config.k8s.io/v1", kind: "KubeSchedulerConfiguration", profiles });
	world.crash({ object: "cluster" });
	world.crash({ object: "namespace", name: "default" });
	await node();
	await world.run(10_000);
	expect(await node()).toBe("n1");
});
