/** No node is given more volumes than its CSI driver can attach there. */
import { volumesKeptFor } from "../../volumes/volume-matching.ts";
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";
import type { VolumeObjects } from "../volume-objects.ts";

const EXCEEDED: Rejection = { reasons: ["node(s) exceed max volume count"], resolvable: true };

export const nodeVolumeLimits: FilterPlugin = {
	name: "NodeVolumeLimits",
	filter({ ref, scheduling, volumeClaims }, ledger) {
		const { objects } = ledger;
		const wanted = [
			...(scheduling.claims ?? []).map((claim) => attachmentOf(ref.namespace, claim, objects)),
			...volumeClaims.filter(({ spec }) => !spec?.volumeName).map(({ metadata, spec }) => unbound(metadata.uid ?? "", spec?.storageClassName, objects)),
		].filter((attachment) => attachment !== undefined);
		return wanted.length === 0 ? undefined : (node) => (exceeds(wanted, node, ledger) ? EXCEEDED : undefined);
	},
	helps: (happening) =>
		happening.type === "podRemoved"
			? (happening.placement.pod.claims ?? []).length > 0
			: happening.type === "objectChanged"
				? happening.resource === "storage.k8s.io/csinodes"
				: nodeOf(happening) !== undefined,
};

interface Attachment {
	driver: string;
	handle: string;
}

function attachmentOf(namespace: string, claim: string, objects: VolumeObjects): Attachment | undefined {
	const volume = volumesKeptFor({ namespace, name: claim }, objects.volumesBy)[0];
	const csi = volume?.spec?.csi;
	return csi && { driver: csi.driver, handle: csi.volumeHandle };
}

/** A volume that is still to be made counts for the driver that will make it. */
function unbound(uid: string, storageClassName: string | undefined, objects: VolumeObjects): Attachment | undefined {
	const driver = objects.storageClass(storageClassName ?? "")?.provisioner;
	return driver === undefined ? undefined : { driver, handle: uid };
}

function exceeds(wanted: readonly Attachment[], node: NodeState, { objects }: Ledger): boolean {
	for (const { name, allocatable } of objects.csiNode(node.name)?.spec.drivers ?? []) {
		const limit = allocatable?.count;
		const more = wanted.filter(({ driver }) => driver === name);
		if (limit === undefined || more.length === 0) continue;
		const there = [...node.placements.values()].flatMap(({ ref, pod }) => (pod.claims ?? []).map((claim) => attachmentOf(ref.namespace, claim, objects)));
		const handles = new Set([...there, ...more].filter((one) => one?.driver === name).map((one) => one?.handle));
		if (handles.size > limit) return true;
	}
	return false;
}
