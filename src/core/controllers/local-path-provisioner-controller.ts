/**
 * The provisioner of the built-in class `local-path`: makes the volume's object for the node that the scheduler has selected,
 * whose agent makes the directory when it mounts it first; and has the agent remove that directory when the volume is released.
 */
import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass } from "../schema/kubernetes.d.ts";
import { PROVISIONED_BY, SELECTED_NODE, STORAGE_PROVISIONER, storageClassOf } from "../volumes/claim-annotations.ts";
import { HOSTNAME_LABEL, isLocalPathVolume, LOCAL_PATH_FINALIZER, LOCAL_PATH_PROVISIONER, localPathOf, volumeDirectory } from "../volumes/local-path.ts";
import { CLAIMS } from "./cluster-replica-controller.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, namespaceOf, setMetadataList, uidOf } from "./identity.ts";
import { eventAbout, writeClaim } from "./persistentvolume/claim-write.ts";
import { claimKeyOf, STORAGE_CLASSES } from "./persistentvolume/sync-claim.ts";
import { setPhase, VOLUMES } from "./persistentvolume/sync-volume.ts";

export const LOCAL_PATH = "local-path-provisioner";
const NODES = "nodes";
const MODES = ["ReadWriteOnce", "ReadWriteOncePod"];
/** A directory that could not be removed is tried again after this long, in milliseconds. */
export const DELETE_RETRY_MS = 60_000;

const isOurs = (claim: PersistentVolumeClaim): boolean =>
	claim.metadata.annotations?.[STORAGE_PROVISIONER] === LOCAL_PATH_PROVISIONER && !claim.spec?.volumeName && !isBeingDeleted(claim);

const keyOfClaim = (claim: PersistentVolumeClaim): string => `claim/${claimKeyOf(claim)}`;

function keysOfVolume({ object }: ObjectChange): string[] {
	return object && isLocalPathVolume(object as PersistentVolume) ? [`volume/${nameOf(object)}`] : [];
}

/** What waits for the node, or for its going. */
function keysOfNode({ old, object }: ObjectChange, view: View): string[] {
	const [before, now] = [old as Node | undefined, object as Node | undefined];
	if (before && now && localPathOf(before) === localPathOf(now)) return [];
	const name = nameOf((now ?? before) as Node);
	const claims = view.list<PersistentVolumeClaim>(CLAIMS).filter((claim) => isOurs(claim) && claim.metadata.annotations?.[SELECTED_NODE] === name);
	const volumes = view.list<PersistentVolume>(VOLUMES).filter((volume) => isLocalPathVolume(volume) && nodeOf(volume) === name);
	return [...claims.map(keyOfClaim), ...volumes.map((volume) => `volume/${nameOf(volume)}`)];
}

const nodeOf = ({ metadata }: PersistentVolume): string => metadata.annotations?.[SELECTED_NODE] ?? "";
const nameFor = (claim: PersistentVolumeClaim): string => `pvc-${uidOf(claim)}`;

function provision(key: string, view: View, ctx: ReconcileContext): Action[] {
	const claim = view.get<PersistentVolumeClaim>(CLAIMS, key);
	if (claim === undefined || !isOurs(claim) || view.get(VOLUMES, nameFor(claim)) !== undefined) return forget(key, ctx);
	const storageClass = view.get<StorageClass>(STORAGE_CLASSES, storageClassOf(claim));
	const selected = claim.metadata.annotations?.[SELECTED_NODE];
	if (storageClass === undefined) return [];
	if (selected === undefined) return failure(key, claim, storageClass, "configuration error, no node was specified", ctx);
	const node = view.get<Node>(NODES, selected);
	// The scheduler chooses again: the node is gone.
	if (node === undefined) return [writeClaim(claim, { annotations: { [SELECTED_NODE]: null } })];
	const problem = whyNot(claim, node);
	return problem === undefined ? create(claim, storageClass, node) : failure(key, claim, storageClass, problem, ctx);
}

function whyNot({ spec }: PersistentVolumeClaim, node: Node): string | undefined {
	if (spec?.selector) return "claim.Spec.Selector is not supported";
	if (!spec?.accessModes?.every((mode) => MODES.includes(mode))) return "NodePath only supports ReadWriteOnce and ReadWriteOncePod access modes";
	if (spec.volumeMode === "Block") return "block volumes are not supported";
	return localPathOf(node) ? undefined : `no local path available on node ${nameOf(node)}`;
}

const forget = (key: string, ctx: ReconcileContext): Action[] => (ctx.recall(key) === undefined ? [] : [{ type: "remember", key, value: undefined }]);

/** Told once for each cause. */
function failure(key: string, claim: PersistentVolumeClaim, storageClass: StorageClass, problem: string, ctx: ReconcileContext): Action[] {
	if (ctx.recall(key) === problem) return [];
	const message = `failed to provision volume with StorageClass ${JSON.stringify(nameOf(storageClass))}: ${problem}`;
	return [tell(claim, "Warning", "ProvisioningFailed", message), { type: "remember", key, value: problem }];
}

function tell(claim: PersistentVolumeClaim, eventType: "Normal" | "Warning", reason: string, message: string): Action {
	const body = eventAbout(claim, { source: LOCAL_PATH_PROVISIONER, eventType, reason, message });
	return { type: "send", message: { to: { object: "namespace", name: namespaceOf(claim) }, body } };
}

function create(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node): Action[] {
	const name = nameFor(claim);
	const { namespace = "", uid, resourceVersion } = claim.metadata;
	const hostname = node.metadata.labels?.[HOSTNAME_LABEL] ?? nameOf(node);
	const object: PersistentVolume = {
		apiVersion: "v1",
		kind: "PersistentVolume",
		metadata: {
			name,
			annotations: { [PROVISIONED_BY]: LOCAL_PATH_PROVISIONER, [SELECTED_NODE]: nameOf(node) },
			finalizers: [LOCAL_PATH_FINALIZER],
		},
		spec: {
			capacity: { storage: claim.spec?.resources?.requests?.storage ?? "0" },
			accessModes: claim.spec?.accessModes ?? [],
			persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
			storageClassName: nameOf(storageClass),
			volumeMode: "Filesystem",
			...(storageClass.mountOptions ? { mountOptions: storageClass.mountOptions } : {}),
			claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name: nameOf(claim), uid, resourceVersion },
			local: { path: volumeDirectory(localPathOf(node) ?? "", name, namespace, nameOf(claim)) },
			nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME_LABEL, operator: "In", values: [hostname] }] }] } },
		},
	};
	return [
		tell(claim, "Normal", "Provisioning", `External provisioner is provisioning volume for claim ${JSON.stringify(claimKeyOf(claim))}`),
		{ type: "create", resource: VOLUMES, object },
		tell(claim, "Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${name}`),
	];
}

/** A volume that nobody has any more and that is to be deleted, or one that is being deleted, when nothing else holds it. */
function reclaim(name: string, view: View): ReconcileResult {
	const volume = view.get<PersistentVolume>(VOLUMES, name);
	if (volume === undefined || !isLocalPathVolume(volume) || !volume.metadata.finalizers?.includes(LOCAL_PATH_FINALIZER)) return NOTHING;
	const { persistentVolumeReclaimPolicy: policy, local } = volume.spec ?? {};
	const isReleased = volume.status?.phase === "Released" || volume.status?.phase === "Failed";
	const others = (volume.metadata.finalizers ?? []).filter((finalizer) => finalizer !== LOCAL_PATH_FINALIZER);
	const goes = isBeingDeleted(volume) && others.length === 0;
	if (policy !== "Delete") return goes ? { actions: withoutFinalizer(volume) } : NOTHING;
	if (!goes && !isReleased) return NOTHING;
	const node = nodeOf(volume);
	if (view.get(NODES, node) === undefined) return { actions: deleted(volume) };
	const body = { type: "deleteVolumes" as const, volumes: [{ name, path: local?.path ?? "" }] };
	const again = volume.status?.phase === "Failed" ? { requeueAfterMs: DELETE_RETRY_MS } : {};
	return { actions: [{ type: "send", message: { to: { object: "node", name: node }, body } }], ...again };
}

function withoutFinalizer(volume: PersistentVolume): Action[] {
	const finalizers = volume.metadata.finalizers ?? [];
	if (!finalizers.includes(LOCAL_PATH_FINALIZER)) return [];
	const draft = draftOf(volume);
	const others = finalizers.filter((finalizer) => finalizer !== LOCAL_PATH_FINALIZER);
	setMetadataList(draft, "finalizers", others);
	return [{ type: "update", resource: VOLUMES, object: draft }];
}

const deleted = (volume: PersistentVolume): Action[] => [
	...withoutFinalizer(volume),
	...(isBeingDeleted(volume) ? [] : [{ type: "delete", resource: VOLUMES, name: nameOf(volume), uid: uidOf(volume) } satisfies Action]),
];

/** What the node's agent says of a directory that it was to remove. */
export function applyVolumeDeleted(view: View, node: string, { name, error }: { name: string; error?: string }): Action[] {
	const volume = view.get<PersistentVolume>(VOLUMES, name);
	if (volume === undefined || !isLocalPathVolume(volume) || nodeOf(volume) !== node || volume.status?.phase === "Bound") return [];
	if (error === undefined) return deleted(volume);
	return setPhase(volume, "Failed", { reason: "VolumeFailedDelete", message: error });
}

export const localPathProvisionerController: Controller = {
	name: LOCAL_PATH,
	watches: [
		{ resource: VOLUMES, keys: keysOfVolume },
		{ resource: CLAIMS, keys: ({ object }) => (object && isOurs(object as PersistentVolumeClaim) ? [keyOfClaim(object as PersistentVolumeClaim)] : []) },
		{ resource: NODES, keys: keysOfNode },
	],
	objectOf: (key, view) => (key.startsWith("claim/") ? view.get(CLAIMS, key.slice("claim/".length)) : view.get(VOLUMES, key.slice("volume/".length))),
	reconcile(key, view, ctx) {
		const name = key.slice(key.indexOf("/") + 1);
		if (!key.startsWith("claim/")) return reclaim(name, view);
		const actions = provision(name, view, ctx);
		return actions.length === 0 ? NOTHING : { actions };
	},
};
