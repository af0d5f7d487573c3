/** Finds one claim its volume, keeps the two together, and says when they are not any more (syncClaim of the PV controller). */
import { defaultClassOf } from "../../admission/plugins/default-class.ts";
import { DEFAULT_CLASS_ANNOTATIONS } from "../../kinds/storage-class.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from "../../schema/kubernetes.d.ts";
import {
	BETA_STORAGE_PROVISIONER,
	BIND_COMPLETED,
	BOUND_BY_CONTROLLER,
	hasStorageClass,
	SELECTED_NODE,
	STORAGE_PROVISIONER,
	storageClassOf,
	YES,
} from "../../volumes/claim-annotations.ts";
import { findVolume, hasAccessModes, hasSameMode, isKeptFor, sizeOf, volumesFor, wantedSize } from "../../volumes/volume-matching.ts";
import type { Action, View } from "../controller.ts";
import { draftOf, nameOf, namespaceOf, uidOf } from "../identity.ts";
import { BINDER, type ClaimChange, type ClaimEvent, writeClaim } from "./claim-write.ts";
import { setPhase, VOLUMES } from "./sync-volume.ts";

export const STORAGE_CLASSES = "storage.k8s.io/storageclasses";
/** In-tree provisioners, of which there is none. */
const IN_TREE = "kubernetes.io/";

/** What is to be done about the claim now: at most one write of it, and at most one of a volume. */
export interface ClaimDecision {
	volumeActions: Action[];
	change?: ClaimChange;
}

const NOTHING: ClaimDecision = { volumeActions: [] };
const decide = (change: ClaimChange): ClaimDecision => ({ volumeActions: [], change });
const event = (eventType: ClaimEvent["eventType"], reason: string, message: string): ClaimEvent => ({ source: BINDER, eventType, reason, message });
const quoted = (text: string): string => JSON.stringify(text);

export function syncClaim(claim: PersistentVolumeClaim, view: View): ClaimDecision {
	if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return syncBound(claim, view);
	return claim.spec?.volumeName ? syncNamed(claim, claim.spec.volumeName, view) : syncUnbound(claim, view);
}

/** The action that carries the decision about the claim out. */
export const actionsOf = (claim: PersistentVolumeClaim, { volumeActions, change }: ClaimDecision): Action[] => [
	...volumeActions,
	...(change ? [writeClaim(claim, change)] : []),
];

/** It takes what it is given. */
function syncUnbound(claim: PersistentVolumeClaim, view: View): ClaimDecision {
	const className = storageClassOf(claim);
	const storageClass = className === "" ? undefined : view.get<StorageClass>(STORAGE_CLASSES, className);
	const isDelayed = storageClass?.volumeBindingMode === "WaitForFirstConsumer";
	const volume = findVolume(
		claim,
		volumesFor(claim, (grouping, key) => view.grouped(grouping, key)),
		{ onlyKept: isDelayed },
	);
	if (volume !== undefined) return bind(volume, claim);
	if (!hasStorageClass(claim)) {
		const found = defaultClassOf(view.list<StorageClass>(STORAGE_CLASSES), DEFAULT_CLASS_ANNOTATIONS);
		if (found !== undefined) return decide({ storageClassName: nameOf(found) });
	}
	if (isDelayed && claim.metadata.annotations?.[SELECTED_NODE] === undefined) return pending(claim, { waits: true });
	if (className !== "") return provision(claim, className, storageClass);
	return pending(claim, { event: event("Normal", "FailedBinding", "no persistent volumes available for this claim and no storage class is set") });
}

/** The user has named its volume. */
function syncNamed(claim: PersistentVolumeClaim, volumeName: string, view: View): ClaimDecision {
	const volume = view.get<PersistentVolume>(VOLUMES, volumeName);
	if (volume === undefined) return pending(claim, {});
	if (!volume.spec?.claimRef) {
		const problem = whyUnfit(volume, claim);
		if (problem === undefined) return bind(volume, claim);
		return pending(claim, { event: event("Warning", "VolumeMismatch", `Cannot bind to requested volume ${quoted(volumeName)}: ${problem}`) });
	}
	if (isKeptFor(volume, claim)) return bind(volume, claim);
	return pending(claim, { event: event("Warning", "FailedBinding", `volume ${quoted(volumeName)} already bound to a different claim.`) });
}

/** It had a volume: either it still has, or it is lost. */
function syncBound(claim: PersistentVolumeClaim, view: View): ClaimDecision {
	const volumeName = claim.spec?.volumeName ?? "";
	if (volumeName === "") return lost(claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
	const volume = view.get<PersistentVolume>(VOLUMES, volumeName);
	if (volume === undefined) return lost(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
	if (!volume.spec?.claimRef || volume.spec.claimRef.uid === uidOf(claim)) return bind(volume, claim);
	return lost(claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
}

function pending(claim: PersistentVolumeClaim, change: ClaimChange): ClaimDecision {
	const moved = claim.status?.phase === "Pending" ? {} : { status: { phase: "Pending" as const } };
	const all = { ...moved, ...change };
	return Object.keys(all).length === 0 ? NOTHING : decide(all);
}

const lost = (claim: PersistentVolumeClaim, reason: string, message: string): ClaimDecision =>
	claim.status?.phase === "Lost" ? NOTHING : decide({ status: { phase: "Lost" }, event: event("Warning", reason, message) });

/** checkVolumeSatisfyClaim. */
function whyUnfit(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
	if (volume.metadata.deletionTimestamp) return `the volume is marked for deletion ${quoted(nameOf(volume))}`;
	if (sizeOf(volume) < wantedSize(claim)) return "requested PV is too small";
	if (storageClassOf(volume) !== storageClassOf(claim)) return "storageClassName does not match";
	if (!hasSameMode(volume, claim)) return "incompatible volumeMode";
	return hasAccessModes(volume, claim) ? undefined : "incompatible accessMode";
}

/** One step at a time, the volume's side first: each brings the claim here again. */
function bind(volume: PersistentVolume, claim: PersistentVolumeClaim): ClaimDecision {
	if (volume.spec?.claimRef?.uid !== uidOf(claim)) return { volumeActions: [claimVolume(volume, claim)] };
	const phase = setPhase(volume, "Bound");
	if (phase.length > 0) return { volumeActions: phase };
	const annotations: Record<string, string> = {};
	const had = claim.metadata.annotations ?? {};
	const isNew = claim.spec?.volumeName !== nameOf(volume);
	if (isNew && had[BOUND_BY_CONTROLLER] === undefined) annotations[BOUND_BY_CONTROLLER] = YES;
	if (had[BIND_COMPLETED] === undefined) annotations[BIND_COMPLETED] = YES;
	const status = boundStatus(volume, claim);
	if (!isNew && Object.keys(annotations).length === 0 && status === undefined) return NOTHING;
	return decide({
		...(Object.keys(annotations).length > 0 ? { annotations } : {}),
		...(isNew ? { volumeName: nameOf(volume) } : {}),
		...(status ? { status } : {}),
	});
}

/** A claim that is bound already may be in the middle of growing: its capacity is then others' to say. */
function boundStatus(volume: PersistentVolume, { status }: PersistentVolumeClaim): ClaimChange["status"] {
	const { capacity, accessModes } = volume.spec ?? {};
	const keepsCapacity = status?.phase === "Bound" && status.capacity !== undefined;
	const wanted = { phase: "Bound" as const, accessModes: accessModes ?? [], capacity: (keepsCapacity ? status?.capacity : capacity) ?? {} };
	return semanticEqual(wanted, { phase: status?.phase, accessModes: status?.accessModes ?? [], capacity: status?.capacity ?? {} }) ? undefined : wanted;
}

/** Keeps the volume for the claim. */
export function claimVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): Action {
	const draft = draftOf(volume);
	if (!isKeptFor(volume, claim)) draft.metadata.annotations = { ...draft.metadata.annotations, [BOUND_BY_CONTROLLER]: YES };
	const { name, namespace, uid, resourceVersion } = claim.metadata;
	draft.spec = { ...draft.spec, claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid, resourceVersion } };
	return { type: "update", resource: VOLUMES, object: draft };
}

/** Leaves the volume to the class's provisioner. */
function provision(claim: PersistentVolumeClaim, className: string, storageClass: StorageClass | undefined): ClaimDecision {
	const failed = (message: string): ClaimDecision => decide({ event: event("Warning", "ProvisioningFailed", message) });
	if (storageClass === undefined) return failed(`storageclass.storage.k8s.io ${quoted(className)} not found`);
	const { provisioner } = storageClass;
	if (provisioner.startsWith(IN_TREE)) return failed(`no volume plugin matched name: ${provisioner}`);
	const had = claim.metadata.annotations ?? {};
	const annotations = { [BETA_STORAGE_PROVISIONER]: provisioner, [STORAGE_PROVISIONER]: provisioner };
	const message =
		`Waiting for a volume to be created either by the external provisioner '${provisioner}' ` +
		"or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.";
	const told = event("Normal", "ExternalProvisioning", message);
	if (had[STORAGE_PROVISIONER] === provisioner && had[BETA_STORAGE_PROVISIONER] === provisioner) return pending(claim, {});
	return decide({ annotations, event: told });
}

export const claimKeyOf = (claim: PersistentVolumeClaim): string => `${namespaceOf(claim)}/${nameOf(claim)}`;
