/** What becomes of one volume: whose it is, and what happens to it when it is nobody's any more (syncVolume of the PV controller). */
import type { PersistentVolume, PersistentVolumeClaim } from "../../schema/kubernetes.d.ts";
import { BOUND_BY_CONTROLLER, PROVISIONED_BY } from "../../volumes/claim-annotations.ts";
import { hasSameMode } from "../../volumes/volume-matching.ts";
import type { Action } from "../controller.ts";
import { draftOf, nameOf, uidOf } from "../identity.ts";

export const VOLUMES = "persistentvolumes";

type Phase = "Available" | "Bound" | "Released" | "Failed";

/** What is known of the claim that a volume names. */
export interface ClaimOfVolume {
	claim: PersistentVolumeClaim | undefined;
	/** Its namespace has said that there is none, which is more than not having heard of one. */
	isGone: boolean;
	/** Asks the namespace. */
	ask: Action;
}

export function syncVolume(volume: PersistentVolume, { claim: found, isGone, ask }: ClaimOfVolume): Action[] {
	const ref = volume.spec?.claimRef;
	if (!ref?.uid) return setPhase(volume, "Available");
	const claim = found !== undefined && uidOf(found) === ref.uid ? found : undefined;
	if (claim === undefined) return isGone || found !== undefined ? release(volume) : [ask];
	const bound = claim.spec?.volumeName ?? "";
	// The claim's own turn binds it.
	if (bound === "") return hasSameMode(volume, claim) ? [] : [modeMismatch(volume, claim)];
	if (bound === nameOf(volume)) return setPhase(volume, "Bound");
	const isDynamic = volume.metadata.annotations?.[PROVISIONED_BY] !== undefined;
	return isDynamic && volume.spec?.persistentVolumeReclaimPolicy === "Delete" ? release(volume) : unbind(volume);
}

export function setPhase(volume: PersistentVolume, phase: Phase, failure?: { reason: string; message: string }): Action[] {
	if (volume.status?.phase === phase) return [];
	const draft = draftOf(volume);
	const { message: _message, reason: _reason, ...status } = draft.status ?? {};
	draft.status = { ...status, phase, ...(failure ? { message: failure.message } : {}) };
	return [
		{ type: "updateStatus", resource: VOLUMES, object: draft },
		...(failure ? [{ type: "event", about: volume, eventType: "Warning", ...failure } satisfies Action] : []),
	];
}

const modeMismatch = (volume: PersistentVolume, claim: PersistentVolumeClaim): Action => ({
	type: "event",
	about: volume,
	eventType: "Warning",
	reason: "VolumeMismatch",
	message: `Cannot bind PersistentVolume to requested PersistentVolumeClaim ${JSON.stringify(nameOf(claim))} due to incompatible volumeMode.`,
});

/** Its claim is gone, or has another volume. The change of phase brings the volume here once more. */
function release(volume: PersistentVolume): Action[] {
	const phase = volume.status?.phase;
	return phase === "Released" || phase === "Failed" ? reclaim(volume) : setPhase(volume, "Released");
}

function reclaim(volume: PersistentVolume): Action[] {
	const policy = volume.spec?.persistentVolumeReclaimPolicy;
	if (policy === "Recycle") return setPhase(volume, "Failed", { reason: "VolumeFailedRecycle", message: "No recycler plugin found for the volume!" });
	if (policy !== "Delete") return [];
	const provisioner = volume.metadata.annotations?.[PROVISIONED_BY] ?? "";
	// Who made it deletes it.
	if (provisioner !== "" ? !provisioner.startsWith("kubernetes.io/") : volume.spec?.csi !== undefined) return [];
	const message = `error getting deleter volume plugin for volume ${JSON.stringify(nameOf(volume))}: no deletable volume plugin matched`;
	return setPhase(volume, "Failed", { reason: "VolumeFailedDelete", message });
}

/** What the controller bound it lets go altogether; what a user bound stays kept for the claim of that name. */
function unbind(volume: PersistentVolume): Action[] {
	const draft = draftOf(volume);
	if (draft.metadata.annotations?.[BOUND_BY_CONTROLLER] !== undefined) {
		delete draft.spec?.claimRef;
		delete draft.metadata.annotations[BOUND_BY_CONTROLLER];
	} else delete draft.spec?.claimRef?.uid;
	return [{ type: "update", resource: VOLUMES, object: draft }];
}
