/** Pods of several schedulerNames, each placed as its profile says. */
import { describe, expect, it } from "vitest";
import { parseYaml } from "../codec/yaml.ts";
import type { Node, Pod, PodSpec } from "../schema/kubernetes.d.ts";
import { readSchedulerConfiguration } from "./configuration/scheduler-configuration.ts";
import { Scheduler } from "./scheduler.ts";

const node = (name: string, labels: Record<string, string> = {}, allocatable: Record<string, string> = {}): Node => ({
	apiVersion: "v1",
	kind: "Node",
	metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
	status: { allocatable: { cpu: "10", memory: "10Gi", pods: "10", ...allocatable } },
});

let serial = 0;
function pod(schedulerName: string, requests: Record<string, string> = { cpu: "1", memory: "1Gi" }, more: Partial<PodSpec> = {}): Pod {
	const uid = `u${++serial}`;
	const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: "rs", controller: true };
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: uid, namespace: "default", uid, labels: { app: "a" }, ownerReferences: [owner] },
		spec: { schedulerName, containers: [{ name: "c", image: "i", resources: { requests } }], ...more },
	};
}

const ONLY_FIT = 'plugins: {score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}}';
const fitBy = (strategy: string): string => `${ONLY_FIT}, pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {${strategy}}}}]`;

function schedulerWith(nodes: readonly Node[], profiles: Record<string, string>): Scheduler {
	const list = Object.entries(profiles).map(([name, text]) => `- {schedulerName: ${name}, ${text}}`);
	const text = `apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles:\n${list.join("\n")}`;
	const scheduler = new Scheduler(undefined, readSchedulerConfiguration(parseYaml(text).value));
	for (const one of nodes) scheduler.setNode(one, 0);
	return scheduler;
}

/** The node of each pod, or why it has none. */
function place(scheduler: Scheduler, ...pods: Pod[]): string[] {
	for (const one of pods) scheduler.ask({ pod: one });
	const { bindings, unplaced } = scheduler.run({ nowMs: 1, random: () => 0 }, pods.length);
	return pods.map(({ metadata }) => {
		const bound = bindings.find(({ ref }) => ref.uid === metadata.uid)?.node;
		return bound ?? unplaced.find((one) => one.pod.uid === metadata.uid)?.message ?? "not asked for";
	});
}

describe("profiles", () => {
	it("fill nodes one after another, or spread, by the name that the pod asks for", () => {
		const scheduler = schedulerWith([node("a"), node("b")], { packed: fitBy("type: MostAllocated"), spread: fitBy("type: LeastAllocated") });
		expect(place(scheduler, pod("packed"), pod("packed"), pod("packed"))).toEqual(["a", "a", "a"]);
		expect(place(scheduler, pod("spread"), pod("spread"), pod("spread"), pod("spread"))).toEqual(["b", "b", "b", "a"]);
		expect(place(scheduler, pod("default-scheduler"))).toEqual(["not asked for"]);
	});

	it("weigh resources, extended ones among them where a pod asks for some", () => {
		const nodes = [node("a", {}, { "example.com/gpu": "4" }), node("b", {}, { "example.com/gpu": "8" })];
		const scheduler = schedulerWith(nodes, { gpu: fitBy("type: MostAllocated, resources: [{name: example.com/gpu, weight: 10}, {name: cpu, weight: 1}]") });
		expect(place(scheduler, pod("gpu", { cpu: "1", "example.com/gpu": "2" }))).toEqual(["a"]);
		scheduler.ledger.remove(`u${serial}`);
		expect(place(scheduler, pod("gpu", { cpu: "1" }), pod("gpu", { cpu: "1" }))).toEqual(["a", "a"]);
	});

	it("follow a curve over what is used", () => {
		const shape = (points: string) =>
			fitBy(`type: RequestedToCapacityRatio, resources: [{name: cpu, weight: 1}], requestedToCapacityRatio: {shape: [${points}]}`);
		// Best at half: 40 % of the small node before 20 % of the large one, 70 % before 15 %, and 15 % before all of it.
		const curve = "{utilization: 0, score: 0}, {utilization: 50, score: 10}, {utilization: 100, score: 0}";
		const scheduler = schedulerWith([node("large"), node("small", {}, { cpu: "5" })], { curve: shape(curve) });
		expect(place(scheduler, pod("curve", { cpu: "2" }), pod("curve", { cpu: "1500m" }), pod("curve", { cpu: "1500m" }))).toEqual(["small", "small", "large"]);
	});

	it("add affinity to nodes, required and preferred", () => {
		const term = (key: string) => `{matchExpressions: [{key: ${key}, operator: Exists}]}`;
		const added = `{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [${term("ours")}]}, preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: ${term("best")}}]}`;
		const profile = `pluginConfig: [{name: NodeAffinity, args: {addedAffinity: ${added}}}], plugins: {score: {disabled: [{name: "*"}], enabled: [{name: NodeAffinity}]}}`;
		const scheduler = schedulerWith([node("a"), node("b", { ours: "" }), node("c", { ours: "", best: "" })], { ours: profile });
		expect(place(scheduler, pod("ours"))).toEqual(["c"]);
		expect(place(scheduler, pod("ours", {}, { nodeSelector: { "kubernetes.io/hostname": "a" } }))).toEqual([
			"0/3 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity, 2 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
		]);
	});

	it("spread a controller's pods by constraints of their own, and may forbid by them", () => {
		const constraint = "{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}";
		const profile = `pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List, defaultConstraints: [${constraint}]}}]`;
		const scheduler = schedulerWith([node("a", { zone: "x" }), node("b", { zone: "y" }, { pods: "1" })], { zones: profile });
		expect(place(scheduler, pod("zones"), pod("zones"), pod("zones")).slice().sort()).toEqual(["a", "a", "b"]);
		expect(place(scheduler, pod("zones"))).toEqual([
			"0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
		]);
	});

	it("leave out filters, resources and preemption that they are told to", () => {
		const nodes = [node("a", {}, { "example.com/gpu": "0" })];
		const scheduler = schedulerWith(nodes, {
			blind: "pluginConfig: [{name: NodeResourcesFit, args: {ignoredResourceGroups: [example.com]}}]",
			bold: "plugins: {filter: {disabled: [{name: NodeResourcesFit}]}}",
			meek: 'plugins: {postFilter: {disabled: [{name: "*"}]}}',
		});
		expect(place(scheduler, pod("blind", { "example.com/gpu": "1" }))).toEqual(["a"]);
		expect(place(scheduler, pod("bold", { cpu: "100" }))).toEqual(["a"]);
		expect(place(scheduler, pod("meek", { cpu: "100" }, { priority: 100 }))).toEqual(["0/1 nodes are available: 1 Insufficient cpu."]);
	});

	it("make what placed pods require worth what they are told", () => {
		const near = {
			podAffinity: {
				requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "a" } } }],
			},
		};
		const only = 'plugins: {score: {disabled: [{name: "*"}], enabled: [{name: InterPodAffinity}]}}';
		const scheduler = schedulerWith([node("a"), node("b")], {
			hard: only,
			soft: `${only}, pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 0}}]`,
		});
		expect(place(scheduler, pod("hard", {}, { affinity: near, nodeSelector: { "kubernetes.io/hostname": "b" } }))).toEqual(["b"]);
		expect(place(scheduler, pod("hard"))).toEqual(["b"]);
		expect(place(scheduler, pod("soft"))).toEqual(["a"]);
	});
});
