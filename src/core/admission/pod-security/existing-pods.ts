/** What a namespace's pods would do wrong under a new enforce level: the warnings of the update that sets it. */
import type { Pod } from "../../schema/kubernetes.d.ts";
import { reasonsText, violationsOf } from "./evaluate.ts";
import { type LevelVersion, levelVersionText } from "./policy.ts";

/** Upstream's limit of one check. */
export const PODS_CHECKED_MAX = 3000;

const othersText = (count: number): string => (count === 0 ? "" : count === 1 ? " (and 1 other pod)" : ` (and ${count} other pods)`);

export function existingPodWarnings(namespace: string, enforce: LevelVersion, pods: readonly Pod[], exemptRuntimeClasses: readonly string[]): string[] {
	const byReason = new Map<string, string[]>();
	for (const { metadata, spec } of pods.slice(0, PODS_CHECKED_MAX)) {
		if (spec === undefined || exemptRuntimeClasses.includes(spec.runtimeClassName ?? "")) continue;
		const reason = reasonsText(violationsOf(enforce, metadata, spec));
		if (reason !== "") byReason.set(reason, [...(byReason.get(reason) ?? []), metadata.name ?? ""]);
	}
	const warnings: string[] = [];
	if (pods.length > PODS_CHECKED_MAX) {
		warnings.push(`new PodSecurity enforce level only checked against the first ${PODS_CHECKED_MAX} of ${pods.length} existing pods`);
	}
	if (byReason.size > 0) warnings.push(`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${levelVersionText(enforce)}"`);
	const told = [...byReason].map(([reason, names]) => `${names.sort()[0]}${othersText(names.length - 1)}: ${reason}`);
	return [...warnings, ...told.sort()];
}
