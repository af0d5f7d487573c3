import { expect, it } from "vitest";
import type { Pod, Taint, Toleration } from "../schema/kubernetes.d.ts";
import { evictions } from "./taint-eviction.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const unreachable: Taint = { key: "node.kubernetes.io/unreachable", effect: "NoExecute", timeAdded: "2026-01-01T00:00:00Z" };
const pod = (name: string, tolerations: Toleration[] = [], more = {}): Pod => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name, namespace: "default", uid: name, creationTimestamp: "2025-12-31T00:00:00Z", ...more },
	spec: { containers: [], tolerations },
});
const names = (pods: Pod[], taints: Taint[], afterSeconds: number) => evictions(pods, taints, START + afterSeconds * 1000).evict.map(({ name }) => name);
const forSeconds = (tolerationSeconds?: number): Toleration => ({
	key: unreachable.key,
	operator: "Exists",
	effect: "NoExecute",
	...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
});

it("evicts at once what does not tolerate, later what tolerates for a time, never what tolerates for good", () => {
	const pods = [pod("bare"), pod("patient", [forSeconds(300)]), pod("loyal", [forSeconds()])];
	expect(names(pods, [unreachable], 0)).toEqual(["bare"]);
	expect(evictions(pods, [unreachable], START).nextAtMs).toBe(START + 300_000);
	expect(names(pods, [unreachable], 299)).toEqual(["bare"]);
	expect(names(pods, [unreachable], 300)).toEqual(["bare", "patient"]);
});

it("takes the shortest of several tolerations, and the earliest of several taints", () => {
	const other: Taint = { key: "other", effect: "NoExecute", timeAdded: "2026-01-01T00:00:05Z" };
	expect(evictions([pod("p", [forSeconds(300), forSeconds(60)])], [unreachable], START).nextAtMs).toBe(START + 60_000);
	expect(
		evictions([pod("p", [forSeconds(300), { key: "other", operator: "Exists", tolerationSeconds: 10 }])], [unreachable, other], START + 5_000).nextAtMs,
	).toBe(START + 15_000);
});

it("counts from the pod's start when the taint was there before it", () => {
	const late = pod("late", [forSeconds(10)], { creationTimestamp: "2026-01-01T01:00:00Z" });
	expect(evictions([late], [unreachable], START + 3_600_000).nextAtMs).toBe(START + 3_610_000);
});

it("ignores other effects and pods that go already", () => {
	const going = pod("going", [], { deletionTimestamp: "2026-01-01T00:00:00Z" });
	expect(names([pod("p")], [{ key: "k", effect: "NoSchedule" }], 0)).toEqual([]);
	expect(names([going], [unreachable], 0)).toEqual([]);
});
