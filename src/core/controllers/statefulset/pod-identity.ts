/** Which pod is which: names, ordinals and what follows from them (stateful_set_utils). */
import type { Pod, PodTemplateSpec, StatefulSet } from "../../schema/kubernetes.d.ts";
import { REVISION_LABEL } from "../controller-history.ts";
import { controllerReference, draftOf, labelsOf, nameOf } from "../identity.ts";
import { claimVolumes } from "./volume-claims.ts";

export const POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name";
export const POD_INDEX_LABEL = "apps.kubernetes.io/pod-index";

/** "web-3" is the pod of ordinal 3 of "web". */
export function parentAndOrdinal(podName: string): { parent: string; ordinal: number } | undefined {
	const [, parent, digits] = /^(.*)-([0-9]+)$/.exec(podName) ?? [];
	if (parent === undefined || digits === undefined || (digits.length > 1 && digits.startsWith("0"))) return undefined;
	const ordinal = Number(digits);
	return ordinal <= 2_147_483_647 ? { parent, ordinal } : undefined;
}

export const podNameOf = (set: StatefulSet, ordinal: number): string => `${nameOf(set)}-${ordinal}`;
export const startOrdinal = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0;
export const replicasOf = (set: StatefulSet): number => set.spec?.replicas ?? 1;
export const ordinalOf = (pod: Pod): number => parentAndOrdinal(nameOf(pod))?.ordinal ?? -1;
export const isMember = (set: StatefulSet, pod: Pod): boolean => parentAndOrdinal(nameOf(pod))?.parent === nameOf(set);
export const revisionOf = (pod: Pod): string => labelsOf(pod)[REVISION_LABEL] ?? "";

const identityLabels = (name: string, ordinal: number): Record<string, string> => ({ [POD_NAME_LABEL]: name, [POD_INDEX_LABEL]: String(ordinal) });

export const identityMatches = (pod: Pod): boolean =>
	Object.entries(identityLabels(nameOf(pod), ordinalOf(pod))).every(([key, value]) => labelsOf(pod)[key] === value);

export function withIdentity(pod: Pod): Pod {
	const draft = draftOf(pod);
	draft.metadata.labels = { ...draft.metadata.labels, ...identityLabels(nameOf(pod), ordinalOf(pod)) };
	return draft;
}

/** The pod of an ordinal, from a revision's template. */
export function podFor(set: StatefulSet, ordinal: number, template: PodTemplateSpec, revision: string): Pod {
	const { metadata, spec } = draftOf(template);
	const name = podNameOf(set, ordinal);
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name,
			generateName: `${nameOf(set)}-`,
			namespace: set.metadata.namespace,
			labels: { ...metadata?.labels, ...identityLabels(name, ordinal), [REVISION_LABEL]: revision },
			...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
			...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
			ownerReferences: [controllerReference(set)],
		},
		spec: {
			...(spec ?? { containers: [] }),
			hostname: name,
			...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
			...claimVolumes(set, ordinal, spec?.volumes),
		},
	};
}
