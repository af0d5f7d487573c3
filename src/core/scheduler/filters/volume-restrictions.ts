/** A claim of access mode ReadWriteOncePod is one pod's alone. */
import type { FilterPlugin, Rejection } from "../plugin.ts";
import type { PodQuery } from "../pod-counter.ts";

const IN_USE: Rejection = {
	reasons: ["node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"],
	resolvable: true,
};

export const volumeRestrictions: FilterPlugin = {
	name: "VolumeRestrictions",
	countsPods: true,
	filter({ ref, volumeClaims }, ledger) {
		const exclusive = volumeClaims.filter(({ spec }) => spec?.accessModes?.includes("ReadWriteOncePod"));
		const inUse = exclusive.map(({ metadata }) => ledger.counter(usersOf(ref.namespace, metadata.name ?? ""))).filter(({ byNode }) => byNode.size > 0);
		// Only where its user runs could preemption free it.
		return inUse.length === 0 ? undefined : (node) => (inUse.some((users) => users.on(node) > 0) ? IN_USE : { ...IN_USE, resolvable: false });
	},
	helps: (happening, { ref, volumeClaims }) =>
		happening.type === "podRemoved" && volumeClaims.some(({ metadata }) => usersOf(ref.namespace, metadata.name ?? "").matches(happening.placement)),
};

const usersOf = (namespace: string, claim: string): PodQuery => ({
	key: `users of claim ${namespace}/${claim}`,
	matches: ({ ref, pod }) => ref.namespace === namespace && (pod.claims ?? []).includes(claim),
});
