import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { node, outcome, pod, type PodOptions, schedule, schedulerOf } from "../../../test/controllers/clusters.ts";
import type { Pod, PodDisruptionBudget } from "../schema/kubernetes.d.ts";
import type { Scheduler } from "./scheduler.ts";

const withPriority = (name: string, priority: number, options: PodOptions = {}): Pod =>
	pod(name, { cpu: "1", ...options, spec: { priority, ...options.spec } });
const refs = (scheduler: Scheduler, pods: Pod[]) =>
	schedule(scheduler, pods).preemptions.map(({ preemptor, node, victims }) => [preemptor.name, node, victims.map(({ ref }) => ref.name)]);
const on = (name: string) => ({ nodeSelector: { "kubernetes.io/hostname": name } });
const budget = (app: string, disruptionsAllowed: number): PodDisruptionBudget =>
	({
		apiVersion: "policy/v1",
		kind: "PodDisruptionBudget",
		metadata: { name: app },
		spec: { selector: { matchLabels: { app } } },
		status: { disruptionsAllowed },
	}) as never;

function fullNodes(...pods: [string, number, string, string?][]): Scheduler {
	const names = [...new Set(pods.map(([, , where]) => where))];
	const scheduler = schedulerOf(...names.map((name) => node(name, { cpu: String(pods.filter(([, , where]) => where === name).length) })));
	for (const [name, priority, where, app] of pods) schedule(scheduler, [withPriority(name, priority, { labels: app ? { app } : {}, spec: on(where) })]);
	return scheduler;
}

describe("preemption", () => {
	it("takes as few of the least important pods as it needs, and keeps the place", () => {
		const scheduler = fullNodes(["low", 1, "a"], ["mid", 5, "a"]);
		const first = schedule(scheduler, [withPriority("high", 10)]);
		expect(first.preemptions).toMatchObject([{ node: "a", schedulerName: "", victims: [{ ref: { name: "low" }, preempted: true }] }]);
		expect(first.unplaced).toMatchObject([{ message: "0/1 nodes are available: 1 Insufficient cpu.", nominatedNode: "a" }]);
		scheduler.release(first.preemptions[0]?.victims[0]?.ref.uid ?? "", 2000);
		const between = schedule(scheduler, [withPriority("other", 1)], { nowMs: 2000, random: () => 0 });
		expect(between.bindings.map(({ ref, node: where }) => [ref.name, where])).toEqual([["high", "a"]]);
		expect(between.unplaced[0]?.message).toContain("Insufficient cpu");
	});

	it("does not give a kept place to a pod of lower priority", () => {
		const scheduler = fullNodes(["low", 1, "a"]);
		const [preemption] = schedule(scheduler, [withPriority("high", 10, { spec: { nodeSelector: { late: "yes" } } }), withPriority("higher", 20)]).preemptions;
		expect(preemption?.preemptor.name).toBe("higher");
		scheduler.ledger.remove(preemption?.victims[0]?.ref.uid ?? "");
		expect(outcome(scheduler, withPriority("late", 2)).late).toContain("Insufficient cpu");
		expect(outcome(scheduler, withPriority("urgent", 30))).toMatchObject({ urgent: "a" });
	});

	it("waits while the victims are on their way out", () => {
		const scheduler = fullNodes(["low", 1, "a"]);
		const high = withPriority("high", 10);
		schedule(scheduler, [high]);
		const entry = scheduler.queue.get(high.metadata.uid ?? "");
		if (entry) scheduler.queue.activate(entry);
		expect(schedule(scheduler, []).unplaced).toMatchObject([
			{
				nominatedNode: "a",
				message:
					"0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to a terminating pod on the nominated node.",
			},
		]);
	});

	it("is not for pods that say Never", () => {
		const scheduler = fullNodes(["low", 1, "a"]);
		expect(outcome(scheduler, withPriority("polite", 10, { spec: { preemptionPolicy: "Never" } })).polite).toBe(
			"0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.",
		);
	});

	it("says why it does not help", () => {
		const scheduler = fullNodes(["low", 1, "a"], ["peer", 10, "b"]);
		expect(outcome(scheduler, withPriority("big", 10, { cpu: "2" })).big).toBe(
			"0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
		);
		expect(outcome(scheduler, withPriority("equal", 1)).equal).toContain(
			"preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
		);
	});

	it.each([
		[
			"fewest violations of budgets",
			[
				["x", 1, "a", "web"],
				["y", 5, "b"],
			],
			"b",
		],
		[
			"lowest of the highest priorities",
			[
				["x", 5, "a"],
				["y", 3, "b"],
			],
			"b",
		],
		[
			"lowest sum of priorities",
			[
				["x1", 5, "a"],
				["x2", 4, "a"],
				["y1", 5, "b"],
				["y2", 3, "b"],
			],
			"b",
		],
	] as [string, [string, number, string, string?][], string][])("chooses the node by the %s", (_rule, pods, wanted) => {
		const scheduler = fullNodes(...pods);
		scheduler.setBudgets("default", [budget("web", 0)]);
		const cpu = String(pods.length / 2);
		expect(refs(scheduler, [withPriority("high", 10, { cpu })]).map(([, where]) => where)).toEqual([wanted]);
	});

	it("chooses the node with fewest victims, then the one whose victims started latest", () => {
		const scheduler = schedulerOf(node("a", { cpu: "2" }), node("b", { cpu: "2" }));
		const at = (nowMs: number, ...pods: Pod[]) => schedule(scheduler, pods, { nowMs, random: () => 0 });
		at(1, withPriority("a1", 1, { spec: on("a") }), withPriority("a2", 1, { spec: on("a") }));
		at(2, withPriority("b1", 1, { cpu: "2", spec: on("b") }));
		expect(at(3, withPriority("two", 10, { cpu: "2" })).preemptions.map(({ node: where }) => where)).toEqual(["b"]);
		const equal = schedulerOf(node("a", { cpu: "1" }), node("b", { cpu: "1" }));
		schedule(equal, [withPriority("b", 1, { spec: on("b") })], { nowMs: 1, random: () => 0 });
		schedule(equal, [withPriority("a", 1, { spec: on("a") })], { nowMs: 9, random: () => 0 });
		expect(refs(equal, [withPriority("high", 10)])).toEqual([["high", "a", ["a"]]]);
	});

	it("spares what a budget protects where another pod will do", () => {
		const scheduler = fullNodes(["kept", 1, "a", "web"], ["gone", 5, "a"]);
		scheduler.setBudgets("default", [budget("web", 0)]);
		expect(refs(scheduler, [withPriority("high", 10)])).toEqual([["high", "a", ["gone"]]]);
	});

	it("makes way for anti-affinity too", () => {
		const scheduler = fullNodes(["foe", 1, "a", "web"]);
		const term = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "web" } } };
		const spec = { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
		expect(refs(scheduler, [withPriority("high", 10, { cpu: "0", spec })])).toEqual([["high", "a", ["foe"]]]);
	});

	it("never takes a pod of the same or a higher priority, and leaves the ledger as it was", () => {
		const request = fc.record({ cpu: fc.integer({ min: 1, max: 3 }), priority: fc.integer({ min: 0, max: 3 }) });
		fc.assert(
			fc.property(fc.array(request, { minLength: 1, maxLength: 25 }), (requests) => {
				const scheduler = schedulerOf(node("a"), node("b", { cpu: "3" }));
				for (const [i, { cpu, priority }] of requests.entries()) {
					const before = scheduler.ledger.nodes().map(({ requested }) => ({ ...requested }));
					const { preemptions, bindings } = schedule(scheduler, [withPriority(`p${i}`, priority, { cpu: String(cpu) })]);
					for (const { victims } of preemptions) for (const { pod: victim } of victims) expect(victim.priority).toBeLessThan(priority);
					if (bindings.length === 0) expect(scheduler.ledger.nodes().map(({ requested }) => requested)).toEqual(before);
					for (const { victims } of preemptions) for (const { ref } of victims) scheduler.release(ref.uid, i * 20_000);
					schedule(scheduler, [], { nowMs: i * 20_000, random: () => 0 });
					for (const { requested, allocatable } of scheduler.ledger.nodes()) expect(requested.milliCpu).toBeLessThanOrEqual(allocatable.milliCpu);
				}
			}),
		);
	});
});
