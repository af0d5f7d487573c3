import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import type { Node } from "../schema/kubernetes.d.ts";
import { nodeLifecycleController } from "./node-lifecycle-controller.ts";
import { disruptionOf } from "./node-zones.ts";

const node = (name: string, ready: boolean, zone = ""): Node => ({
	apiVersion: "v1",
	kind: "Node",
	metadata: { name, ...(zone ? { labels: { "topology.kubernetes.io/zone": zone } } : {}) },
	spec: {},
	status: { conditions: [{ type: "Ready", status: ready ? "True" : "Unknown" }] },
});
const nodes = (ready: number, notReady: number, zone = ""): Node[] => [
	...Array.from({ length: ready }, (_, i) => node(`${zone}-up-${i}`, true, zone)),
	...Array.from({ length: notReady }, (_, i) => node(`${zone}-down-${i}`, false, zone)),
];

describe("the rate at which a zone loses nodes", () => {
	it.each([
		["is usual while most are ready", nodes(3, 2), { everywhere: false, periodMs: 10_000 }],
		["is usual for two of three", nodes(1, 2), { everywhere: false, periodMs: 10_000 }],
		["is nothing in a small zone that is unhealthy", nodes(2, 3), { everywhere: false }],
		["is low in a large one", nodes(20, 40), { everywhere: false, periodMs: 100_000 }],
		["is usual for a zone that is gone while another is there", [...nodes(0, 5), ...nodes(1, 0, "b")], { everywhere: false, periodMs: 10_000 }],
		["is nothing when nothing is ready anywhere", [...nodes(0, 5), ...nodes(0, 1, "b")], { everywhere: true }],
	])("%s", (_name, all, expected) => {
		expect(disruptionOf(":", all)).toEqual(expected);
	});
});

it("taints one node of a zone after another, and takes the taints back when all fall silent", () => {
	const lastSeen = new Map<string, number>();
	const silent = new Set<string>();
	const w = new MemoryWorld([nodeLifecycleController({ connected: (name) => !silent.has(name), lastSeenMs: (name) => lastSeen.get(name) })], "");
	for (const name of ["a", "b", "c", "d"]) w.create("nodes", node(name, true));
	w.drain();
	const leave = (...names: string[]) => {
		for (const name of names) {
			silent.add(name);
			lastSeen.set(name, w.nowMs);
			w.enqueue("node-lifecycle", name);
		}
		w.drain();
	};
	const comeBack = (name: string) => {
		silent.delete(name);
		w.enqueue("node-lifecycle", name);
		w.drain();
	};
	const evicted = () =>
		w.list<Node>("nodes").flatMap(({ metadata, spec }) => (spec?.taints?.some(({ effect }) => effect === "NoExecute") ? [metadata.name] : []));
	leave("a", "b");
	w.advance(41_000);
	expect(evicted()).toHaveLength(1);
	w.advance(10_000);
	expect(evicted()).toEqual(["a", "b"]);
	leave("c", "d");
	w.advance(41_000);
	expect(evicted()).toEqual([]);
	comeBack("d");
	w.advance(1_000);
	// Three of four are too many for so small a zone.
	expect(evicted()).toEqual([]);
	comeBack("c");
	w.advance(20_000);
	expect(evicted()).toEqual(["a", "b"]);
});
