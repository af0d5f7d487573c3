/** A pod goes only where its volumes are, or can be. */
import type { PersistentVolumeClaim } from "../../schema/kubernetes.d.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, type FilterPlugin, type NodeCheck, nodeOf, type Refusal, type Rejection } from "../plugin.ts";
import { SELECTED_NODE } from "../../volumes/claim-annotations.ts";
import { canProvision, claimNames, freeVolumes, hasRoom, isBound, isDelayed, type VolumeObjects, volumeReaches } from "../volume-objects.ts";

const rejection = (reason: string): Rejection => ({ reasons: [reason], resolvable: false });
const CONFLICT = rejection("node(s) didn't match PersistentVolume's node affinity");
const NO_VOLUME = rejection("node(s) didn't find available persistent volumes to bind");
const LOST = rejection("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
const NO_ROOM = rejection("node(s) did not have enough free storage");
const OBJECTS = ["persistentvolumes", ...["storageclasses", "csinodes", "csidrivers", "csistoragecapacities"].map((plural) => `storage.k8s.io/${plural}`)];

export const volumeBinding: FilterPlugin = {
	name: "VolumeBinding",
	filter(candidate, { objects }) {
		const claims = namedClaims(candidate);
		if ("refusal" in claims) return claims;
		if (claims.length === 0) return undefined;
		if (claims.some((claim) => !isBound(claim) && !isDelayed(claim, objects))) return { refusal: "pod has unbound immediate PersistentVolumeClaims" };
		const checks = claims.map((claim) => (isBound(claim) ? whereBound(claim, objects) : whereBindable(claim, objects)));
		return (node) => {
			for (const check of checks) {
				const found = check(node);
				if (found) return found;
			}
			return undefined;
		};
	},
	helps: (happening) => (happening.type === "objectChanged" ? OBJECTS.includes(happening.resource) : nodeOf(happening, "labels") !== undefined),
};

function namedClaims({ pod, volumeClaims }: Candidate): PersistentVolumeClaim[] | Refusal {
	const claims: PersistentVolumeClaim[] = [];
	for (const { name, ephemeral } of claimNames(pod)) {
		const claim = volumeClaims.find(({ metadata }) => metadata.name === name);
		const quoted = JSON.stringify(name);
		if (claim === undefined)
			return {
				refusal: ephemeral
					? `waiting for ephemeral volume controller to create the persistentvolumeclaim ${quoted}`
					: `persistentvolumeclaim ${quoted} not found`,
			};
		if (claim.status?.phase === "Lost")
			return { refusal: `persistentvolumeclaim ${quoted} bound to non-existent persistentvolume ${JSON.stringify(claim.spec?.volumeName)}` };
		if (claim.metadata.deletionTimestamp) return { refusal: `persistentvolumeclaim ${quoted} is being deleted` };
		claims.push(claim);
	}
	return claims;
}

function whereBound({ spec }: PersistentVolumeClaim, objects: VolumeObjects): NodeCheck {
	const volume = objects.volume(spec?.volumeName ?? "");
	if (volume === undefined) return () => LOST;
	return (node) => (volumeReaches(volume, node) ? undefined : CONFLICT);
}

/** A claim for which a node was chosen already stays with it until its provisioner gives up. */
function whereBindable(claim: PersistentVolumeClaim, objects: VolumeObjects): NodeCheck {
	const selected = claim.metadata.annotations?.[SELECTED_NODE];
	if (selected !== undefined) return (node: NodeState) => (node.name === selected ? undefined : NO_VOLUME);
	const freeVolume = freeVolumes(claim, objects);
	return (node) => {
		if (freeVolume(node)) return undefined;
		if (!canProvision(claim, node, objects)) return NO_VOLUME;
		return hasRoom(claim, node, objects) ? undefined : NO_ROOM;
	};
}
