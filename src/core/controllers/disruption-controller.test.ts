import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { deployment, pods, settle } from "../../../test/controllers/workloads.ts";
import { builtinKinds } from "../kinds/registry.ts";
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetSpec } from "../schema/kubernetes.d.ts";
import { deploymentController } from "./deployment-controller.ts";
import { BUDGETS, DELETION_TIMEOUT_MS, disruptionController } from "./disruption-controller.ts";
import { metaTime } from "./meta-time.ts";
import { replicaSetController } from "./replicaset-controller.ts";
import { staleDisruptionController } from "./stale-disruption-controller.ts";

const selector = { matchLabels: { app: "web" } };

function budget(spec: Partial<PodDisruptionBudgetSpec>): PodDisruptionBudget {
	return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "web" }, spec: { selector, ...spec } };
}

function world(spec: Partial<PodDisruptionBudgetSpec>, replicas = 4): MemoryWorld {
	const made = new MemoryWorld([deploymentController, replicaSetController, disruptionController({ registry: builtinKinds }), staleDisruptionController]);
	if (replicas > 0) made.create("apps/deployments", deployment("web", { replicas }));
	made.create(BUDGETS, budget(spec));
	settle(made);
	return made;
}

const status = (w: MemoryWorld) => w.get<PodDisruptionBudget>(BUDGETS, "web")?.status;
const counts = (w: MemoryWorld) => {
	const { expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed } = status(w) ?? {};
	return [expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed];
};
const condition = (w: MemoryWorld) => status(w)?.conditions?.map(({ type, status, reason }) => `${type}=${status}:${reason}`);

describe("what a budget asks for", () => {
	it.each([
		[{ minAvailable: 3 }, [4, 3, 4, 1]],
		[{ minAvailable: "60%" }, [4, 3, 4, 1]],
		[{ minAvailable: "100%" }, [4, 4, 4, 0]],
		[{ maxUnavailable: 1 }, [4, 3, 4, 1]],
		[{ maxUnavailable: "30%" }, [4, 2, 4, 2]],
		[{ maxUnavailable: 9 }, [4, 0, 4, 4]],
		[{}, [0, 0, 4, 0]],
	] as [Partial<PodDisruptionBudgetSpec>, number[]][])("%j", (spec, expected) => {
		expect(counts(world(spec))).toEqual(expected);
	});

	it("says by its condition whether it allows any", () => {
		expect(condition(world({ minAvailable: 3 }))).toEqual(["DisruptionAllowed=True:SufficientPods"]);
		const tight = world({ minAvailable: 4 });
		expect(condition(tight)).toEqual(["DisruptionAllowed=False:InsufficientPods"]);
		tight.edit<PodDisruptionBudget>(BUDGETS, "web", ({ spec }) => Object.assign(spec ?? {}, { minAvailable: 2 }));
		tight.drain();
		expect([condition(tight), status(tight)?.observedGeneration, status(tight)?.conditions?.[0]?.observedGeneration]).toEqual([
			["DisruptionAllowed=True:SufficientPods"],
			2,
			2,
		]);
	});

	it("counts neither pods on their way out nor unready ones", () => {
		const w = world({ minAvailable: 1 });
		w.remove("pods", pods(w)[0]?.metadata.name ?? "");
		w.drain();
		expect(counts(w)).toEqual([5, 1, 3, 2]);
	});

	it("allows nothing where no pod is, and says so once", () => {
		const w = world({ minAvailable: 0 }, 0);
		expect([counts(w), w.events.map(({ message }) => message)]).toEqual([[0, 0, 0, 0], ["No matching pods found"]]);
	});
});

describe("owners without a scale", () => {
	const bare = (name: string, owner?: string): Pod => ({
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name,
			labels: { app: "web" },
			...(owner ? { ownerReferences: [{ apiVersion: "batch/v1", kind: owner, name: "j", uid: "uid-j", controller: true }] } : {}),
		},
		spec: { containers: [{ name: "main", image: "web:1" }] },
	});

	it("fails safe, with the reason in condition and Event", () => {
		const w = world({ maxUnavailable: 1 }, 0);
		w.create("pods", bare("one", "Job"));
		w.drain();
		expect(condition(w)).toEqual(["DisruptionAllowed=False:SyncFailed"]);
		expect(status(w)?.conditions?.[0]?.message).toBe("jobs.batch does not implement the scale subresource");
		const failed = w.events.filter(({ reason }) => reason === "CalculateExpectedPodCountFailed");
		expect(failed.map(({ message }) => message)).toEqual([
			"Failed to calculate the number of expected pods: jobs.batch does not implement the scale subresource",
		]);
	});

	it("cannot count pods that nobody controls, except against a number", () => {
		const w = world({ maxUnavailable: 1 }, 0);
		w.create("pods", bare("one"));
		w.drain();
		expect(counts(w)).toEqual([0, 0, 0, 0]);
		w.edit<PodDisruptionBudget>(BUDGETS, "web", (draft) => {
			draft.spec = { selector, minAvailable: 0 };
		});
		settle(w);
		expect(counts(w)).toEqual([1, 0, 1, 1]);
	});
});

describe("evicted pods", () => {
	it("count no more until they are gone, or for two minutes", () => {
		const w = world({ minAvailable: 2 });
		const name = pods(w)[0]?.metadata.name ?? "";
		w.edit<PodDisruptionBudget>(BUDGETS, "web", (draft) => Object.assign(draft.status ?? {}, { disruptedPods: { [name]: metaTime(w.nowMs) } }));
		w.drain();
		expect([counts(w), Object.keys(status(w)?.disruptedPods ?? {})]).toEqual([[4, 2, 3, 1], [name]]);
		w.advance(DELETION_TIMEOUT_MS + 1_000);
		expect([counts(w), status(w)?.disruptedPods]).toEqual([[4, 2, 4, 2], undefined]);
		expect(w.events.filter(({ reason }) => reason === "NotDeleted").map(({ message }) => message)).toEqual([
			"Pod was expected by PDB default/web to be deleted but it wasn't",
		]);
	});

	it("lose the mark of a disruption that did not come", () => {
		const w = world({ minAvailable: 2 });
		const name = pods(w)[0]?.metadata.name ?? "";
		w.edit<Pod>("pods", name, ({ status }) =>
			status?.conditions?.push({ type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", lastTransitionTime: metaTime(w.nowMs) }),
		);
		w.drain();
		const mark = () => w.get<Pod>("pods", name)?.status?.conditions?.find(({ type }) => type === "DisruptionTarget")?.status;
		w.advance(119_000);
		expect(mark()).toBe("True");
		w.advance(2_000);
		expect(mark()).toBe("False");
	});
});
