/**
 * Tells the Cluster object of the namespaced objects that its controllers decide by: claims for the volume binder, and what
 * CSI drivers say of their room for the scheduler. Each change goes up as the object is then, or as gone.
 */
import { needsPreparation } from "../devices/device-preparation.ts";
import { EXTENDED_RESOURCE_CLAIM } from "../devices/extended-resources.ts";
import { RESOURCE_CLAIMS } from "../devices/pod-claims.ts";
import type { KubeObject, ResourceName } from "../meta/object.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { MessageBody } from "../protocol/messages.ts";
import type { AllocatedDeviceStatus, CSIStorageCapacity, PersistentVolumeClaim, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import { claimForBinder } from "../volumes/claim-annotations.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, View } from "./controller.ts";
import { nameOf } from "./identity.ts";

export const CLUSTER_REPLICA = "cluster-replica";
export const CLAIMS = "persistentvolumeclaims";
export const CAPACITIES = "storage.k8s.io/csistoragecapacities";

function storageCapacity({ apiVersion, kind, metadata, storageClassName, capacity, maximumVolumeSize, nodeTopology }: CSIStorageCapacity): CSIStorageCapacity {
	const { name, namespace, uid } = metadata;
	return {
		apiVersion,
		kind,
		metadata: { name, namespace, uid },
		storageClassName,
		...(capacity === undefined ? {} : { capacity }),
		...(maximumVolumeSize === undefined ? {} : { maximumVolumeSize }),
		...(nodeTopology ? { nodeTopology } : {}),
	};
}

const preparedDevice = ({ driver, pool, device, shareID, conditions }: AllocatedDeviceStatus): AllocatedDeviceStatus => ({
	driver,
	pool,
	device,
	...(shareID ? { shareID } : {}),
	...(conditions ? { conditions } : {}),
});

function deviceClaim({ apiVersion, kind, metadata, spec, status }: ResourceClaim): ResourceClaim {
	const { name, namespace, uid, deletionTimestamp, ownerReferences, annotations } = metadata;
	const extended = annotations?.[EXTENDED_RESOURCE_CLAIM];
	return {
		apiVersion,
		kind,
		metadata: {
			name,
			namespace,
			uid,
			...(deletionTimestamp ? { deletionTimestamp } : {}),
			...(ownerReferences ? { ownerReferences } : {}),
			...(extended ? { annotations: { [EXTENDED_RESOURCE_CLAIM]: extended } } : {}),
		},
		spec,
		status: {
			...(status?.allocation ? { allocation: status.allocation } : {}),
			...(status?.reservedFor ? { reservedFor: status.reservedFor } : {}),
			...(status?.devices && needsPreparation(status.allocation) ? { devices: status.devices.map(preparedDevice) } : {}),
		},
	};
}

/** What of the objects of each collection goes up. */
const TRIMMED: Readonly<Record<ResourceName, (object: KubeObject) => KubeObject>> = {
	[CLAIMS]: (object) => claimForBinder(object as PersistentVolumeClaim),
	[RESOURCE_CLAIMS]: (object) => deviceClaim(object as ResourceClaim),
	[CAPACITIES]: (object) => storageCapacity(object as CSIStorageCapacity),
};
export const REPLICATED_UP = Object.keys(TRIMMED);

export const replicaKey = (resource: ResourceName, name: string): string => `${resource}#${name}`;

/** A version alone is no news: who acts on an old one is told of the new one then. */
function lasting(resource: ResourceName, object: KubeObject | undefined): unknown {
	const trimmed = object && TRIMMED[resource]?.(object);
	return trimmed && { ...trimmed, metadata: { ...trimmed.metadata, resourceVersion: "" } };
}

function keysOf({ resource, old, object }: ObjectChange): string[] {
	if (semanticEqual(lasting(resource, old), lasting(resource, object))) return [];
	return [replicaKey(resource, nameOf((object ?? old) as KubeObject))];
}

/** The present truth about these objects. */
export function tellCluster(view: View, namespace: string, resource: ResourceName, names: readonly string[]): Action {
	const found = names.map((name) => ({ name, object: view.get(resource, name) }));
	const body: MessageBody = {
		type: "replicate",
		namespace,
		resource,
		objects: found.flatMap(({ object }) => (object ? (TRIMMED[resource]?.(object) ?? []) : [])),
		removed: found.filter(({ object }) => object === undefined).map(({ name }) => name),
	};
	return { type: "send", message: { to: { object: "cluster" }, body } };
}

function reconcileAll(keys: readonly string[], view: View, ctx: ReconcileContext): Action[] {
	const parts = keys.map((key) => key.split("#") as [string, string]);
	const byResource = Map.groupBy(parts, ([resource]) => resource);
	return [...byResource].map(([resource, named]) =>
		tellCluster(
			view,
			ctx.namespace,
			resource,
			named.map(([, name]) => name),
		),
	);
}

export const clusterReplicaController: Controller = {
	name: CLUSTER_REPLICA,
	watches: REPLICATED_UP.map((resource) => ({ resource, keys: keysOf })),
	reconcile: (key, view, ctx) => ({ actions: reconcileAll([key], view, ctx) }),
	reconcileAll,
};
