import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { imageOf, kubelet, pods, settle, start } from "../../../test/controllers/workloads.ts";
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet, StatefulSetSpec } from "../schema/kubernetes.d.ts";
import { statefulSetController } from "./statefulset-controller.ts";

const SETS = "apps/statefulsets";
const REVISIONS = "apps/controllerrevisions";

function statefulSet(spec: Partial<StatefulSetSpec> = {}): StatefulSet {
	const template = { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "main", image: "db:1" }] } };
	return {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: { name: "db" },
		spec: {
			replicas: 3,
			serviceName: "db",
			podManagementPolicy: "OrderedReady",
			selector: { matchLabels: { app: "db" } },
			updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: 1 } },
			revisionHistoryLimit: 10,
			template,
			...spec,
		},
	};
}

function world(spec: Partial<StatefulSetSpec> = {}): MemoryWorld {
	const made = new MemoryWorld([statefulSetController]);
	made.create(SETS, statefulSet(spec));
	made.drain();
	return made;
}

const names = (w: MemoryWorld): string[] =>
	pods(w)
		.map(({ metadata }) => metadata.name ?? "")
		.sort();
const images = (w: MemoryWorld): Record<string, string> =>
	Object.fromEntries(
		pods(w)
			.map((pod) => [pod.metadata.name, imageOf(pod)])
			.sort(),
	);
const setSpec = (w: MemoryWorld, change: (spec: StatefulSetSpec) => void): void => {
	w.edit<StatefulSet>(SETS, "db", ({ spec }) => change(spec as StatefulSetSpec));
	w.drain();
};
const setImage = (w: MemoryWorld, image: string): void =>
	setSpec(w, ({ template }) => {
		if (template.spec?.containers[0]) template.spec.containers[0].image = image;
	});
const status = (w: MemoryWorld) => w.get<StatefulSet>(SETS, "db")?.status;
const end = (w: MemoryWorld, name: string): void => {
	w.remove("pods", name, { gracePeriodSeconds: 0 });
	w.drain();
};

describe("OrderedReady", () => {
	it("makes each pod when the one before is ready, and gives it its identity", () => {
		const w = world();
		expect(names(w)).toEqual(["db-0"]);
		start(w, "db-0");
		w.drain();
		expect(names(w)).toEqual(["db-0", "db-1"]);
		settle(w);
		expect(names(w)).toEqual(["db-0", "db-1", "db-2"]);
		const pod = w.get<Pod>("pods", "db-2") as Pod;
		expect(pod.spec).toMatchObject({ hostname: "db-2", subdomain: "db" });
		const revision = status(w)?.currentRevision ?? "";
		expect(pod.metadata.labels).toEqual({
			app: "db",
			"statefulset.kubernetes.io/pod-name": "db-2",
			"apps.kubernetes.io/pod-index": "2",
			"controller-revision-hash": revision,
		});
		expect(status(w)).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3, currentReplicas: 3, updatedReplicas: 3, updateRevision: revision });
	});

	it("takes the highest away first, one at a time", () => {
		const w = world();
		settle(w);
		setSpec(w, (spec) => void (spec.replicas = 1));
		expect(
			pods(w)
				.filter((pod) => pod.metadata.deletionTimestamp)
				.map((pod) => pod.metadata.name),
		).toEqual(["db-2"]);
		end(w, "db-2");
		expect(
			pods(w)
				.filter((pod) => pod.metadata.deletionTimestamp)
				.map((pod) => pod.metadata.name),
		).toEqual(["db-1"]);
		settle(w);
		expect(names(w)).toEqual(["db-0"]);
	});

	it("makes no second pod of an ordinal while the first is on its way out", () => {
		const w = world();
		settle(w);
		const old = w.get("pods", "db-1")?.metadata.uid;
		w.remove("pods", "db-1");
		w.drain();
		expect(w.get("pods", "db-1")?.metadata.uid).toBe(old);
		end(w, "db-1");
		expect(w.get("pods", "db-1")?.metadata.uid).not.toBe(old);
	});

	it("recreates a failed pod", () => {
		const w = world({ replicas: 1 });
		settle(w);
		const old = w.get("pods", "db-0")?.metadata.uid;
		w.edit<Pod>("pods", "db-0", (pod) => void (pod.status = { phase: "Failed" }));
		w.drain();
		expect(w.get("pods", "db-0")?.metadata.uid).not.toBe(old);
		expect(w.events.map(({ reason }) => reason)).toContain("RecreatingFailedPod");
	});

	it("gives way to a template put right after a broken one", () => {
		const w = world();
		settle(w);
		setImage(w, "db:broken");
		settle(w, (pod) => imageOf(pod) !== "db:broken");
		expect(images(w)).toEqual({ "db-0": "db:1", "db-1": "db:1", "db-2": "db:broken" });
		setImage(w, "db:1");
		settle(w, (pod) => imageOf(pod) !== "db:broken");
		expect(images(w)).toEqual({ "db-0": "db:1", "db-1": "db:1", "db-2": "db:1" });
	});

	it("says what holds it up when another's pod has its name", () => {
		const w = new MemoryWorld([statefulSetController]);
		w.create("pods", { apiVersion: "v1", kind: "Pod", metadata: { name: "db-0" } });
		w.create(SETS, statefulSet());
		w.drain();
		expect(w.events.map(({ message }) => message)).toContain('create Pod db-0 in StatefulSet db failed error: pods "db-0" already exists');
		w.remove("pods", "db-0");
		w.drain();
		expect(w.get("pods", "db-0")?.metadata.ownerReferences?.[0]?.name).toBe("db");
	});

	it("starts at spec.ordinals.start", () => {
		const w = world({ ordinals: { start: 5 }, replicas: 2 });
		settle(w);
		expect(names(w)).toEqual(["db-5", "db-6"]);
	});
});

describe("Parallel", () => {
	it("makes and takes away all at once", () => {
		const w = world({ podManagementPolicy: "Parallel" });
		expect(names(w)).toEqual(["db-0", "db-1", "db-2"]);
		settle(w);
		setSpec(w, (spec) => void (spec.replicas = 0));
		expect(pods(w).every((pod) => pod.metadata.deletionTimestamp)).toBe(true);
	});
});

describe("updates", () => {
	it("goes from the highest ordinal down, each when the one before is ready", () => {
		const w = world();
		settle(w);
		setImage(w, "db:2");
		kubelet(w, () => false);
		w.drain();
		expect(images(w)).toEqual({ "db-0": "db:1", "db-1": "db:1", "db-2": "db:2" });
		settle(w);
		expect(Object.values(images(w))).toEqual(["db:2", "db:2", "db:2"]);
		expect(status(w)?.currentRevision).toBe(status(w)?.updateRevision);
	});

	it("leaves the ordinals below the partition, also when they are made anew", () => {
		const w = world({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } });
		settle(w);
		setImage(w, "db:2");
		settle(w);
		expect(images(w)).toEqual({ "db-0": "db:1", "db-1": "db:1", "db-2": "db:2" });
		w.remove("pods", "db-0");
		settle(w);
		expect(images(w)).toEqual({ "db-0": "db:1", "db-1": "db:1", "db-2": "db:2" });
		expect(status(w)).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
	});

	it("takes maxUnavailable at a time", () => {
		const w = world({ replicas: 5, podManagementPolicy: "Parallel", updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "40%" } } });
		settle(w);
		setImage(w, "db:2");
		expect(
			pods(w)
				.filter((pod) => pod.metadata.deletionTimestamp)
				.map((pod) => pod.metadata.name)
				.sort(),
		).toEqual(["db-3", "db-4"]);
	});

	it("leaves pods alone under OnDelete until somebody deletes them", () => {
		const w = world({ updateStrategy: { type: "OnDelete" } });
		settle(w);
		setImage(w, "db:2");
		settle(w);
		expect(Object.values(images(w))).toEqual(["db:1", "db:1", "db:1"]);
		w.remove("pods", "db-1");
		settle(w);
		expect(images(w)["db-1"]).toBe("db:2");
	});

	it("keeps a revision of each template, goes back to an old one, and drops those beyond the limit", () => {
		const w = world({ replicas: 1, revisionHistoryLimit: 1 });
		settle(w);
		const [first] = w.list<ControllerRevision>(REVISIONS);
		expect(first?.data).toMatchObject({ spec: { template: { $patch: "replace", spec: { containers: [{ image: "db:1" }] } } } });
		for (const image of ["db:2", "db:1", "db:3", "db:4"]) {
			setImage(w, image);
			settle(w);
		}
		const kept = w.list<ControllerRevision>(REVISIONS).sort((a, b) => a.revision - b.revision);
		expect(kept.map(({ revision }) => revision)).toEqual([4, 5]);
	});
});

describe("volume claims", () => {
	const claims = {
		volumeClaimTemplates: [{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"] } }],
		replicas: 2,
	};
	const claimsIn = (w: MemoryWorld) => w.list<PersistentVolumeClaim>("persistentvolumeclaims");

	it("makes each pod's claims before it and keeps them", () => {
		const w = world(claims);
		settle(w);
		expect(claimsIn(w).map(({ metadata }) => [metadata.name, metadata.labels])).toEqual([
			["data-db-0", { app: "db" }],
			["data-db-1", { app: "db" }],
		]);
		expect(w.get<Pod>("pods", "db-1")?.spec?.volumes).toEqual([{ name: "data", persistentVolumeClaim: { claimName: "data-db-1" } }]);
		setSpec(w, (spec) => void (spec.replicas = 1));
		settle(w);
		expect(claimsIn(w).map(({ metadata }) => metadata.ownerReferences)).toEqual([undefined, undefined]);
	});

	it("gives them to the set, or to the pod that is scaled away, by the retention policy", () => {
		const w = world({ ...claims, persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Delete" } });
		settle(w);
		expect(claimsIn(w).map(({ metadata }) => metadata.ownerReferences?.[0]?.kind)).toEqual(["StatefulSet", "StatefulSet"]);
		setSpec(w, (spec) => void (spec.replicas = 1));
		expect(claimsIn(w).map(({ metadata }) => metadata.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`))).toEqual([["StatefulSet db"], ["Pod db-1"]]);
		end(w, "db-1");
		setSpec(w, (spec) => void (spec.replicas = 2));
		expect(names(w)).toEqual(["db-0"]);
		w.remove("persistentvolumeclaims", "data-db-1");
		w.drain();
		expect(names(w)).toEqual(["db-0", "db-1"]);
	});
});

it("counts a pod as available minReadySeconds after it became ready", () => {
	const w = world({ minReadySeconds: 10 });
	start(w, "db-0");
	w.drain();
	expect([names(w), status(w)?.availableReplicas]).toEqual([["db-0"], 0]);
	w.advance(10_000);
	expect([names(w), status(w)?.availableReplicas]).toEqual([["db-0", "db-1"], 1]);
});
