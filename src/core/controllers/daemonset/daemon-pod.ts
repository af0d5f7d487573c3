/** The pod of a DaemonSet for one node, and whether it should be there (daemonset_util, NodeShouldRunDaemonPod). */
import { TEMPLATE_GENERATION } from "../../kinds/daemon-set.ts";
import { requiredNodes } from "../../scheduler/node-selection.ts";
import { isTolerated } from "../../scheduler/tolerations.ts";
import type { Affinity, DaemonSet, Node, NodeSelectorTerm, Pod, PodSpec, Toleration } from "../../schema/kubernetes.d.ts";
import { REVISION_LABEL } from "../controller-history.ts";
import { controllerReference, draftOf, labelsOf, nameOf } from "../identity.ts";

/** rand.String's length in generated names, and the stem that it leaves of a label's length. */
const SUFFIX_LENGTH = 5;
const STEM_LENGTH_MAX = 58;
const GENERATION_LABEL = "pod-template-generation";
const NODE_NAME_FIELD = "metadata.name";

/** Daemons stay where others must leave, and come where others may not. */
const TOLERATED: readonly Toleration[] = [
	{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
	{ key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
	{ key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
	{ key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
	{ key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
	{ key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const HOST_NETWORK_TOLERATED: Toleration = { key: "node.kubernetes.io/network-unavailable", operator: "Exists", effect: "NoSchedule" };

/** Those of the template, and what every daemon tolerates. */
function tolerationsOf(spec: PodSpec | undefined): Toleration[] {
	const added = [...TOLERATED, ...(spec?.hostNetwork ? [HOST_NETWORK_TOLERATED] : [])];
	const own = (spec?.tolerations ?? []).filter(
		(one) => !added.some((other) => one.key === other.key && one.effect === other.effect && one.operator === other.operator && (one.value ?? "") === ""),
	);
	return [...own, ...added];
}

export interface Fit {
	shouldRun: boolean;
	/** A pod that is there may stay. */
	mayStay: boolean;
}

export function fitOf(set: DaemonSet, node: Node): Fit {
	const spec = set.spec?.template.spec;
	const name = nameOf(node);
	if (spec?.nodeName && spec.nodeName !== name) return { shouldRun: false, mayStay: false };
	const fits = requiredNodes({ apiVersion: "v1", kind: "Pod", metadata: {}, ...(spec ? { spec } : {}) });
	if (fits && !fits({ name, labels: labelsOf(node) })) return { shouldRun: false, mayStay: false };
	const tolerations = tolerationsOf(spec);
	const refused = (node.spec?.taints ?? []).filter((taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(taint, tolerations));
	return { shouldRun: refused.length === 0, mayStay: refused.every((taint) => taint.effect !== "NoExecute") };
}

/** The template's affinity with the node named in place of every field requirement (ReplaceDaemonSetPodNodeNameNodeAffinity). */
function affinityFor(node: string, affinity: Affinity | undefined): Affinity {
	const matchFields = [{ key: NODE_NAME_FIELD, operator: "In", values: [node] }];
	const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
	const nodeSelectorTerms = terms.map((term): NodeSelectorTerm => ({ ...term, matchFields }));
	return { ...affinity, nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
}

/** The node that a pod is on or, before it is bound, is meant for. */
export function nodeOf(pod: Pod): string | undefined {
	if (pod.spec?.nodeName) return pod.spec.nodeName;
	const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
	return terms
		.flatMap(({ matchFields = [] }) => matchFields.filter(({ key, operator }) => key === NODE_NAME_FIELD && operator === "In"))
		.flatMap(({ values = [] }) => values)[0];
}

export const revisionOf = (pod: Pod): string => labelsOf(pod)[REVISION_LABEL] ?? "";

export function podFor(set: DaemonSet, node: string, hash: string, suffix: (length: number) => string): Pod {
	const { metadata, spec } = draftOf(set.spec?.template) ?? {};
	const stem = `${nameOf(set)}-`.slice(0, STEM_LENGTH_MAX);
	const generation = set.metadata.annotations?.[TEMPLATE_GENERATION];
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name: stem + suffix(SUFFIX_LENGTH),
			generateName: `${nameOf(set)}-`,
			namespace: set.metadata.namespace,
			labels: { ...metadata?.labels, [REVISION_LABEL]: hash, ...(generation ? { [GENERATION_LABEL]: generation } : {}) },
			...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
			...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
			ownerReferences: [controllerReference(set)],
		},
		spec: { ...(spec ?? { containers: [] }), affinity: affinityFor(node, spec?.affinity), tolerations: tolerationsOf(spec) },
	};
}
