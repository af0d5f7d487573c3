/** Which volume a claim gets: the one that is kept for it, else the smallest free one that will do (volume.FindMatchingVolume). */
import { value } from "../quantity/quantity.ts";
import type { Grouping } from "../meta/object.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { storageClassOf } from "./claim-annotations.ts";

export const sizeOf = ({ spec }: PersistentVolume): number => value(spec?.capacity?.storage ?? "0");
export const wantedSize = ({ spec }: PersistentVolumeClaim): number => value(spec?.resources?.requests?.storage ?? "0");
export const hasSameMode = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
	(volume.spec?.volumeMode ?? "Filesystem") === (claim.spec?.volumeMode ?? "Filesystem");
export const hasAccessModes = ({ spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
	(claim.spec?.accessModes ?? []).every((mode) => spec?.accessModes?.includes(mode));

/** Whether the volume is kept for the claim, by name at least (IsVolumeBoundToClaim). */
export function isKeptFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
	const ref = spec?.claimRef;
	if (!ref || ref.name !== metadata.name || ref.namespace !== metadata.namespace) return false;
	return !ref.uid || ref.uid === metadata.uid;
}

/** Volumes by the claim that each is kept for, or, free ones, by their class. */
export const VOLUMES_BY_USE: Grouping = {
	resource: "persistentvolumes",
	keys(object) {
		const volume = object as PersistentVolume;
		const ref = volume.spec?.claimRef;
		return [ref ? keptFor(ref) : freeOf(storageClassOf(volume))];
	},
};

type ClaimName = { namespace?: string; name?: string };
/** The volumes of one group. */
type Look = (grouping: Grouping, key: string) => readonly PersistentVolume[];

const keptFor = ({ namespace = "", name = "" }: ClaimName): string => `kept ${namespace}/${name}`;
const freeOf = (className: string): string => `free ${className}`;

/** The volumes that a claim may get: those kept for one of its name first. */
export const volumesFor = (claim: PersistentVolumeClaim, look: Look): PersistentVolume[] => [
	...volumesKeptFor(claim.metadata, look),
	...look(VOLUMES_BY_USE, freeOf(storageClassOf(claim))),
];

/** Those that name a claim of this name, be it this one or an earlier one. */
export const volumesKeptFor = (name: ClaimName, look: Look): readonly PersistentVolume[] => look(VOLUMES_BY_USE, keptFor(name));

export interface Search {
	/** Whether the volume can be reached from where it is wanted; any volume, where that is open. */
	reaches?(volume: PersistentVolume): boolean;
	/** Volumes that others get. */
	taken?: ReadonlySet<string>;
	/** Only what is kept for the claim: the rest is chosen with its first pod's node. */
	onlyKept?: boolean;
}

export function findVolume(
	claim: PersistentVolumeClaim,
	volumes: readonly PersistentVolume[],
	{ reaches = () => true, taken, onlyKept = false }: Search = {},
): PersistentVolume | undefined {
	const wanted = wantedSize(claim);
	let best: PersistentVolume | undefined;
	for (const volume of volumes) {
		const { metadata, spec } = volume;
		if (taken?.has(metadata.name ?? "") || (spec?.claimRef && !isKeptFor(volume, claim))) continue;
		if (sizeOf(volume) < wanted || !hasSameMode(volume, claim) || metadata.deletionTimestamp) continue;
		if (spec?.claimRef) return reaches(volume) ? volume : undefined;
		if (!onlyKept && isFreeFor(volume, claim) && reaches(volume) && (best === undefined || isBetter(volume, best))) best = volume;
	}
	return best;
}

function isFreeFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
	const { metadata, spec, status } = volume;
	if (status?.phase !== "Available" || storageClassOf(volume) !== storageClassOf(claim) || !hasAccessModes(volume, claim)) return false;
	if ((spec?.volumeAttributesClassName ?? "") !== (claim.spec?.volumeAttributesClassName ?? "")) return false;
	return claim.spec?.selector === undefined || labelSelectorOf(claim.spec.selector).matches(metadata.labels);
}

/** One that can do little besides, then the smaller. */
function isBetter(volume: PersistentVolume, than: PersistentVolume): boolean {
	const modes = (volume.spec?.accessModes?.length ?? 0) - (than.spec?.accessModes?.length ?? 0);
	return modes === 0 ? sizeOf(volume) < sizeOf(than) : modes < 0;
}
