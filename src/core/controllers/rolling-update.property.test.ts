/** What never happens while a Deployment rolls, whatever comes in between. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { deployment, imageOf, pods, setImage, settle, start } from "../../../test/controllers/workloads.ts";
import type { Deployment, Pod } from "../schema/kubernetes.d.ts";
import { deploymentController } from "./deployment-controller.ts";
import { maxSurge, maxUnavailable } from "./deployment/replica-bounds.ts";
import { isActive, isReady } from "./pod-state.ts";
import { replicaSetController } from "./replicaset-controller.ts";

const DEPLOYMENTS = "apps/deployments";
type Step = { kind: "image"; image: string } | { kind: "start" | "end" | "run"; index: number } | { kind: "pause" };

const step: fc.Arbitrary<Step> = fc.oneof(
	fc.record({ kind: fc.constant("image" as const), image: fc.constantFrom("web:1", "web:2", "web:3") }),
	fc.record({ kind: fc.constantFrom("start" as const, "start" as const, "end" as const, "run" as const), index: fc.nat(30) }),
	fc.constant({ kind: "pause" as const }),
);
const bound = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom("0%", "25%", "50%", "100%"));

function take(world: MemoryWorld, action: Step): void {
	if (action.kind === "image") setImage(world, "web", action.image);
	else if (action.kind === "pause") togglePause(world);
	else actOnPod(world, action.kind, action.index);
}

function togglePause(world: MemoryWorld): void {
	world.edit<Deployment>(DEPLOYMENTS, "web", ({ spec }) => {
		if (spec) spec.paused = !spec.paused;
	});
}

function actOnPod(world: MemoryWorld, kind: "start" | "end" | "run", index: number): void {
	const candidates = pods(world).filter((pod) => (kind === "end" ? pod.metadata.deletionTimestamp : isActive(pod) && !isReady(pod)));
	const name = candidates[index % Math.max(1, candidates.length)]?.metadata.name;
	if (name === undefined) return;
	if (kind === "start") start(world, name);
	if (kind === "end") world.remove("pods", name, { gracePeriodSeconds: 0 });
	// It has a node, but is not ready yet: deleting it takes its time.
	if (kind === "run") world.edit<Pod>("pods", name, (pod) => void Object.assign(pod.spec ?? {}, { nodeName: "node-1" }));
}

it("keeps enough pods available, never makes too many, and arrives", () => {
	fc.assert(
		fc.property(
			fc.integer({ min: 1, max: 8 }),
			bound,
			bound,
			fc.array(step, { maxLength: 60 }),
			fc.integer({ min: 1 }),
			(replicas, surge, unavailable, steps, seed) => {
				const world = new MemoryWorld([deploymentController, replicaSetController], "default", seed);
				world.create(
					DEPLOYMENTS,
					deployment("web", { replicas, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } } }),
				);
				settle(world);
				for (const action of steps) {
					take(world, action);
					world.drain();
					const stored = world.get<Deployment>(DEPLOYMENTS, "web") as Deployment;
					const active = pods(world).filter(isActive);
					expect(active.filter(isReady).length).toBeGreaterThanOrEqual(replicas - maxUnavailable(stored));
					expect(active.length).toBeLessThanOrEqual(replicas + maxSurge(stored));
				}
				world.edit<Deployment>(DEPLOYMENTS, "web", ({ spec }) => {
					if (spec) spec.paused = false;
				});
				settle(world);
				const { spec, status } = world.get<Deployment>(DEPLOYMENTS, "web") as Deployment;
				expect(pods(world).map(imageOf)).toEqual(Array(replicas).fill(spec?.template.spec?.containers[0]?.image));
				expect(status).toMatchObject({ replicas, updatedReplicas: replicas, availableReplicas: replicas });
			},
		),
		{ numRuns: 150 },
	);
});

/** A paused Deployment only scales, and scales its newest ReplicaSet without waiting for the others' pods, as upstream's does. */
const unpausedStep = step.filter(({ kind }) => kind !== "pause");

it("runs no two versions at once under Recreate", () => {
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 5 }), fc.array(unpausedStep, { maxLength: 40 }), (replicas, steps) => {
			const world = new MemoryWorld([deploymentController, replicaSetController]);
			world.create(DEPLOYMENTS, deployment("web", { replicas, strategy: { type: "Recreate" } }));
			settle(world);
			for (const action of steps) {
				take(world, action);
				world.drain();
				expect(new Set(pods(world).map(imageOf)).size).toBeLessThanOrEqual(1);
			}
		}),
		{ numRuns: 100 },
	);
});
