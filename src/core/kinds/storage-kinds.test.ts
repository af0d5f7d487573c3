import { describe, expect, it } from "vitest";
import { CONTEXT, cells, created, kindNamed, refusals, updateRefusals } from "../../../test/support/judged.ts";
import { fieldErrorText } from "../errors/field-error.ts";
import type { CSIDriver, PersistentVolume, PersistentVolumeClaim, StorageClass } from "../schema/kubernetes.d.ts";

const volume = (more: object) => ({ spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" }, ...more } });
const claim = (more: object) => ({ spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...more } });

describe("a PersistentVolume", () => {
	it("waits for the binder from its first moment", () => {
		const made = created<PersistentVolume>("PersistentVolume", volume({}));
		expect(made.status).toEqual({ phase: "Pending", lastPhaseTransitionTime: "2026-01-01T00:00:00Z" });
		expect(made.spec).toMatchObject({ persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem", hostPath: { path: "/x", type: "" } });
	});

	it.each<[object, string[]]>([
		[{}, []],
		[{ accessModes: [] }, ["spec.accessModes: Required value"]],
		[
			{ accessModes: ["Sometimes"] },
			['spec.accessModes: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'],
		],
		[{ accessModes: ["ReadWriteOncePod", "ReadWriteOnce"] }, ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"]],
		[{ capacity: { storage: "0" } }, ['spec.capacity[storage]: Invalid value: "0": must be greater than zero']],
		[{ hostPath: undefined }, ["spec: Required value: must specify a volume type"]],
		[{ nfs: { server: "s", path: "/" } }, ["spec.nfs: Forbidden: may not specify more than 1 volume type"]],
		[{ hostPath: undefined, local: { path: "/x" } }, ["spec.nodeAffinity: Required value: Local volume requires node affinity"]],
		[{ volumeAttributesClassName: "gold" }, ["spec.csi: Required value: has to be specified when using volumeAttributesClassName"]],
		[
			{ hostPath: { path: "/" }, persistentVolumeReclaimPolicy: "Recycle" },
			["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
		],
		[{ hostPath: undefined, csi: { driver: "d.io" } }, ["spec.csi.volumeHandle: Required value"]],
	])("with %j", (more, errors) => expect(refusals("PersistentVolume", volume(more))).toEqual(errors));

	it("keeps its source and warns of old ones", () => {
		const [error] = updateRefusals("PersistentVolume", volume({}), volume({ hostPath: { path: "/y" } }));
		expect(error).toBe(
			'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n- spec.hostPath.path: "/x"\n+ spec.hostPath.path: "/y"\n',
		);
		const old = created<PersistentVolume>("PersistentVolume", volume({ hostPath: undefined, cephfs: { monitors: ["m"] }, capacity: { storage: "100m" } }));
		expect(kindNamed("PersistentVolume").warnings?.(old, undefined)).toEqual([
			"spec.cephfs: deprecated in v1.28, non-functional in v1.31+",
			'spec.capacity[storage]: fractional byte value "100m" is invalid, must be an integer',
		]);
	});

	it("shows its claim and its modes", () => {
		const made = created<PersistentVolume>(
			"PersistentVolume",
			volume({ claimRef: { namespace: "n", name: "c" }, accessModes: ["ReadWriteMany", "ReadWriteOnce"] }),
		);
		expect(cells("PersistentVolume", made)).toMatchObject({ Capacity: "1Gi", "Access Modes": "RWO,RWX", Claim: "n/c", VolumeAttributesClass: "<unset>" });
	});
});

describe("a PersistentVolumeClaim", () => {
	it("names its source in both fields", () => {
		const source = { kind: "PersistentVolumeClaim", name: "other" };
		const made = created<PersistentVolumeClaim>("PersistentVolumeClaim", claim({ dataSource: source }));
		expect(made.spec?.dataSourceRef).toMatchObject(source);
		const strange = { apiGroup: "x.io", kind: "Thing", name: "t" };
		expect(created<PersistentVolumeClaim>("PersistentVolumeClaim", claim({ dataSource: strange })).spec?.dataSource).toBeUndefined();
	});

	it.each<[object, string[]]>([
		[{}, []],
		[{ accessModes: [] }, ["spec.accessModes: Required value: at least 1 access mode is required"]],
		[{ resources: {} }, ["spec.resources[storage]: Required value"]],
		[
			{ dataSourceRef: { kind: "Pod", name: "a" } },
			["spec.dataSourceRef: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup"],
		],
	])("with %j", (more, errors) => expect(refusals("PersistentVolumeClaim", claim(more))).toEqual(errors));

	it("grows when it is bound, and shrinks to nothing below what it has", () => {
		const kind = kindNamed("PersistentVolumeClaim");
		const size = (storage: string) => {
			const made = created<PersistentVolumeClaim>("PersistentVolumeClaim", claim({ resources: { requests: { storage } }, volumeName: "v" }));
			made.status = { phase: "Bound", capacity: { storage: "2Gi" } };
			return made;
		};
		const update = (next: string) => (kind.validateUpdate?.(size(next), size("4Gi")) ?? []).map(fieldErrorText);
		expect(update("8Gi")).toEqual([]);
		expect(update("3Gi")).toEqual([]);
		expect(update("1Gi")).toEqual(["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"]);
	});
});

describe("what is said about storage", () => {
	it("by a StorageClass has upstream's defaults, stays, and shows the default one", () => {
		const made = created<StorageClass>("StorageClass", {
			provisioner: "p",
			metadata: { name: "a", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
		});
		expect(made).toMatchObject({ reclaimPolicy: "Delete", volumeBindingMode: "Immediate" });
		expect(cells("StorageClass", made)).toMatchObject({ Name: "a (default)", AllowVolumeExpansion: false });
		expect(refusals("StorageClass", { reclaimPolicy: "Recycle" })).toEqual([
			"provisioner: Required value",
			'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
		]);
		expect(updateRefusals("StorageClass", { provisioner: "p" }, { provisioner: "p", parameters: { a: "b" } })).toEqual([
			'parameters: Invalid value: {"a":"b"}: field is immutable',
		]);
	});

	it("by a VolumeAttributesClass has parameters that stay", () => {
		expect(refusals("VolumeAttributesClass", { driverName: "d" })).toEqual(["spec.parameters: Required value: must contain at least one key/value pair"]);
		const made = { driverName: "d", parameters: { a: "b" } };
		expect(updateRefusals("VolumeAttributesClass", made, { ...made, driverName: "e" })).toEqual([
			"driverName: Forbidden: updates to driverName are forbidden.",
		]);
	});

	it("by a CSIDriver", () => {
		expect(created<CSIDriver>("CSIDriver", { spec: {} }).spec).toEqual({
			attachRequired: true,
			podInfoOnMount: false,
			storageCapacity: false,
			fsGroupPolicy: "ReadWriteOnceWithFSType",
			volumeLifecycleModes: ["Persistent"],
			requiresRepublish: false,
			seLinuxMount: false,
		});
		expect(refusals("CSIDriver", { spec: { tokenRequests: [{ audience: "a" }, { audience: "a" }, { audience: "b", expirationSeconds: 1 }] } })).toEqual([
			'spec.tokenRequests[1].audience: Duplicate value: "a"',
			"spec.tokenRequests[2].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
		]);
		expect(updateRefusals("CSIDriver", { spec: {} }, { spec: { attachRequired: false } })).toEqual([
			"spec.attachedRequired: Invalid value: false: field is immutable",
		]);
	});

	it("by a node's drivers", () => {
		const drivers = [{ name: "d.io", nodeID: "1" }];
		expect(refusals("CSINode", { spec: { drivers: [...drivers, { name: "d.io", nodeID: "" }] } })).toEqual([
			"spec.drivers[1].nodeID: Required value",
			'spec.drivers[1].name: Duplicate value: "d.io"',
		]);
		expect(updateRefusals("CSINode", { spec: { drivers } }, { spec: { drivers: [{ ...drivers[0], allocatable: { count: 3 } }] } })).toEqual([]);
	});

	it("by a VolumeAttachment: one source, and it stays", () => {
		const spec = { attacher: "d.io", nodeName: "n", source: { persistentVolumeName: "v" } };
		expect(refusals("VolumeAttachment", { spec: { ...spec, source: {} } })).toEqual([
			"spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
		]);
		expect(
			refusals("VolumeAttachment", {
				spec: { ...spec, source: { inlineVolumeSpec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1" }, hostPath: { path: "/" } } } },
			}),
		).toEqual([
			"spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes",
			"spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes",
		]);
		expect(updateRefusals("VolumeAttachment", { spec }, { spec: { ...spec, nodeName: "m" } })[0]).toMatch(/^spec: Invalid value: .*: field is immutable$/);
	});

	it("by a phase that moves", () => {
		const kind = kindNamed("PersistentVolume");
		const old = created<PersistentVolume>("PersistentVolume", volume({}));
		const next: PersistentVolume = { ...structuredClone(old), status: { ...old.status, phase: "Available" } };
		kind.subresources?.status?.prepareUpdate(next, old, { ...CONTEXT, nowMs: Date.UTC(2026, 0, 2) });
		expect(next.status?.lastPhaseTransitionTime).toBe("2026-01-02T00:00:00Z");
	});
});
