/** The claims of a StatefulSet's pods: made before them, kept or dropped after them by the retention policy (KEP-1847). */
import type { OwnerReference } from "../../meta/object.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { PersistentVolumeClaim, Pod, StatefulSet, Volume } from "../../schema/kubernetes.d.ts";
import type { Action, View } from "../controller.ts";
import { controllerReference, draftOf, isBeingDeleted, nameOf, setMetadataList, uidOf } from "../identity.ts";

export const CLAIMS = "persistentvolumeclaims";

const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string => `${nameOf(template)}-${nameOf(set)}-${ordinal}`;
const templatesOf = (set: StatefulSet): readonly PersistentVolumeClaim[] => set.spec?.volumeClaimTemplates ?? [];

/** The pod's volumes: the claims in place of template volumes of their names. */
export function claimVolumes(set: StatefulSet, ordinal: number, volumes: readonly Volume[] = []): { volumes?: Volume[] } {
	const claims = templatesOf(set).map(
		(template): Volume => ({ name: nameOf(template), persistentVolumeClaim: { claimName: claimName(set, template, ordinal) } }),
	);
	const names = new Set(claims.map(({ name }) => name));
	const all = [...claims, ...volumes.filter(({ name }) => !names.has(name))];
	return all.length > 0 ? { volumes: all } : {};
}

/** Whether the claim's name is one that the set's pods use. */
export function isClaimOf(set: StatefulSet, claim: string): boolean {
	return templatesOf(set).some((template) => claim.startsWith(`${nameOf(template)}-${nameOf(set)}-`));
}

/** Creates the claims that an ordinal lacks. */
export function createMissingClaims(set: StatefulSet, ordinal: number, podName: string, view: View): Action[] {
	return templatesOf(set).flatMap((template): Action[] => {
		const name = claimName(set, template, ordinal);
		if (view.get(CLAIMS, name) !== undefined) return [];
		const { metadata, spec } = draftOf(template);
		const object: PersistentVolumeClaim = {
			apiVersion: "v1",
			kind: "PersistentVolumeClaim",
			metadata: {
				name,
				namespace: set.metadata.namespace,
				labels: { ...metadata.labels, ...set.spec?.selector.matchLabels },
				...(metadata.annotations ? { annotations: metadata.annotations } : {}),
			},
			...(spec ? { spec } : {}),
		};
		const message = `create Claim ${name} Pod ${podName} in StatefulSet ${nameOf(set)} success`;
		return [
			{ type: "create", resource: CLAIMS, object },
			{ type: "event", about: set, eventType: "Normal", reason: "SuccessfulCreate", message },
		];
	});
}

function claimsOf(set: StatefulSet, ordinal: number, view: View): PersistentVolumeClaim[] {
	return templatesOf(set).flatMap((template) => view.get<PersistentVolumeClaim>(CLAIMS, claimName(set, template, ordinal)) ?? []);
}

/** A claim that goes with a former pod of this ordinal: the new one must wait for a fresh claim. */
export function hasStaleClaim(set: StatefulSet, ordinal: number, view: View): boolean {
	return claimsOf(set, ordinal, view).some(
		(claim) => isBeingDeleted(claim) || claim.metadata.ownerReferences?.some(({ kind, controller }) => kind === "Pod" && controller === true),
	);
}

/** Makes the claims of a pod go when the retention policy says: with the set, or with the pod that is scaled away. */
export function alignRetention(set: StatefulSet, pod: Pod, ordinal: number, condemned: boolean, view: View): Action[] {
	const { whenDeleted, whenScaled } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
	const byPod = condemned && whenScaled === "Delete";
	const owner = byPod ? controllerReference(pod) : whenDeleted === "Delete" ? controllerReference(set) : undefined;
	return claimsOf(set, ordinal, view).flatMap((claim): Action[] => {
		const others = (claim.metadata.ownerReferences ?? []).filter((reference) => !isOurs(reference, set, pod));
		// What another controller owns is not ours to give away.
		if (others.some(({ controller }) => controller === true)) return [];
		const wanted = owner ? [...others, owner] : others;
		if (isBeingDeleted(claim) || semanticEqual(wanted, claim.metadata.ownerReferences)) return [];
		const draft = draftOf(claim);
		setMetadataList(draft, "ownerReferences", wanted);
		return [{ type: "update", resource: CLAIMS, object: draft }];
	});
}

const isOurs = ({ uid }: OwnerReference, set: StatefulSet, pod: Pod): boolean => uid === uidOf(set) || uid === uidOf(pod);
