/** What never happens while a StatefulSet or a DaemonSet changes, whatever comes in between. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { imageOf, kubelet, pods, settle, start } from "../../../test/controllers/workloads.ts";
import type { DaemonSet, Node, Pod, StatefulSet, StatefulSetSpec } from "../schema/kubernetes.d.ts";
import { nodeOf } from "./daemonset/daemon-pod.ts";
import { daemonSetController } from "./daemonset-controller.ts";
import { isReady } from "./pod-state.ts";
import { maxUnavailable } from "./statefulset/rolling-update.ts";
import { statefulSetController } from "./statefulset-controller.ts";

type Step = { kind: "image"; image: string } | { kind: "start" | "end"; index: number };
const step: fc.Arbitrary<Step> = fc.oneof(
	fc.record({ kind: fc.constant("image" as const), image: fc.constantFrom("app:1", "app:2", "app:3") }),
	fc.record({ kind: fc.constantFrom("start" as const, "start" as const, "end" as const), index: fc.nat(30) }),
);

/** Pods that were ready before a step and are not after it were taken by the controller alone. */
function take(world: MemoryWorld, resource: string, action: Step): void {
	if (action.kind === "image") {
		world.edit<StatefulSet | DaemonSet>(resource, "app", ({ spec }) => void Object.assign(spec?.template.spec?.containers[0] ?? {}, { image: action.image }));
		return;
	}
	const candidates = pods(world).filter((pod) =>
		action.kind === "end" ? pod.metadata.deletionTimestamp : !pod.metadata.deletionTimestamp && !isReady(pod) && pod.spec?.nodeName,
	);
	const name = candidates[action.index % Math.max(1, candidates.length)]?.metadata.name;
	if (name === undefined) return;
	if (action.kind === "start") start(world, name);
	else world.remove("pods", name, { gracePeriodSeconds: 0 });
}

function bind(world: MemoryWorld): void {
	for (const pod of pods(world))
		if (!pod.spec?.nodeName)
			world.edit<Pod>("pods", pod.metadata.name ?? "", (draft) => void Object.assign(draft.spec ?? {}, { nodeName: nodeOf(draft) ?? "node-1" }));
	world.drain();
}

const serving = (world: MemoryWorld): number => pods(world).filter((pod) => isReady(pod) && !pod.metadata.deletionTimestamp).length;
const template = { metadata: { labels: { app: "app" } }, spec: { containers: [{ name: "main", image: "app:1" }] } };

it("a StatefulSet never has fewer serving than maxUnavailable allows, nor a pod under another name, and arrives", () => {
	const property = fc.property(
		fc.integer({ min: 1, max: 6 }),
		fc.constantFrom("OrderedReady", "Parallel"),
		fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom("25%", "50%", "100%")),
		fc.array(step, { maxLength: 50 }),
		(replicas, podManagementPolicy, unavailable, steps) => {
			const world = new MemoryWorld([statefulSetController]);
			const spec: StatefulSetSpec = {
				replicas,
				podManagementPolicy,
				selector: { matchLabels: { app: "app" } },
				template,
				updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: unavailable } },
			};
			world.create("apps/statefulsets", { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "app" }, spec } as StatefulSet);
			settle(world);
			const names = Array.from({ length: replicas }, (_, i) => `app-${i}`);
			for (const action of steps) {
				take(world, "apps/statefulsets", action);
				world.drain();
				bind(world);
				expect(serving(world)).toBeGreaterThanOrEqual(replicas - maxUnavailable(world.get<StatefulSet>("apps/statefulsets", "app") as StatefulSet));
				expect(names).toEqual(expect.arrayContaining(pods(world).map((pod) => pod.metadata.name)));
			}
			settle(world);
			const image = world.get<StatefulSet>("apps/statefulsets", "app")?.spec?.template.spec?.containers[0]?.image;
			expect(
				pods(world)
					.map((pod) => [pod.metadata.name, imageOf(pod)])
					.sort(),
			).toEqual(names.map((name) => [name, image]));
		},
	);
	fc.assert(property, { numRuns: 150 });
});

it("a DaemonSet never takes more than maxUnavailable away, nor adds more than maxSurge, and arrives", () => {
	const property = fc.property(
		fc.integer({ min: 1, max: 6 }),
		fc.integer({ min: 0, max: 3 }),
		fc.integer({ min: 1, max: 3 }),
		fc.array(step, { maxLength: 50 }),
		(nodes, maxSurge, unavailable, steps) => {
			const world = new MemoryWorld([daemonSetController({ knowsNodes: () => true })]);
			for (let i = 0; i < nodes; i++) world.place("nodes", { apiVersion: "v1", kind: "Node", metadata: { name: `n${i}` } } as Node);
			const rollingUpdate = maxSurge > 0 ? { maxSurge, maxUnavailable: 0 } : { maxSurge: 0, maxUnavailable: unavailable };
			const set = {
				apiVersion: "apps/v1",
				kind: "DaemonSet",
				metadata: { name: "app" },
				spec: { selector: { matchLabels: { app: "app" } }, template, updateStrategy: { type: "RollingUpdate", rollingUpdate } },
			};
			world.create("apps/daemonsets", set as DaemonSet);
			const run = (): void => {
				for (let i = 0; i < 4 * nodes + 4; i++) {
					world.drain();
					bind(world);
					kubelet(world, (pod) => Boolean(pod.spec?.nodeName));
				}
				world.drain();
			};
			run();
			for (const action of steps) {
				take(world, "apps/daemonsets", action);
				world.drain();
				bind(world);
				expect(serving(world)).toBeGreaterThanOrEqual(nodes - rollingUpdate.maxUnavailable);
				const staying = pods(world).filter((pod) => !pod.metadata.deletionTimestamp);
				expect(staying.length).toBeLessThanOrEqual(nodes + rollingUpdate.maxSurge);
			}
			run();
			const image = world.get<DaemonSet>("apps/daemonsets", "app")?.spec?.template.spec?.containers[0]?.image;
			expect(
				pods(world)
					.map((pod) => [nodeOf(pod), imageOf(pod)])
					.sort(),
			).toEqual(Array.from({ length: nodes }, (_, i) => [`n${i}`, image]));
		},
	);
	fc.assert(property, { numRuns: 100 });
});
