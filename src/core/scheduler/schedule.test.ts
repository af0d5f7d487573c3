import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { node, outcome, pod, schedule, schedulerOf } from "../../../test/controllers/clusters.ts";
import { feasibleNodesWanted } from "./schedule.ts";
import { podRefOf, schedulingPodOf } from "./scheduling-pod.ts";

const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";
const zoned = (name: string, zone: string) => node(name, { labels: { [ZONE]: zone } });

describe("what keeps a pod from a node", () => {
	it("says so in kube-scheduler's words, counting nodes by reason", () => {
		const scheduler = schedulerOf(
			node("small", { cpu: "500m", memory: "64Mi" }),
			node("tainted", { taints: [{ key: "k", value: "v", effect: "NoSchedule" }] }),
			node("cordoned", { unschedulable: true }),
			node("full", { pods: "0" }),
		);
		expect(outcome(scheduler, pod("p", { cpu: "1", memory: "128Mi" }))).toEqual({
			p:
				"0/4 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable." +
				" no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
		});
	});

	it("without nodes", () => {
		expect(outcome(schedulerOf(), pod("p"))).toEqual({ p: "no nodes available to schedule pods" });
	});

	it("nodeSelector and required node affinity", () => {
		const scheduler = schedulerOf(node("a", { labels: { disk: "ssd", size: "5" } }), node("b"));
		const affinity = (key: string, operator: string, values?: string[]) => ({
			affinity: {
				nodeAffinity: {
					requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator, ...(values ? { values } : {}) }] }] },
				},
			},
		});
		expect(outcome(scheduler, pod("p", { spec: { nodeSelector: { disk: "ssd" } } }))).toEqual({ p: "a" });
		expect(outcome(scheduler, pod("p", { spec: affinity("disk", "DoesNotExist") }))).toEqual({ p: "b" });
		expect(outcome(scheduler, pod("p", { spec: affinity("size", "Gt", ["4"]) }))).toEqual({ p: "a" });
		expect(outcome(scheduler, pod("p", { spec: { nodeSelector: { disk: "hdd" } } })).p).toContain("2 node(s) didn't match Pod's node affinity/selector.");
	});

	it("taints, unless tolerated", () => {
		const scheduler = schedulerOf(node("a", { taints: [{ key: "k", value: "v", effect: "NoExecute" }] }));
		expect(outcome(scheduler, pod("p", { spec: { tolerations: [{ key: "k", operator: "Equal", value: "v" }] } }))).toEqual({ p: "a" });
		expect(outcome(scheduler, pod("p", { spec: { tolerations: [{ operator: "Exists" }] } }))).toEqual({ p: "a" });
		expect(outcome(scheduler, pod("p", { spec: { tolerations: [{ key: "k", operator: "Exists", effect: "NoSchedule" }] } })).p).toContain(
			"untolerated taint(s)",
		);
	});

	it("a host port that is taken", () => {
		const ports = (hostIP?: string) => ({
			spec: { containers: [{ name: "main", ports: [{ containerPort: 80, hostPort: 80, ...(hostIP ? { hostIP } : {}) }] }] },
		});
		const scheduler = schedulerOf(node("a"));
		expect(outcome(scheduler, pod("one", ports("10.0.0.1")), pod("two", ports("10.0.0.2")), pod("all", ports()))).toEqual({
			one: "a",
			two: "a",
			all:
				"0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." +
				" no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
		});
	});

	it("init containers count by their most, sidecars with the rest", () => {
		const container = (name: string, cpu: string, more = {}) => ({ name, resources: { requests: { cpu } }, ...more });
		const spec = { containers: [container("main", "1")], initContainers: [container("side", "1", { restartPolicy: "Always" }), container("init", "2")] };
		expect(schedulingPodOf(pod("p", { spec })).requests.milliCpu).toBe(3000);
	});
});

describe("spreading", () => {
	const constraint = (key: string, whenUnsatisfiable: string, maxSkew = 1) => ({
		spec: { topologySpreadConstraints: [{ topologyKey: key, maxSkew, whenUnsatisfiable, labelSelector: { matchLabels: { app: "web" } } }] },
	});

	it("DoNotSchedule holds the skew over zones, empty ones included", () => {
		const scheduler = schedulerOf(zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b"));
		const pods = Array.from({ length: 5 }, (_, i) => pod(`p${i}`, { labels: { app: "web" }, ...constraint(ZONE, "DoNotSchedule") }));
		const where = Object.values(outcome(scheduler, ...pods));
		expect(where.filter((name) => name === "b1").length).toBeGreaterThanOrEqual(2);
		const full = schedulerOf(zoned("a1", "a"), node("b1", { labels: { [ZONE]: "b" }, pods: "0" }), node("none"));
		expect(outcome(full, ...pods.slice(0, 2)).p1).toBe(
			"0/3 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread constraints, 1 node(s) didn't match pod topology spread constraints (missing required label)." +
				" no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
		);
	});

	it("pods of one controller go to different nodes and zones by default", () => {
		const scheduler = schedulerOf(zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b"), zoned("b2", "b"));
		const where = Object.values(outcome(scheduler, ...Array.from({ length: 4 }, (_, i) => pod(`p${i}`, { owner: "rs" }))));
		expect(new Set(where).size).toBe(4);
		expect(
			where
				.slice(0, 2)
				.map((name) => name[0])
				.sort(),
		).toEqual(["a", "b"]);
	});

	it("ScheduleAnyway prefers, but takes what there is", () => {
		const scheduler = schedulerOf(zoned("a1", "a"));
		const pods = Array.from({ length: 3 }, (_, i) => pod(`p${i}`, { labels: { app: "web" }, ...constraint(ZONE, "ScheduleAnyway") }));
		expect(Object.values(outcome(scheduler, ...pods))).toEqual(["a1", "a1", "a1"]);
	});
});

describe("affinity between pods", () => {
	const term = (app: string, topologyKey = ZONE) => ({ topologyKey, labelSelector: { matchLabels: { app } } });
	const near = (app: string) => ({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] } } });
	const away = (app: string, key = HOST) => ({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app, key)] } } });

	it("the first of a group may go anywhere, the others follow it", () => {
		const scheduler = schedulerOf(zoned("a1", "a"), zoned("b1", "b"), zoned("b2", "b"));
		const where = Object.values(outcome(scheduler, ...Array.from({ length: 3 }, (_, i) => pod(`p${i}`, { labels: { app: "db" }, spec: near("db") }))));
		expect(new Set(where.map((name) => name[0])).size).toBe(1);
		expect(outcome(scheduler, pod("q", { spec: near("nobody") })).q).toContain("3 node(s) didn't match pod affinity rules.");
	});

	it("anti-affinity holds in both directions", () => {
		const scheduler = schedulerOf(node("a"), node("b"));
		expect(outcome(scheduler, pod("hermit", { labels: { app: "hermit" }, spec: away("web") }))).toEqual({ hermit: "a" });
		expect(outcome(scheduler, pod("w1", { labels: { app: "web" } }))).toEqual({ w1: "b" });
		expect(outcome(scheduler, pod("second", { labels: { app: "hermit" }, spec: away("web") }))).toEqual({ second: "a" });
		const alone = schedulerOf(node("a"));
		outcome(alone, pod("hermit", { labels: { app: "hermit" }, spec: away("web") }));
		expect(outcome(alone, pod("w", { labels: { app: "web" } })).w).toContain("1 node(s) didn't satisfy existing pods anti-affinity rules.");
		expect(outcome(alone, pod("h", { spec: away("hermit") })).h).toContain("1 node(s) didn't match pod anti-affinity rules.");
	});

	it("a namespaceSelector goes by the namespaces' labels", () => {
		const scheduler = schedulerOf(node("a"));
		scheduler.ledger.setNamespace("other", { team: "red" });
		const foe = pod("foe", { labels: { app: "web" } });
		foe.metadata.namespace = "other";
		outcome(scheduler, foe);
		const spec = {
			affinity: {
				podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...term("web", HOST), namespaceSelector: { matchLabels: { team: "red" } } }] },
			},
		};
		expect(outcome(scheduler, pod("p", { spec })).p).toContain("anti-affinity");
		scheduler.ledger.setNamespace("other", { team: "blue" });
		expect(outcome(scheduler, pod("p", { spec }))).toEqual({ p: "a" });
	});
});

describe("choosing", () => {
	it("prefers the emptier node", () => {
		const scheduler = schedulerOf(node("a"), node("b"));
		outcome(scheduler, pod("big", { cpu: "2", memory: "4Gi", spec: { nodeSelector: { [HOST]: "a" } } }));
		expect(outcome(scheduler, pod("p", { cpu: "100m", memory: "100Mi" }))).toEqual({ p: "b" });
	});

	it("prefers nodes by affinity, and without PreferNoSchedule taints", () => {
		const preferred = (labels: Record<string, string>) => ({
			affinity: {
				nodeAffinity: {
					preferredDuringSchedulingIgnoredDuringExecution: [
						{ weight: 10, preference: { matchExpressions: [{ key: "disk", operator: "In", values: Object.values(labels) }] } },
					],
				},
			},
		});
		expect(outcome(schedulerOf(node("a"), node("b", { labels: { disk: "ssd" } })), pod("p", { spec: preferred({ disk: "ssd" }) }))).toEqual({ p: "b" });
		expect(outcome(schedulerOf(node("a", { taints: [{ key: "k", effect: "PreferNoSchedule" }] }), node("b")), pod("p"))).toEqual({ p: "b" });
	});

	it("places those of higher priority first", () => {
		const scheduler = schedulerOf(node("a", { pods: "1" }));
		const result = outcome(scheduler, pod("low"), pod("high", { spec: { priority: 100 } }));
		expect(result.high).toBe("a");
		expect(result.low).toContain("Too many pods");
	});

	it("looks at fewer nodes the more there are", () => {
		expect([50, 100, 1000, 5000, 50_000].map((nodes) => feasibleNodesWanted(nodes))).toEqual([50, 100, 420, 500, 2500]);
	});
});

describe("the ledger", () => {
	it("takes the same request in once", () => {
		const scheduler = schedulerOf(node("a"), node("b"));
		const p = pod("p", { cpu: "1" });
		const first = schedule(scheduler, [p]);
		expect(schedule(scheduler, [p]).bindings).toEqual([]);
		expect(scheduler.ledger.node(first.bindings[0]?.node ?? "")?.requested.milliCpu).toBe(1000);
	});

	it("counts placements of a node that is told of later", () => {
		const scheduler = schedulerOf();
		const p = pod("p", { cpu: "3" });
		scheduler.ledger.add({ ref: podRefOf(p), node: "a", pod: schedulingPodOf(p) });
		scheduler.setNode(node("a"), 0);
		expect(outcome(scheduler, pod("q", { cpu: "2" })).q).toContain("Insufficient cpu");
		expect(scheduler.release(p.metadata.uid ?? "", 0)?.node).toBe("a");
		expect(outcome(scheduler, pod("q", { cpu: "2" }))).toEqual({ q: "a" });
	});

	it("never gives out more than there is, and ends where it began when all is removed", () => {
		const request = fc.record({ cpu: fc.integer({ min: 0, max: 3000 }), memory: fc.integer({ min: 0, max: 6000 }) });
		fc.assert(
			fc.property(fc.array(request, { maxLength: 40 }), fc.array(fc.nat(39)), (requests, removals) => {
				const scheduler = schedulerOf(node("a"), node("b", { cpu: "2", memory: "4Gi" }), node("c", { pods: "5" }));
				const pods = requests.map(({ cpu, memory }, i) => pod(`p${i}`, { cpu: `${cpu}m`, memory: `${memory}Mi`, owner: "rs" }));
				schedule(scheduler, pods);
				for (const index of removals) scheduler.release(pods[index]?.metadata.uid ?? "", 0);
				schedule(scheduler, pods);
				for (const { requested, allocatable, placements, podsMax } of scheduler.ledger.nodes()) {
					expect(requested.milliCpu).toBeLessThanOrEqual(allocatable.milliCpu);
					expect(requested.memoryBytes).toBeLessThanOrEqual(allocatable.memoryBytes);
					expect(placements.size).toBeLessThanOrEqual(podsMax);
				}
				for (const p of pods) scheduler.release(p.metadata.uid ?? "", 0);
				for (const { requested, nonZeroRequested } of scheduler.ledger.nodes()) {
					expect(requested).toEqual({ milliCpu: 0, memoryBytes: 0, other: {} });
					expect(nonZeroRequested).toEqual({ milliCpu: 0, memoryBytes: 0 });
				}
				expect([...scheduler.ledger.all(), scheduler.ledger.podsOfOwner("uid-rs")].filter((one) => one !== undefined)).toEqual([]);
			}),
		);
	});

	it("keeps counters that agree with counting anew", () => {
		const label = fc.constantFrom("web", "db");
		const steps = fc.array(fc.record({ app: label, node: fc.constantFrom("a1", "a2", "b1"), remove: fc.boolean() }), { maxLength: 60 });
		fc.assert(
			fc.property(steps, (list) => {
				const nodes = [zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b")];
				const { ledger } = schedulerOf(...nodes);
				const query = { key: "web", matches: ({ pod: { labels } }: { pod: { labels: Record<string, string> } }) => labels.app === "web" };
				ledger.counter(query).by(ZONE);
				const there: string[] = [];
				for (const [i, { app, node: name, remove }] of list.entries()) {
					if (remove) {
						ledger.remove(there.shift() ?? "");
						continue;
					}
					const p = pod(`p${i}`, { labels: { app } });
					ledger.add({ ref: podRefOf(p), node: name, pod: schedulingPodOf(p) });
					there.push(p.metadata.uid ?? "");
				}
				const { ledger: anew } = schedulerOf(...nodes);
				for (const placement of ledger.all()) anew.add(placement);
				expect(new Map(ledger.counter(query).by(ZONE))).toEqual(new Map(anew.counter(query).by(ZONE)));
				expect(new Map(ledger.counter(query).byNode)).toEqual(new Map(anew.counter(query).byNode));
			}),
		);
	});
});
