/**
 * Lets bound claims grow (k8s.io/kubernetes/pkg/controller/volume/expand). The directories of the built-in class have no size of
 * their own: the volume says the new one and so does the claim. Any other volume is its own resizer's to grow.
 */
import { compareQuantities, parseQuantity } from "../quantity/quantity.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../schema/kubernetes.d.ts";
import { isLocalPathVolume } from "../volumes/local-path.ts";
import { CLAIMS } from "./cluster-replica-controller.ts";
import { type Action, type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, uidOf } from "./identity.ts";
import { type ClaimEvent, writeClaim } from "./persistentvolume/claim-write.ts";
import { claimKeyOf } from "./persistentvolume/sync-claim.ts";
import { VOLUMES } from "./persistentvolume/sync-volume.ts";

const SOURCE = "volume_expand";

const isLess = (a: string | undefined, b: string | undefined): boolean => compareQuantities(parseQuantity(a ?? "0"), parseQuantity(b ?? "0")) < 0;

/** The size that the claim wants and has not. */
function wanted({ spec, status }: PersistentVolumeClaim): string | undefined {
	const size = spec?.resources?.requests?.storage;
	return status?.phase === "Bound" && isLess(status.capacity?.storage, size) ? size : undefined;
}

const event = (reason: string, message: string): ClaimEvent => ({ source: SOURCE, eventType: "Normal", reason, message });

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const claim = view.get<PersistentVolumeClaim>(CLAIMS, key);
	const size = claim && wanted(claim);
	const told = ctx.recall(key);
	if (claim === undefined || size === undefined) return told === undefined ? NOTHING : { actions: [{ type: "remember", key, value: undefined }] };
	const volume = view.get<PersistentVolume>(VOLUMES, claim.spec?.volumeName ?? "");
	if (volume === undefined || volume.spec?.claimRef?.uid !== uidOf(claim)) return NOTHING;
	if (isLocalPathVolume(volume)) return { actions: grow(volume, claim, size) };
	// Once for each size: the resizer says the rest.
	const telling = `${uidOf(claim)} ${size}`;
	if (told === telling) return NOTHING;
	const waits = event("ExternalExpanding", "waiting for an external controller to expand this PVC");
	return { actions: [writeClaim(claim, { event: waits }), { type: "remember", key, value: telling }] };
}

/** The volume first: its change brings the claim here again. */
function grow(volume: PersistentVolume, claim: PersistentVolumeClaim, size: string): Action[] {
	const { spec, status } = volume;
	if (isLess(spec?.capacity?.storage, size)) {
		const draft = draftOf(volume);
		draft.spec = { ...draft.spec, capacity: { ...draft.spec?.capacity, storage: size } };
		return [{ type: "update", resource: VOLUMES, object: draft }];
	}
	if (status?.phase !== "Bound") return [];
	const capacity = { ...claim.status?.capacity, ...spec?.capacity };
	const done = event("VolumeResizeSuccessful", `ExpandVolume succeeded for volume ${claimKeyOf(claim)}`);
	return [writeClaim(claim, { status: { phase: "Bound", capacity, ...(spec?.accessModes ? { accessModes: spec.accessModes } : {}) }, event: done })];
}

export const volumeExpandController: Controller = {
	name: "volume-expand",
	watches: [
		{
			resource: CLAIMS,
			keys: ({ object }) => (object && wanted(object as PersistentVolumeClaim) !== undefined ? [claimKeyOf(object as PersistentVolumeClaim)] : []),
		},
		{
			resource: VOLUMES,
			keys: ({ object }) => {
				const ref = (object as PersistentVolume | undefined)?.spec?.claimRef;
				return ref?.uid ? [`${ref.namespace}/${ref.name}`] : [];
			},
		},
	],
	objectOf: (key, view) => view.get(CLAIMS, key),
	reconcile,
};
