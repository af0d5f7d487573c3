import { describe, expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import type { CSIDriver, Node, PersistentVolume, PersistentVolumeClaim, VolumeAttachment } from "../schema/kubernetes.d.ts";
import type { Placement } from "../scheduler/scheduling-pod.ts";
import { ATTACHMENTS } from "../volumes/attachments.ts";
import { ATTACH_DETACH, attachDetachController, UNMOUNT_WAIT_MS } from "./attachdetach-controller.ts";
import { CLAIMS } from "./cluster-replica-controller.ts";
import { VOLUMES } from "./persistentvolume/sync-volume.ts";

const DRIVER = "sample.example.com";
const UNIQUE = `kubernetes.io/csi/${DRIVER}^handle`;
const hex = (text: string): string => Buffer.from(text).toString("hex").padEnd(64, "0").slice(-64);

class Storage {
	readonly placements: Placement[] = [];
	readonly world: MemoryWorld;

	constructor(options: { accessModes?: string[]; driver?: Partial<CSIDriver["spec"]> } = {}) {
		this.world = new MemoryWorld([attachDetachController({ placements: () => this.placements, digest: hex })], "");
		for (const name of ["n1", "n2"]) this.world.place("nodes", node(name));
		const { accessModes = ["ReadWriteOnce"], driver = {} } = options;
		const metadata = { name: DRIVER };
		this.world.place("storage.k8s.io/csidrivers", { apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata, spec: driver } as CSIDriver);
		const claim: PersistentVolumeClaim = {
			apiVersion: "v1",
			kind: "PersistentVolumeClaim",
			metadata: { name: "data", namespace: "default", uid: "claim" },
			spec: { volumeName: "pv" } as never,
			status: { phase: "Bound" },
		};
		this.world.place(CLAIMS, claim, "default/data");
		const volume: PersistentVolume = {
			apiVersion: "v1",
			kind: "PersistentVolume",
			metadata: { name: "pv" },
			spec: { accessModes, csi: { driver: DRIVER, volumeHandle: "handle" }, claimRef: { namespace: "default", name: "data", uid: "claim" } },
		};
		this.world.place(VOLUMES, volume);
	}

	pod(name: string, on: string): void {
		const ref = { namespace: "default", name, uid: `uid-${name}` };
		this.placements.push({ ref, node: on, pod: { claims: ["data"] } as Placement["pod"] });
		this.look(on);
	}
	gone(name: string): void {
		const [{ node: on }] = this.placements.splice(
			this.placements.findIndex(({ ref }) => ref.name === name),
			1,
		) as [Placement];
		this.look(on);
	}
	look(on: string): void {
		this.world.enqueue(ATTACH_DETACH, on);
		this.world.drain();
	}
	attachments(): VolumeAttachment[] {
		return this.world.list<VolumeAttachment>(ATTACHMENTS);
	}
	/** What the external-attacher writes. */
	attacher(status: VolumeAttachment["status"]): void {
		const [{ metadata }] = this.attachments() as [VolumeAttachment];
		this.world.edit<VolumeAttachment>(ATTACHMENTS, metadata.name ?? "", (draft) => {
			draft.status = status;
		});
		this.world.drain();
	}
	node(name: string, change: (draft: Node) => void): void {
		this.world.edit<Node>("nodes", name, change);
		this.world.drain();
	}
	inUse(name: string, volumes: string[]): void {
		this.node(name, (draft) => {
			draft.status = { ...draft.status, volumesInUse: volumes };
		});
	}
	ready(name: string, status: string): void {
		this.node(name, (draft) => {
			draft.status = { ...draft.status, conditions: [{ type: "Ready", status }] };
		});
	}
	get told(): string[] {
		return this.world.events.map(({ about, eventType, reason, message }) => `${about.metadata.name} ${eventType} ${reason}: ${message}`);
	}
}

const node = (name: string): Node => ({
	apiVersion: "v1",
	kind: "Node",
	metadata: { name },
	spec: {},
	status: { conditions: [{ type: "Ready", status: "True" }] },
});

const attached = { attached: true };

describe("attaching", () => {
	it("makes an attachment for the node of a pod, says when it is there, and writes it on the node", () => {
		const s = new Storage();
		s.pod("web", "n1");
		expect(s.attachments()).toMatchObject([
			{ metadata: { name: `csi-${hex(`handle${DRIVER}n1`)}` }, spec: { attacher: DRIVER, nodeName: "n1", source: { persistentVolumeName: "pv" } } },
		]);
		s.attacher(attached);
		expect(s.told).toEqual(['web Normal SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "pv" ']);
		expect(s.world.get<Node>("nodes", "n1")?.status?.volumesAttached).toEqual([{ name: UNIQUE, devicePath: "" }]);
		s.pod("other", "n1");
		expect(s.attachments()).toHaveLength(1);
		expect(s.told).toHaveLength(1);
	});

	it("says what the attacher could not do, once for each try", () => {
		const s = new Storage();
		s.pod("web", "n1");
		const attachError = { time: "2026-01-01T00:00:00Z", message: "no such disk" };
		s.attacher({ attached: false, attachError });
		s.look("n1");
		expect(s.told).toEqual(['web Warning FailedAttachVolume: AttachVolume.Attach failed for volume "pv" : no such disk']);
		s.attacher({ attached: false, attachError: { ...attachError, time: "2026-01-01T00:01:00Z" } });
		expect(s.told).toHaveLength(2);
	});

	it("does nothing for a driver that attaches nothing, nor for a claim that is not bound", () => {
		const s = new Storage({ driver: { attachRequired: false } });
		s.pod("web", "n1");
		expect(s.attachments()).toEqual([]);
		const unbound = new Storage();
		unbound.world.place(
			CLAIMS,
			{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, status: { phase: "Pending" } } as never,
			"default/data",
		);
		unbound.pod("web", "n1");
		expect(unbound.attachments()).toEqual([]);
	});

	it("gives a volume that one node may have to the next when the first has lost it", () => {
		const s = new Storage();
		s.pod("first", "n1");
		s.attacher(attached);
		s.pod("second", "n2");
		expect(s.told.at(-1)).toBe(
			'second Warning FailedAttachVolume: Multi-Attach error for volume "pv" Volume is already exclusively attached to one node and can\'t be attached to another',
		);
		s.gone("first");
		expect(s.attachments().map(({ spec }) => spec.nodeName)).toEqual(["n2"]);
	});

	it("gives a volume that many may have to all", () => {
		const s = new Storage({ accessModes: ["ReadWriteMany"] });
		s.pod("first", "n1");
		s.pod("second", "n2");
		expect(s.attachments().map(({ spec }) => spec.nodeName)).toEqual(["n1", "n2"]);
	});
});

describe("detaching", () => {
	function used(): Storage {
		const s = new Storage();
		s.pod("web", "n1");
		s.attacher(attached);
		s.inUse("n1", [UNIQUE]);
		s.gone("web");
		return s;
	}

	it("waits until the node has let the volume go, however long a healthy one takes", () => {
		const s = used();
		s.world.advance(10 * UNMOUNT_WAIT_MS);
		expect(s.attachments()).toHaveLength(1);
		s.inUse("n1", []);
		expect(s.attachments()).toEqual([]);
		expect(s.world.get<Node>("nodes", "n1")?.status?.volumesAttached).toEqual([]);
	});

	it("waits six minutes for a node that is not ready, and then no longer", () => {
		const s = used();
		s.ready("n1", "Unknown");
		s.world.advance(UNMOUNT_WAIT_MS - 1_000);
		expect(s.attachments()).toHaveLength(1);
		s.world.advance(2_000);
		expect(s.attachments()).toEqual([]);
	});

	it("does not wait for a node that is out of service", () => {
		const s = used();
		s.node("n1", (draft) => {
			draft.spec = { taints: [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }] };
		});
		expect(s.attachments()).toEqual([]);
	});

	it("keeps the attachment of a volume that another pod wants by then, and those that others made", () => {
		const s = used();
		s.pod("next", "n1");
		s.inUse("n1", []);
		expect(s.attachments()).toHaveLength(1);
		const foreign: VolumeAttachment = {
			apiVersion: "storage.k8s.io/v1",
			kind: "VolumeAttachment",
			metadata: { name: "by-hand" },
			spec: { attacher: DRIVER, nodeName: "n1", source: { persistentVolumeName: "pv" } },
		};
		s.world.create(ATTACHMENTS, foreign);
		s.gone("next");
		expect(s.attachments().map(({ metadata }) => metadata.name)).toEqual(["by-hand"]);
	});

	it("leaves one that is going alone, and attaches again when it has gone", () => {
		const s = new Storage();
		s.pod("web", "n1");
		const [{ metadata }] = s.attachments() as [VolumeAttachment];
		s.world.edit<VolumeAttachment>(ATTACHMENTS, metadata.name ?? "", (draft) => {
			draft.metadata.finalizers = ["external-attacher/sample"];
		});
		s.gone("web");
		expect(s.attachments()[0]?.metadata.deletionTimestamp).toBeDefined();
		s.pod("web", "n1");
		s.world.edit<VolumeAttachment>(ATTACHMENTS, metadata.name ?? "", (draft) => {
			draft.metadata.finalizers = [];
		});
		s.world.drain();
		expect(s.attachments()[0]?.metadata.deletionTimestamp).toBeUndefined();
	});
});
