/**
 * Attaches CSI volumes to the nodes of the pods that want them, and detaches them when no pod does and the node has let them go
 * (k8s.io/kubernetes/pkg/controller/volume/attachdetach). It runs where the placements of pods are, in the Cluster object; a key is
 * a node. The attaching itself is done by the driver's external-attacher, which sees the VolumeAttachments.
 */
import { semanticEqual } from "../meta/equality.ts";
import type { PodRef } from "../protocol/messages.ts";
import type { CSIDriver, Node, PersistentVolume, PersistentVolumeClaim, VolumeAttachment } from "../schema/kubernetes.d.ts";
import type { Placement } from "../scheduler/scheduling-pod.ts";
import {
	ATTACHMENTS,
	attachmentName,
	CSI_DRIVERS,
	type Digest,
	isAttachable,
	isAttached,
	isInUse,
	isShareable,
	uniqueVolumeName,
} from "../volumes/attachments.ts";
import { CLAIMS } from "./cluster-replica-controller.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { isNodeReady } from "./node-zones.ts";
import { VOLUMES } from "./persistentvolume/sync-volume.ts";

export const ATTACH_DETACH = "attachdetach";
const NODES = "nodes";
/** Attachments that others have made, of other names, are left alone. */
const OWN_NAME = /^csi-[0-9a-f]{64}$/;
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
/** How long a volume that no pod wants is left to a node that is not healthy to let go (ReconcilerMaxWaitForUnmountDuration). */
export const UNMOUNT_WAIT_MS = 6 * 60_000;

export interface AttachDetachDeps {
	/** The pods that have a node. */
	placements(): Iterable<Placement>;
	digest: Digest;
}

/** A volume that pods of a node want. */
interface Wanted {
	volume: PersistentVolume;
	unique: string;
	pods: PodRef[];
}

export function attachDetachController(deps: AttachDetachDeps): Controller {
	return {
		name: ATTACH_DETACH,
		watches: [
			{ resource: ATTACHMENTS, keys: (change, view) => nodesOfAttachment(change, view, deps) },
			{ resource: CLAIMS, keys: (change, view) => nodesOfClaim(change, view, deps) },
			{ resource: VOLUMES, keys: (change) => nodesOfVolume(change, deps) },
			{ resource: CSI_DRIVERS, keys: () => [...new Set([...withClaims(deps)].map(({ node }) => node))] },
			{ resource: NODES, keys: changedNode },
		],
		objectOf: (key, view) => view.get(NODES, key),
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

function* withClaims({ placements }: AttachDetachDeps): Iterable<Placement> {
	for (const placement of placements()) if (placement.pod.claims?.length) yield placement;
}

function nodesUsing(namespace: string, claim: string, deps: AttachDetachDeps): string[] {
	const found = new Set<string>();
	for (const { ref, node, pod } of withClaims(deps)) if (ref.namespace === namespace && pod.claims?.includes(claim)) found.add(node);
	return [...found];
}

/** Its node, and when it goes those that wait for the volume. */
function nodesOfAttachment({ old, object }: ObjectChange, view: View, deps: AttachDetachDeps): string[] {
	const { spec } = (object ?? old) as VolumeAttachment;
	if (object !== undefined) return [spec.nodeName];
	const claim = view.get<PersistentVolume>(VOLUMES, spec.source?.persistentVolumeName ?? "")?.spec?.claimRef;
	return [spec.nodeName, ...(claim ? nodesUsing(claim.namespace ?? "", claim.name ?? "", deps) : [])];
}

function nodesOfClaim({ old, object }: ObjectChange, view: View, deps: AttachDetachDeps): string[] {
	const [before, now] = [old as PersistentVolumeClaim | undefined, object as PersistentVolumeClaim | undefined];
	const bound = (claim: PersistentVolumeClaim | undefined) => claim && [claim.spec?.volumeName, claim.status?.phase];
	if (!now?.spec?.volumeName || semanticEqual(bound(before), bound(now))) return [];
	const isCsi = view.get<PersistentVolume>(VOLUMES, now.spec.volumeName)?.spec?.csi !== undefined;
	return isCsi ? nodesUsing(now.metadata.namespace ?? "", nameOf(now), deps) : [];
}

function nodesOfVolume({ old, object }: ObjectChange, deps: AttachDetachDeps): string[] {
	const { spec } = (object ?? old) as PersistentVolume;
	const isNews = old === undefined || object === undefined || !semanticEqual((old as PersistentVolume).spec, spec);
	return isNews && spec?.csi && spec.claimRef ? nodesUsing(spec.claimRef.namespace ?? "", spec.claimRef.name ?? "", deps) : [];
}

/** What a decision depends on. */
function changedNode({ old, object }: ObjectChange): string[] {
	const facts = (node: Node | undefined) =>
		node && [node.status?.volumesInUse ?? [], node.status?.volumesAttached ?? [], isNodeReady(node), isOutOfService(node)];
	const [before, now] = [old as Node | undefined, object as Node | undefined];
	return semanticEqual(facts(before), facts(now)) ? [] : [nameOf((now ?? before) as Node)];
}

const isOutOfService = ({ spec }: Node): boolean => (spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE);

function reconcile(node: string, view: View, ctx: ReconcileContext, deps: AttachDetachDeps): ReconcileResult {
	const wanted = wantedOn(node, view, deps);
	const present = view.list<VolumeAttachment>(ATTACHMENTS).filter(({ metadata, spec }) => spec.nodeName === node && OWN_NAME.test(metadata.name ?? ""));
	if (wanted.size === 0 && present.length === 0 && !view.get<Node>(NODES, node)?.status?.volumesAttached?.length) return NOTHING;
	const attaching = [...wanted].flatMap(([name, one]) => attach(name, one, node, view, ctx));
	const leaving = present.map((attachment) => (wanted.has(nameOf(attachment)) ? undefined : detach(attachment, node, view, ctx)));
	const waits = leaving.flatMap((one) => one?.requeueAfterMs ?? []);
	const gone = new Set(present.filter((_, i) => leaving[i]?.detached).map(nameOf));
	const staying = present.filter((attachment) => isAttached(attachment) && !isBeingDeleted(attachment) && !gone.has(nameOf(attachment)));
	const actions = [...attaching, ...leaving.flatMap((one) => one?.actions ?? []), ...tellAttached(node, staying, view)];
	return { actions, ...(waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : {}) };
}

/** By the name of its VolumeAttachment: what pods placed on the node want, once their claims are bound. */
function wantedOn(node: string, view: View, deps: AttachDetachDeps): Map<string, Wanted> {
	const wanted = new Map<string, Wanted>();
	for (const { ref, node: where, pod } of withClaims(deps)) {
		if (where !== node) continue;
		for (const claimName of pod.claims ?? []) {
			const claim = view.get<PersistentVolumeClaim>(CLAIMS, `${ref.namespace}/${claimName}`);
			const volume = claim?.status?.phase === "Bound" ? view.get<PersistentVolume>(VOLUMES, claim.spec?.volumeName ?? "") : undefined;
			const csi = volume?.spec?.csi;
			if (!volume || !csi || volume.spec?.claimRef?.uid !== claim?.metadata.uid || !isAttachable(view.get<CSIDriver>(CSI_DRIVERS, csi.driver))) continue;
			const name = attachmentName(deps.digest, csi, node);
			const known = wanted.get(name) ?? { volume, unique: uniqueVolumeName(csi), pods: [] };
			known.pods.push(ref);
			wanted.set(name, known);
		}
	}
	return wanted;
}

function attach(name: string, { volume, pods }: Wanted, node: string, view: View, ctx: ReconcileContext): Action[] {
	const attachment = view.get<VolumeAttachment>(ATTACHMENTS, name);
	const quoted = JSON.stringify(nameOf(volume));
	// One that still goes must be gone first; its end brings the node here again.
	if (attachment !== undefined && isBeingDeleted(attachment)) return [];
	if (attachment === undefined) {
		const elsewhere = isShareable(volume) ? undefined : holderOf(volume, node, view);
		if (elsewhere !== undefined) {
			const message = `Multi-Attach error for volume ${quoted} Volume is already exclusively attached to one node and can't be attached to another`;
			return tell(name, `held by ${elsewhere}`, pods, "FailedAttachVolume", message, ctx);
		}
		return [{ type: "create", resource: ATTACHMENTS, object: newAttachment(name, volume, node) }, ...forget(name, ctx)];
	}
	const error = attachment.status?.attachError;
	if (isAttached(attachment))
		return tell(name, `attached ${uidOf(attachment)}`, pods, "SuccessfulAttachVolume", `AttachVolume.Attach succeeded for volume ${quoted} `, ctx);
	if (error?.message === undefined) return [];
	return tell(name, `${error.time} ${error.message}`, pods, "FailedAttachVolume", `AttachVolume.Attach failed for volume ${quoted} : ${error.message}`, ctx);
}

/** Another node that has the volume. */
const holderOf = (volume: PersistentVolume, node: string, view: View): string | undefined =>
	view.list<VolumeAttachment>(ATTACHMENTS).find(({ spec }) => spec.source?.persistentVolumeName === nameOf(volume) && spec.nodeName !== node)?.spec.nodeName;

const newAttachment = (name: string, volume: PersistentVolume, nodeName: string): VolumeAttachment => ({
	apiVersion: "storage.k8s.io/v1",
	kind: "VolumeAttachment",
	metadata: { name },
	spec: { attacher: volume.spec?.csi?.driver ?? "", nodeName, source: { persistentVolumeName: nameOf(volume) } },
});

/** Says to the pods what has become of their volume, once. */
function tell(name: string, what: string, pods: readonly PodRef[], reason: string, message: string, ctx: ReconcileContext): Action[] {
	if (ctx.recall(`told/${name}`) === what) return [];
	const eventType = reason === "FailedAttachVolume" ? "Warning" : "Normal";
	return [
		...pods.map((metadata): Action => ({ type: "event", about: { apiVersion: "v1", kind: "Pod", metadata }, eventType, reason, message })),
		{ type: "remember", key: `told/${name}`, value: what },
	];
}

const forget = (name: string, ctx: ReconcileContext): Action[] =>
	[`told/${name}`, `since/${name}`].filter((key) => ctx.recall(key) !== undefined).map((key): Action => ({ type: "remember", key, value: undefined }));

interface Detaching {
	actions: Action[];
	detached: boolean;
	requeueAfterMs?: number;
}

/** No pod wants it here: it goes when the node has let it go, or when nobody can wait for the node any longer. */
function detach(attachment: VolumeAttachment, nodeName: string, view: View, ctx: ReconcileContext): Detaching {
	const name = nameOf(attachment);
	if (isBeingDeleted(attachment)) return { actions: [], detached: true };
	const node = view.get<Node>(NODES, nodeName);
	const csi = view.get<PersistentVolume>(VOLUMES, attachment.spec.source?.persistentVolumeName ?? "")?.spec?.csi;
	if (node && csi && isInUse(node, uniqueVolumeName(csi)) && !isOutOfService(node)) {
		const since = Number(ctx.recall(`since/${name}`) ?? ctx.nowMs);
		const leftMs = since + UNMOUNT_WAIT_MS - ctx.nowMs;
		const remember: Action[] = ctx.recall(`since/${name}`) === undefined ? [{ type: "remember", key: `since/${name}`, value: since }] : [];
		// A healthy node is waited for however long it takes.
		if (leftMs > 0) return { actions: remember, detached: false, requeueAfterMs: leftMs };
		if (isNodeReady(node)) return { actions: remember, detached: false };
	}
	return { actions: [{ type: "delete", resource: ATTACHMENTS, name, uid: uidOf(attachment) }, ...forget(name, ctx)], detached: true };
}

function tellAttached(name: string, attached: readonly VolumeAttachment[], view: View): Action[] {
	const node = view.get<Node>(NODES, name);
	if (node === undefined) return [];
	const names = attached.flatMap(({ spec }) => {
		const csi = view.get<PersistentVolume>(VOLUMES, spec.source?.persistentVolumeName ?? "")?.spec?.csi;
		return csi ? [uniqueVolumeName(csi)] : [];
	});
	const volumesAttached = names.sort().map((unique) => ({ name: unique, devicePath: "" }));
	if (semanticEqual(volumesAttached, node.status?.volumesAttached ?? [])) return [];
	const draft = draftOf(node);
	draft.status = { ...draft.status, volumesAttached };
	return [{ type: "updateStatus", resource: NODES, object: draft }];
}
