import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { deployment, imageOf, pods, replicaSets, setImage, settle, start } from "../../../test/controllers/workloads.ts";
import type { Deployment, Pod, ReplicaSet } from "../schema/kubernetes.d.ts";
import { deploymentController } from "./deployment-controller.ts";
import { replicaSetController } from "./replicaset-controller.ts";

const world = (): MemoryWorld => new MemoryWorld([deploymentController, replicaSetController]);
const DEPLOYMENTS = "apps/deployments";
const stored = (w: MemoryWorld, name = "web"): Deployment => w.get<Deployment>(DEPLOYMENTS, name) as Deployment;
const condition = (w: MemoryWorld, type: string) => stored(w).status?.conditions?.find((c) => c.type === type);
const setOf = (w: MemoryWorld, image: string): ReplicaSet => replicaSets(w).find((rs) => rs.spec?.template?.spec?.containers[0]?.image === image) as ReplicaSet;
const revision = (object: { metadata: { annotations?: Record<string, string> } }) => object.metadata.annotations?.["deployment.kubernetes.io/revision"];

function running(spec = {}): MemoryWorld {
	const w = world();
	w.create(DEPLOYMENTS, deployment("web", spec));
	settle(w);
	return w;
}

describe("a new Deployment", () => {
	it("creates one ReplicaSet with the pod-template-hash in name, labels, selector and template", () => {
		const w = world();
		w.create(DEPLOYMENTS, deployment("web"));
		w.drain();
		const [rs] = replicaSets(w);
		const hash = rs?.metadata.labels?.["pod-template-hash"];
		expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]+$/);
		expect(rs?.metadata.name).toBe(`web-${hash}`);
		expect(rs?.spec?.selector.matchLabels).toEqual({ app: "web", "pod-template-hash": hash });
		expect(rs?.spec?.template?.metadata?.labels).toEqual({ app: "web", "pod-template-hash": hash });
		expect(rs?.metadata.annotations).toEqual({
			"deployment.kubernetes.io/desired-replicas": "3",
			"deployment.kubernetes.io/max-replicas": "4",
			"deployment.kubernetes.io/revision": "1",
		});
		expect(w.events.map((e) => e.message)).toContain(`Scaled up replica set web-${hash} from 0 to 3`);
		expect(condition(w, "Progressing")).toMatchObject({ status: "True", reason: "ReplicaSetUpdated", message: `ReplicaSet "web-${hash}" is progressing.` });
		expect(condition(w, "Available")).toMatchObject({ status: "False", reason: "MinimumReplicasUnavailable" });
		expect(pods(w)).toHaveLength(3);
	});

	it("is complete when its pods are ready", () => {
		const w = running();
		expect(stored(w).status).toMatchObject({ observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 });
		expect(stored(w).status?.unavailableReplicas).toBeUndefined();
		expect(condition(w, "Progressing")).toMatchObject({ status: "True", reason: "NewReplicaSetAvailable" });
		expect(condition(w, "Available")).toMatchObject({ status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." });
		expect(revision(stored(w))).toBe("1");
	});

	it("leaves a name that another ReplicaSet has", () => {
		const w = world();
		w.create(DEPLOYMENTS, deployment("web"));
		w.drain();
		const name = replicaSets(w)[0]?.metadata.name ?? "";
		const other = world();
		other.create("apps/replicasets", {
			apiVersion: "apps/v1",
			kind: "ReplicaSet",
			metadata: { name },
			spec: { replicas: 0, selector: { matchLabels: { app: "x" } } },
		} as ReplicaSet);
		other.create(DEPLOYMENTS, deployment("web"));
		settle(other);
		expect(stored(other).status).toMatchObject({ collisionCount: 1, availableReplicas: 3 });
	});
});

describe("a rolling update", () => {
	it("replaces all pods and keeps the old ReplicaSet at 0", () => {
		const w = running();
		setImage(w, "web", "web:2");
		settle(w);
		expect(pods(w).map(imageOf)).toEqual(["web:2", "web:2", "web:2"]);
		expect(setOf(w, "web:1").spec?.replicas).toBe(0);
		expect(revision(setOf(w, "web:2"))).toBe("2");
		expect(revision(stored(w))).toBe("2");
		expect(stored(w).status).toMatchObject({ observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3 });
	});

	it("stops at the surge when new pods do not start, and gives up after the deadline", () => {
		const w = running();
		setImage(w, "web", "web:bad");
		settle(w, (pod) => imageOf(pod) !== "web:bad");
		expect(setOf(w, "web:1").spec?.replicas).toBe(3);
		expect(setOf(w, "web:bad").spec?.replicas).toBe(1);
		w.advance(601_000);
		expect(condition(w, "Progressing")).toMatchObject({ status: "False", reason: "ProgressDeadlineExceeded" });
		expect(condition(w, "Available")?.status).toBe("True");
	});

	it("goes back to an older template under a new revision and remembers the old one", () => {
		const w = running();
		setImage(w, "web", "web:2");
		settle(w);
		setImage(w, "web", "web:1");
		settle(w);
		expect(replicaSets(w)).toHaveLength(2);
		expect(revision(setOf(w, "web:1"))).toBe("3");
		expect(setOf(w, "web:1").metadata.annotations?.["deployment.kubernetes.io/revision-history"]).toBe("1");
		expect(pods(w).map(imageOf)).toEqual(["web:1", "web:1", "web:1"]);
	});

	it("keeps no more old ReplicaSets than the history limit", () => {
		const w = running({ revisionHistoryLimit: 2 });
		for (const image of ["web:2", "web:3", "web:4", "web:5"]) {
			setImage(w, "web", image);
			settle(w);
		}
		expect(replicaSets(w).map((rs) => rs.spec?.template?.spec?.containers[0]?.image)).toEqual(["web:3", "web:4", "web:5"]);
	});

	it("waits minReadySeconds before it takes old pods away", () => {
		const w = running({ minReadySeconds: 10, replicas: 1 });
		w.advance(10_000);
		expect(stored(w).status?.availableReplicas).toBe(1);
		setImage(w, "web", "web:2");
		settle(w);
		expect(pods(w).map(imageOf).sort()).toEqual(["web:1", "web:2"]);
		w.advance(10_000);
		settle(w);
		expect(pods(w).map(imageOf)).toEqual(["web:2"]);
	});
});

describe("pause and resume", () => {
	it("neither rolls while paused nor counts the pause against the deadline", () => {
		const w = running();
		w.edit<Deployment>(DEPLOYMENTS, "web", ({ spec }) => {
			if (spec) spec.paused = true;
		});
		setImage(w, "web", "web:2");
		settle(w);
		w.advance(3_600_000);
		expect(pods(w).map(imageOf)).toEqual(["web:1", "web:1", "web:1"]);
		expect(condition(w, "Progressing")).toMatchObject({ status: "Unknown", reason: "DeploymentPaused", message: "Deployment is paused" });
		w.edit<Deployment>(DEPLOYMENTS, "web", ({ spec }) => {
			if (spec) delete spec.paused;
		});
		settle(w);
		expect(pods(w).map(imageOf)).toEqual(["web:2", "web:2", "web:2"]);
	});
});

describe("scaling", () => {
	const scaleTo = (w: MemoryWorld, replicas: number) =>
		w.edit<Deployment>(DEPLOYMENTS, "web", ({ spec }) => {
			if (spec) spec.replicas = replicas;
		});

	it("scales the one ReplicaSet", () => {
		const w = running();
		scaleTo(w, 5);
		settle(w);
		expect(stored(w).status).toMatchObject({ replicas: 5, availableReplicas: 5 });
		scaleTo(w, 0);
		settle(w);
		expect(pods(w)).toEqual([]);
		expect(stored(w).status?.replicas).toBeUndefined();
	});

	it("shares out the change over the ReplicaSets of a rollout that stands", () => {
		const w = running({ replicas: 10, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } });
		setImage(w, "web", "web:bad");
		settle(w, (pod) => imageOf(pod) !== "web:bad");
		expect([setOf(w, "web:1").spec?.replicas, setOf(w, "web:bad").spec?.replicas]).toEqual([8, 5]);
		scaleTo(w, 15);
		settle(w, (pod) => imageOf(pod) !== "web:bad");
		// The case of the Kubernetes documentation: 5 more, 3 to the larger and 2 to the smaller.
		expect([setOf(w, "web:1").spec?.replicas, setOf(w, "web:bad").spec?.replicas]).toEqual([11, 7]);
	});
});

describe("Recreate", () => {
	it("starts no new pod while an old one still runs", () => {
		const w = running({ strategy: { type: "Recreate" } });
		setImage(w, "web", "web:2");
		w.drain();
		expect(pods(w).every((pod) => pod.metadata.deletionTimestamp && imageOf(pod) === "web:1")).toBe(true);
		for (const pod of pods(w).slice(0, 2)) w.remove("pods", pod.metadata.name ?? "", { gracePeriodSeconds: 0 });
		w.drain();
		expect(pods(w)).toHaveLength(1);
		settle(w);
		expect(pods(w).map(imageOf)).toEqual(["web:2", "web:2", "web:2"]);
		expect(condition(w, "Progressing")?.reason).toBe("NewReplicaSetAvailable");
	});
});

describe("ownership", () => {
	it("adopts a ReplicaSet that it selects and whose template it has", () => {
		const w = world();
		const spec = { replicas: 3, selector: { matchLabels: { app: "web" } }, template: deployment("web").spec?.template };
		w.create("apps/replicasets", { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "old", labels: { app: "web" } }, spec } as ReplicaSet);
		w.create(DEPLOYMENTS, deployment("web"));
		settle(w);
		expect(replicaSets(w).map((rs) => rs.metadata.name)).toEqual(["old"]);
		expect(replicaSets(w)[0]?.metadata.ownerReferences?.[0]).toMatchObject({ kind: "Deployment", name: "web", controller: true });
	});

	it("refuses to select everything", () => {
		const w = world();
		w.create(DEPLOYMENTS, deployment("web", { selector: {} }));
		settle(w);
		expect(replicaSets(w)).toEqual([]);
		expect(w.events.map((e) => e.reason)).toEqual(["SelectingAll"]);
	});
});

it("replaces a pod that fails", () => {
	const w = running();
	const name = pods(w)[0]?.metadata.name ?? "";
	w.edit<Pod>("pods", name, (pod) => {
		pod.status = { phase: "Failed" };
	});
	w.drain();
	const waiting = pods(w).filter((pod) => !pod.status);
	expect(waiting).toHaveLength(1);
	start(w, waiting[0]?.metadata.name ?? "");
	w.drain();
	expect(stored(w).status?.availableReplicas).toBe(3);
});
