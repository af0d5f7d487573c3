/** Pod: pkg/registry/core/pod and pkg/apis/core. */
import { semanticEqual } from "../meta/equality.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import { defineKind, type ObjectSubresource, PROXY_VERBS } from "./define-kind.ts";
import { podColumns, podRowConditions } from "./pod-columns.ts";
import { DEFAULT_GRACE_SECONDS, defaultPodOnly, defaultPodSpec } from "./pod-spec-defaults.ts";
import { validateEphemeralContainersUpdate, validatePodResize, validatePodStatusUpdate, validatePodUpdate } from "./pod-update-validation.ts";
import { validatePod } from "./pod-validation.ts";
import { podWarnings } from "./pod-warnings.ts";
import { qosClassOf } from "./qos.ts";
import { bumpGeneration, keepSpec, keepStatus } from "./strategy.ts";
import { cloneJson } from "../meta/clone.ts";

const SCHEDULING_GATED = {
	type: "PodScheduled",
	status: "False",
	reason: "SchedulingGated",
	message: "Scheduling is blocked due to non-empty scheduling gates",
};

function prepareCreate(pod: Pod, ctx: { nowMs: number }): void {
	pod.metadata.generation = 1;
	pod.status = { phase: "Pending", qosClass: qosClassOf(pod) };
	if (pod.spec?.schedulingGates?.length) {
		pod.status.conditions = [{ ...SCHEDULING_GATED, lastTransitionTime: `${new Date(ctx.nowMs).toISOString().slice(0, 19)}Z` }];
	}
}

/** The pod's first address stands in two places, as upstream's conversion keeps it. */
function mirrorAddresses({ status }: Pod): void {
	if (!status) return;
	if (status.podIP && !status.podIPs?.length) status.podIPs = [{ ip: status.podIP }];
	else if (status.podIPs?.[0]?.ip) status.podIP = status.podIPs[0].ip;
}

/** Everything but `spec` parts that the subresource owns comes from the stored pod. */
function keepAllBut(next: Pod, old: Pod, take: (from: Pod, into: Pod) => void): void {
	const kept = cloneJson(old);
	take(next, kept);
	kept.metadata.resourceVersion = next.metadata.resourceVersion;
	kept.metadata.managedFields = next.metadata.managedFields;
	next.metadata = kept.metadata;
	next.spec = kept.spec;
	next.status = kept.status;
	bumpGeneration(next, old, !semanticEqual(next.spec, old.spec));
}

const statusUpdate: ObjectSubresource<Pod> = {
	prepareUpdate(next, old) {
		keepSpec(next, old);
		bumpGeneration(next, old, false);
		next.metadata.ownerReferences = cloneJson(old.metadata.ownerReferences);
		if (next.metadata.ownerReferences === undefined) delete next.metadata.ownerReferences;
		next.status ??= {};
		if (old.status?.qosClass) next.status.qosClass = old.status.qosClass;
	},
	validateUpdate: validatePodStatusUpdate,
};

const ephemeralContainers: ObjectSubresource<Pod> = {
	prepareUpdate(next, old) {
		keepAllBut(next, old, (from, into) => {
			if (into.spec) into.spec.ephemeralContainers = from.spec?.ephemeralContainers;
		});
	},
	validateUpdate: (next, old) => [...validatePod(next), ...validateEphemeralContainersUpdate(next, old)],
};

const resize: ObjectSubresource<Pod> = {
	prepareUpdate(next, old) {
		keepAllBut(next, old, (from, into) => {
			for (const list of ["containers", "initContainers"] as const) {
				for (const container of into.spec?.[list] ?? []) {
					const wanted = from.spec?.[list]?.find((c) => c.name === container.name);
					if (!wanted) continue;
					container.resources = wanted.resources;
					container.resizePolicy = wanted.resizePolicy;
				}
			}
		});
	},
	validateUpdate: (next, old) => [...validatePod(next), ...validatePodResize(next, old)],
};

/** CheckGracefulDelete: pods that no kubelet holds go at once. */
function gracePeriodSeconds(pod: Pod, requested: number | undefined): number {
	const phase = pod.status?.phase;
	if (!pod.spec?.nodeName || phase === "Failed" || phase === "Succeeded") return 0;
	const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
	return seconds < 0 ? 1 : seconds;
}

export const podKind = defineKind<Pod>({
	group: "",
	version: "v1",
	kind: "Pod",
	plural: "pods",
	singular: "pod",
	shortNames: ["po"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "core/v1.Pod",
	subresources: {
		status: statusUpdate,
		object: { ephemeralcontainers: ephemeralContainers, resize },
		connect: {
			attach: { verbs: ["create", "get"], kind: { group: "", version: "v1", kind: "PodAttachOptions" } },
			binding: { verbs: ["create"], kind: { group: "", version: "v1", kind: "Binding" } },
			eviction: { verbs: ["create"], kind: { group: "policy", version: "v1", kind: "Eviction" } },
			exec: { verbs: ["create", "get"], kind: { group: "", version: "v1", kind: "PodExecOptions" } },
			log: { verbs: ["get"], kind: { group: "", version: "v1", kind: "Pod" } },
			portforward: { verbs: ["create", "get"], kind: { group: "", version: "v1", kind: "PodPortForwardOptions" } },
			proxy: { verbs: PROXY_VERBS, kind: { group: "", version: "v1", kind: "PodProxyOptions" } },
		},
	},
	defaults(pod) {
		pod.spec ??= { containers: [] };
		defaultPodSpec(pod.spec);
		defaultPodOnly(pod.spec);
		mirrorAddresses(pod);
	},
	prepareCreate,
	prepareUpdate(next, old) {
		keepStatus(next, old);
		bumpGeneration(next, old, !semanticEqual(next.spec, old.spec));
	},
	validate: validatePod,
	validateUpdate: validatePodUpdate,
	warnings: (pod) => podWarnings(pod.spec, pod.metadata.annotations, ""),
	columns: podColumns,
	rowConditions: podRowConditions,
	// A label of old, and one that upstream takes and never sets.
	fieldAliases: { "spec.host": "spec.nodeName", "status.podIPs": "status.podIPs" },
	selectableFields: {
		"spec.nodeName": (pod) => pod.spec?.nodeName ?? "",
		"spec.restartPolicy": (pod) => pod.spec?.restartPolicy ?? "",
		"spec.schedulerName": (pod) => pod.spec?.schedulerName ?? "",
		"spec.serviceAccountName": (pod) => pod.spec?.serviceAccountName ?? "",
		"spec.hostNetwork": (pod) => String(pod.spec?.hostNetwork ?? false),
		"status.phase": (pod) => pod.status?.phase ?? "",
		"status.podIP": (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? "",
		"status.nominatedNodeName": (pod) => pod.status?.nominatedNodeName ?? "",
	},
	gracePeriodSeconds,
});
