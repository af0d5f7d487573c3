import { describe, expect, it } from "vitest";
import { node, pod, type PodOptions } from "../../../test/controllers/clusters.ts";
import type { CSIDriver, CSINode, CSIStorageCapacity, PersistentVolume, PersistentVolumeClaim, StorageClass } from "../schema/kubernetes.d.ts";
import { Scheduler } from "./scheduler.ts";

const ZONE = "topology.kubernetes.io/zone";
const ROTA = "0/2 nodes are available: ";
const NOT_HELPFUL = " no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";

interface Storage {
	volumes?: PersistentVolume[];
	classes?: StorageClass[];
	csiNodes?: CSINode[];
	csiDrivers?: CSIDriver[];
	capacities?: CSIStorageCapacity[];
}

function world({ volumes = [], classes = [], csiNodes = [], csiDrivers = [], capacities = [] }: Storage = {}): Scheduler {
	const scheduler = new Scheduler({
		volume: (name) => volumes.find(({ metadata }) => metadata.name === name),
		volumesBy: ({ keys }, key) => volumes.filter((volume) => keys(volume).includes(key)),
		storageClass: (name) => classes.find(({ metadata }) => metadata.name === name),
		csiNode: (name) => csiNodes.find(({ metadata }) => metadata.name === name),
		csiDriver: (name) => csiDrivers.find(({ metadata }) => metadata.name === name),
		capacities: () => capacities,
	});
	for (const name of ["a", "b"]) scheduler.setNode(node(name, { labels: { [ZONE]: `z${name}` } }), 0);
	return scheduler;
}

const claim = (name: string, spec: PersistentVolumeClaim["spec"] = {}, phase = spec?.volumeName ? "Bound" : "Pending"): PersistentVolumeClaim => ({
	apiVersion: "v1",
	kind: "PersistentVolumeClaim",
	metadata: { name, namespace: "default", uid: `uid-${name}` },
	spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
	status: { phase },
});

const volume = (name: string, on: string | undefined, spec: PersistentVolume["spec"] = {}, labels = {}): PersistentVolume => ({
	apiVersion: "v1",
	kind: "PersistentVolume",
	metadata: { name, labels },
	spec: {
		capacity: { storage: "1Gi" },
		accessModes: ["ReadWriteOnce"],
		...(on ? { nodeAffinity: { required: { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [on] }] }] } } } : {}),
		...spec,
	},
	status: { phase: "Available" },
});

const storageClass = (name: string, more: Partial<StorageClass> = {}): StorageClass =>
	({
		apiVersion: "storage.k8s.io/v1",
		kind: "StorageClass",
		metadata: { name },
		provisioner: "example.com/disk",
		volumeBindingMode: "WaitForFirstConsumer",
		...more,
	}) as never;

const using = (...claims: string[]): PodOptions => ({
	spec: { volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) },
});

function place(scheduler: Scheduler, name: string, ...volumeClaims: PersistentVolumeClaim[]) {
	scheduler.ask({ pod: pod(name, using(...volumeClaims.map(({ metadata }) => metadata.name ?? ""))), volumeClaims });
	return scheduler.run({ nowMs: 0, random: () => 0 }, 10);
}

describe("volumes", () => {
	it("keeps a pod from all nodes while its claims are not there, or not bound", () => {
		const scheduler = world({ classes: [storageClass("now", { volumeBindingMode: "Immediate" })] });
		scheduler.ask({ pod: pod("p", using("data")) });
		expect(scheduler.run({ nowMs: 0, random: () => 0 }, 10).unplaced[0]?.message).toBe(`${ROTA}persistentvolumeclaim "data" not found.${NOT_HELPFUL}`);
		expect(place(scheduler, "q", claim("data", { storageClassName: "now" })).unplaced[0]?.message).toBe(
			`${ROTA}pod has unbound immediate PersistentVolumeClaims.${NOT_HELPFUL}`,
		);
		const ephemeral = pod("e", { spec: { volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate: { spec: {} } } }] } as never });
		scheduler.ask({ pod: ephemeral });
		expect(scheduler.run({ nowMs: 0, random: () => 0 }, 10).unplaced[0]?.message).toContain(
			'waiting for ephemeral volume controller to create the persistentvolumeclaim "e-scratch"',
		);
	});

	it("sends a pod where its volume is", () => {
		const scheduler = world({ volumes: [volume("v", "b"), volume("far", "c")] });
		expect(place(scheduler, "p", claim("data", { volumeName: "v" })).bindings).toMatchObject([{ node: "b" }]);
		expect(place(scheduler, "q", claim("data", { volumeName: "far" })).unplaced[0]?.message).toContain(
			"2 node(s) didn't match PersistentVolume's node affinity.",
		);
		expect(place(scheduler, "r", claim("data", { volumeName: "gone" })).unplaced[0]?.message).toContain(
			"2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).",
		);
	});

	it("chooses the node first where the class says so: keeps the place until the volume is there", () => {
		const scheduler = world({ classes: [storageClass("later", { allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE, values: ["zb"] }] }] })] });
		const waiting = place(scheduler, "p", claim("data", { storageClassName: "later" }));
		expect(waiting.bindings).toEqual([]);
		expect(waiting.volumeBindings).toMatchObject([{ pod: { name: "p" }, node: "b", claims: [{ name: "data", uid: "uid-data" }] }]);
		expect(scheduler.ledger.node("b")?.nominated.size).toBe(1);
	});

	it("takes a volume that is free and reaches the node, the smallest that will do", () => {
		const spec = { storageClassName: "local", capacity: { storage: "5Gi" } };
		const volumes = [
			volume("small", "a", { ...spec, capacity: { storage: "1Mi" } }),
			volume("big", "b", { ...spec, capacity: { storage: "9Gi" } }),
			volume("fits", "b", spec),
		];
		const scheduler = world({ volumes, classes: [storageClass("local", { provisioner: "kubernetes.io/no-provisioner" })] });
		const wanted = claim("data", { storageClassName: "local" });
		expect(place(scheduler, "p", wanted).volumeBindings).toMatchObject([{ node: "b", claims: [{ name: "data", volume: "fits" }] }]);
		expect(place(scheduler, "q", claim("other", { storageClassName: "local", accessModes: ["ReadWriteMany"] })).unplaced[0]?.message).toContain(
			"2 node(s) didn't find available persistent volumes to bind.",
		);
	});

	it("uses a volume in its zone", () => {
		const scheduler = world({ volumes: [volume("v", undefined, {}, { [ZONE]: "zb" }), volume("w", undefined, {}, { [ZONE]: "zc" })] });
		expect(place(scheduler, "p", claim("data", { volumeName: "v" })).bindings).toMatchObject([{ node: "b" }]);
		expect(place(scheduler, "q", claim("data", { volumeName: "w" })).unplaced[0]?.message).toContain("2 node(s) had no available volume zone.");
	});

	it("gives a claim of access mode ReadWriteOncePod to one pod", () => {
		const scheduler = world({ volumes: [volume("v", undefined)] });
		const only = claim("data", { volumeName: "v", accessModes: ["ReadWriteOncePod"] });
		const first = place(scheduler, "p", only);
		expect(first.bindings).toHaveLength(1);
		expect(place(scheduler, "q", only).unplaced[0]?.message).toContain(
			"2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
		);
		scheduler.release(first.bindings[0]?.ref.uid ?? "", 0);
		expect(scheduler.run({ nowMs: 0, random: () => 0 }, 10).bindings).toMatchObject([{ ref: { name: "q" } }]);
	});

	it("attaches no more volumes than the driver can", () => {
		const csi = (name: string) =>
			volume(name, "a", { csi: { driver: "example.com/disk", volumeHandle: name }, claimRef: { namespace: "default", name: `c-${name}` } });
		const csiNodes = [
			{
				apiVersion: "storage.k8s.io/v1",
				kind: "CSINode",
				metadata: { name: "a" },
				spec: { drivers: [{ name: "example.com/disk", nodeID: "a", allocatable: { count: 1 } }] },
			},
		];
		const scheduler = world({ volumes: [csi("v1"), csi("v2")], csiNodes });
		expect(place(scheduler, "p", claim("c-v1", { volumeName: "v1" })).bindings).toHaveLength(1);
		expect(place(scheduler, "same", claim("c-v1", { volumeName: "v1" })).bindings).toHaveLength(1);
		expect(place(scheduler, "q", claim("c-v2", { volumeName: "v2" })).unplaced[0]?.message).toContain("1 node(s) exceed max volume count");
	});

	it("goes where the driver has room, as far as it says", () => {
		const csiDrivers: CSIDriver[] = [
			{ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "example.com/disk" }, spec: { storageCapacity: true } },
		];
		const room = (zone: string, capacity: string, maximumVolumeSize?: string): CSIStorageCapacity => ({
			apiVersion: "storage.k8s.io/v1",
			kind: "CSIStorageCapacity",
			metadata: { name: zone, namespace: "drivers" },
			storageClassName: "later",
			nodeTopology: { matchLabels: { [ZONE]: zone } },
			capacity,
			...(maximumVolumeSize ? { maximumVolumeSize } : {}),
		});
		const capacities = [room("za", "10Gi", "512Mi"), room("zb", "10Gi")];
		const scheduler = world({ classes: [storageClass("later")], csiDrivers, capacities });
		const wanted = claim("data", { storageClassName: "later" });
		expect(place(scheduler, "p", wanted).volumeBindings).toMatchObject([{ node: "b" }]);
		capacities[1] = room("zb", "1Mi");
		expect(place(scheduler, "q", claim("other", { storageClassName: "later" })).unplaced[0]?.message).toContain("2 node(s) did not have enough free storage.");
	});

	it("tries again when a volume comes that may help", () => {
		const volumes: PersistentVolume[] = [];
		const scheduler = world({ volumes, classes: [storageClass("local", { provisioner: "kubernetes.io/no-provisioner" })] });
		place(scheduler, "p", claim("data", { storageClassName: "local" }));
		volumes.push(volume("v", "a", { storageClassName: "local" }));
		scheduler.happened({ type: "objectChanged", resource: "persistentvolumes" }, 0);
		expect(scheduler.run({ nowMs: 0, random: () => 0 }, 10).volumeBindings).toMatchObject([{ node: "a" }]);
	});
});
