import { describe, expect, it } from "vitest";
import { node, pod, schedule, schedulerOf } from "../../../test/controllers/clusters.ts";
import { UNSCHEDULABLE_MAX_MS } from "./scheduling-queue.ts";
import type { Scheduler } from "./scheduler.ts";

const at = (scheduler: Scheduler, nowMs: number) => schedule(scheduler, [], { nowMs, random: () => 0 });
const tried = (scheduler: Scheduler, nowMs: number): string[] => {
	const { bindings, unplaced } = at(scheduler, nowMs);
	return [...bindings.map(({ ref }) => ref.name), ...unplaced.map((one) => one.pod.name)];
};

describe("the queue", () => {
	it("tries a pod again only for what can help it", () => {
		const scheduler = schedulerOf(node("a", { cpu: "1" }));
		schedule(scheduler, [pod("holder", { cpu: "1" })]);
		schedule(scheduler, [pod("big", { cpu: "2" }), pod("picky", { spec: { nodeSelector: { disk: "ssd" } } })]);
		scheduler.setNode(node("a", { cpu: "1", labels: { color: "red" } }), 5000);
		expect(tried(scheduler, 5000)).toEqual([]);
		scheduler.setNode(node("b", { cpu: "1", labels: { disk: "ssd" } }), 6000);
		expect(tried(scheduler, 6000)).toEqual(["picky"]);
		scheduler.setNode(node("c", { cpu: "2" }), 7000);
		expect(tried(scheduler, 7000)).toEqual(["big"]);
	});

	it("tries what an ended pod makes room for", () => {
		const scheduler = schedulerOf(node("a", { cpu: "1" }));
		const { bindings } = schedule(scheduler, [pod("holder", { cpu: "1" })]);
		schedule(scheduler, [pod("next", { cpu: "1" })]);
		scheduler.release(bindings[0]?.ref.uid ?? "", 100);
		expect(tried(scheduler, 100)).toEqual(["next"]);
	});

	it("tries a pod that nothing happened for after five minutes", () => {
		const scheduler = schedulerOf(node("a", { cpu: "1" }));
		schedule(scheduler, [pod("big", { cpu: "2" })]);
		expect(scheduler.queue.nextDueMs(0)).toBe(UNSCHEDULABLE_MAX_MS);
		expect(tried(scheduler, UNSCHEDULABLE_MAX_MS - 1)).toEqual([]);
		expect(tried(scheduler, UNSCHEDULABLE_MAX_MS)).toEqual(["big"]);
	});

	it("takes pods by priority, then in the order they came", () => {
		const scheduler = schedulerOf(node("a", { pods: "0" }));
		const names = ["first", "second", "urgent"];
		for (const name of names) scheduler.ask({ pod: pod(name, { spec: { priority: name === "urgent" ? 10 : 0 } }) });
		expect(tried(scheduler, 0)).toEqual(["urgent", "first", "second"]);
	});

	it("decides about no more pods at once than it may, and knows that it is not done", () => {
		const scheduler = schedulerOf(node("a"));
		for (let i = 0; i < 3; i++) scheduler.ask({ pod: pod(`p${i}`) });
		expect(scheduler.run({ nowMs: 0, random: () => 0 }, 2).bindings).toHaveLength(2);
		expect(scheduler.queue.nextDueMs(0)).toBe(0);
	});

	it("takes a pod that asks again for the same as no news", () => {
		const scheduler = schedulerOf(node("a", { cpu: "1" }));
		const big = pod("big", { cpu: "2" });
		schedule(scheduler, [big]);
		expect(scheduler.ask({ pod: structuredClone(big) })).toBe(false);
		expect(scheduler.ask({ pod: { ...big, metadata: { ...big.metadata, labels: { new: "label" } } } })).toBe(true);
		expect(tried(scheduler, 1_000)).toEqual(["big"]);
	});

	it("does not wake for a change of a node that leaves it as unfit", () => {
		const scheduler = schedulerOf(node("a", { taints: [{ key: "k", effect: "NoSchedule" }] }));
		schedule(scheduler, [pod("p")]);
		scheduler.setNode(node("a", { taints: [{ key: "other", effect: "NoSchedule" }] }), 1);
		expect(tried(scheduler, 1)).toEqual([]);
		scheduler.setNode(node("a"), 2);
		expect(tried(scheduler, 2)).toEqual(["p"]);
	});
});
