import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { imageOf, kubelet, pods, settle } from "../../../test/controllers/workloads.ts";
import type { ControllerRevision, DaemonSet, DaemonSetSpec, Node, Pod, Taint } from "../schema/kubernetes.d.ts";
import { nodeOf } from "./daemonset/daemon-pod.ts";
import { daemonSetController } from "./daemonset-controller.ts";

const SETS = "apps/daemonsets";
const node = (name: string, { labels = {}, taints = [] }: { labels?: Record<string, string>; taints?: Taint[] } = {}): Node => ({
	apiVersion: "v1",
	kind: "Node",
	metadata: { name, labels },
	spec: { taints },
});

function daemonSet(spec: Partial<DaemonSetSpec> = {}, podSpec: Partial<NonNullable<DaemonSetSpec["template"]["spec"]>> = {}): DaemonSet {
	return {
		apiVersion: "apps/v1",
		kind: "DaemonSet",
		metadata: { name: "log", annotations: { "deprecated.daemonset.template.generation": "1" } },
		spec: {
			selector: { matchLabels: { app: "log" } },
			template: { metadata: { labels: { app: "log" } }, spec: { containers: [{ name: "main", image: "log:1" }], ...podSpec } },
			updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
			revisionHistoryLimit: 10,
			...spec,
		},
	};
}

function world(set: DaemonSet, nodes: Node[] = ["a", "b", "c"].map((name) => node(name))): MemoryWorld {
	const made = new MemoryWorld([daemonSetController({ knowsNodes: () => true })]);
	for (const each of nodes) made.place("nodes", each);
	made.create(SETS, set);
	made.drain();
	return made;
}

/** Binds each new pod to the node it is meant for. */
function bind(w: MemoryWorld): void {
	for (const pod of pods(w))
		if (!pod.spec?.nodeName) w.edit<Pod>("pods", pod.metadata.name ?? "", (draft) => void Object.assign(draft.spec ?? {}, { nodeName: nodeOf(draft) }));
}

function run(w: MemoryWorld, canStart: (pod: Pod) => boolean = () => true): void {
	for (let i = 0; i < 12; i++) {
		w.drain();
		bind(w);
		settle(w, (pod) => Boolean(pod.spec?.nodeName) && canStart(pod));
	}
}

const where = (w: MemoryWorld): string[] =>
	pods(w)
		.map((pod) => `${nodeOf(pod)}=${imageOf(pod)}`)
		.sort();
const setImage = (w: MemoryWorld, image: string): void => {
	w.edit<DaemonSet>(SETS, "log", ({ spec }) => void Object.assign(spec?.template.spec?.containers[0] ?? {}, { image }));
	w.drain();
};
const status = (w: MemoryWorld) => w.get<DaemonSet>(SETS, "log")?.status;

it("puts one pod on every node, bound to it by its affinity, with a daemon's tolerations", () => {
	const w = world(daemonSet());
	expect(where(w)).toEqual(["a=log:1", "b=log:1", "c=log:1"]);
	const pod = pods(w)[0];
	expect(pod?.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toEqual({
		nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["a"] }] }],
	});
	expect(pod?.spec?.tolerations?.map(({ key, effect }) => `${key?.split("/")[1]}:${effect}`)).toEqual([
		"not-ready:NoExecute",
		"unreachable:NoExecute",
		"disk-pressure:NoSchedule",
		"memory-pressure:NoSchedule",
		"pid-pressure:NoSchedule",
		"unschedulable:NoSchedule",
	]);
	const hash = w.list<ControllerRevision>("apps/controllerrevisions")[0]?.metadata.labels?.["controller-revision-hash"];
	expect(pod?.metadata.labels).toEqual({ app: "log", "controller-revision-hash": hash, "pod-template-generation": "1" });
	run(w);
	expect(status(w)).toMatchObject({
		desiredNumberScheduled: 3,
		currentNumberScheduled: 3,
		numberReady: 3,
		updatedNumberScheduled: 3,
		numberAvailable: 3,
		numberMisscheduled: 0,
	});
});

describe("nodes", () => {
	const tainted = (effect: Taint["effect"]) => node("a", { taints: [{ key: "only", value: "gpu", effect }] });

	it("keeps to node selectors and taints", () => {
		expect(where(world(daemonSet({}, { nodeSelector: { disk: "ssd" } }), [node("a"), node("b", { labels: { disk: "ssd" } })]))).toEqual(["b=log:1"]);
		expect(where(world(daemonSet(), [tainted("NoSchedule"), node("b")]))).toEqual(["b=log:1"]);
		expect(where(world(daemonSet(), [tainted("PreferNoSchedule")]))).toEqual(["a=log:1"]);
		expect(where(world(daemonSet({}, { tolerations: [{ operator: "Exists" }] }), [tainted("NoExecute")]))).toEqual(["a=log:1"]);
		expect(where(world(daemonSet(), [node("a", { taints: [{ key: "node.kubernetes.io/unreachable", effect: "NoExecute" }] })]))).toEqual(["a=log:1"]);
	});

	it("comes with new nodes, stays under a new NoSchedule taint, leaves under NoExecute and when the labels no longer fit", () => {
		const w = world(daemonSet({}, { nodeSelector: { on: "1" } }), [node("a", { labels: { on: "1" } })]);
		run(w);
		w.create("nodes", node("b", { labels: { on: "1" } }));
		run(w);
		expect(where(w)).toEqual(["a=log:1", "b=log:1"]);
		const taint = (name: string, effect: Taint["effect"]) => w.edit<Node>("nodes", name, (draft) => void (draft.spec = { taints: [{ key: "x", effect }] }));
		taint("a", "NoSchedule");
		run(w);
		expect(where(w)).toEqual(["a=log:1", "b=log:1"]);
		expect(status(w)).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 });
		taint("a", "NoExecute");
		w.edit<Node>("nodes", "b", (draft) => void (draft.metadata.labels = {}));
		run(w);
		expect(where(w)).toEqual([]);
	});

	it("replaces a failed pod, but not at once", () => {
		const w = world(daemonSet(), [node("a")]);
		run(w);
		const name = pods(w)[0]?.metadata.name ?? "";
		w.edit<Pod>("pods", name, (pod) => void (pod.status = { phase: "Failed" }));
		w.drain();
		expect(pods(w)[0]?.metadata.name).toBe(name);
		w.advance(5_000);
		run(w);
		expect(pods(w).map((pod) => pod.metadata.name === name)).toEqual([false]);
	});

	it("says nothing of a rollout before it knows the nodes, but asks for them", () => {
		const w = new MemoryWorld([daemonSetController({ knowsNodes: () => false })]);
		w.create(SETS, daemonSet());
		w.drain();
		expect(status(w)).toBeUndefined();
		expect(w.messages).toEqual([{ to: { object: "cluster" }, body: { type: "wantNodes", namespace: "default", wanted: true } }]);
	});
});

describe("updates", () => {
	it("takes maxUnavailable old pods away at a time", () => {
		const w = world(daemonSet());
		run(w);
		setImage(w, "log:2");
		expect(pods(w).filter((pod) => pod.metadata.deletionTimestamp)).toHaveLength(1);
		kubelet(w, () => false);
		w.drain();
		bind(w);
		w.drain();
		expect(pods(w).filter((pod) => imageOf(pod) === "log:2" || pod.metadata.deletionTimestamp)).toHaveLength(1);
		run(w);
		expect(where(w)).toEqual(["a=log:2", "b=log:2", "c=log:2"]);
	});

	it("puts new pods beside old ones under maxSurge, and takes those away when the new serve", () => {
		const w = world(daemonSet({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "50%" } } }));
		run(w);
		setImage(w, "log:2");
		expect(where(w)).toEqual(["a=log:1", "a=log:2", "b=log:1", "b=log:2", "c=log:1"]);
		expect(pods(w).some((pod) => pod.metadata.deletionTimestamp)).toBe(false);
		run(w);
		expect(where(w)).toEqual(["a=log:2", "b=log:2", "c=log:2"]);
	});

	it("gets past pods that never started", () => {
		const w = world(daemonSet());
		run(w);
		setImage(w, "log:broken");
		run(w, (pod) => imageOf(pod) !== "log:broken");
		expect(where(w).filter((one) => one.endsWith("broken"))).toHaveLength(1);
		setImage(w, "log:3");
		run(w);
		expect(where(w)).toEqual(["a=log:3", "b=log:3", "c=log:3"]);
	});

	it("leaves pods alone under OnDelete", () => {
		const w = world(daemonSet({ updateStrategy: { type: "OnDelete" } }), [node("a")]);
		run(w);
		setImage(w, "log:2");
		run(w);
		expect(where(w)).toEqual(["a=log:1"]);
		w.remove("pods", pods(w)[0]?.metadata.name ?? "");
		run(w);
		expect(where(w)).toEqual(["a=log:2"]);
	});
});
