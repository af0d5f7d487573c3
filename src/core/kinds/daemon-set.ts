/** DaemonSet: pkg/registry/apps/daemonset, SetDefaults_DaemonSet. */
import { semanticEqual } from "../meta/equality.ts";
import type { DaemonSet } from "../schema/kubernetes.d.ts";
import { ageColumn, formatLabels, workloadColumns } from "./columns.ts";
import { validateDaemonSet, validateDaemonSetUpdate } from "./daemon-set-validation.ts";
import { defineKind } from "./define-kind.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { podWarnings } from "./pod-warnings.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";

const HISTORY_LIMIT = 10;
/** Counts the versions of the template: the field templateGeneration of older APIs, which apps/v1 carries as an annotation. */
export const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

function setTemplateGeneration(set: DaemonSet, generation: number): void {
	set.metadata.annotations = { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

function defaults({ spec }: DaemonSet): void {
	if (!spec) return;
	spec.updateStrategy ??= {};
	spec.updateStrategy.type ||= "RollingUpdate";
	if (spec.updateStrategy.type === "RollingUpdate") {
		spec.updateStrategy.rollingUpdate ??= {};
		spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
		spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
	}
	spec.revisionHistoryLimit ??= HISTORY_LIMIT;
	if (spec.template?.spec) defaultPodSpec(spec.template.spec);
}

type Counter = "desiredNumberScheduled" | "currentNumberScheduled" | "numberReady" | "updatedNumberScheduled" | "numberAvailable";
const counter = (name: string, field: Counter, description: string) => ({
	name,
	type: "integer" as const,
	description,
	cell: (set: DaemonSet) => set.status?.[field] ?? 0,
});

export const daemonSetKind = defineKind<DaemonSet>({
	group: "apps",
	version: "v1",
	kind: "DaemonSet",
	plural: "daemonsets",
	singular: "daemonset",
	shortNames: ["ds"],
	categories: ["all"],
	scope: "Namespaced",
	schema: "apps/v1.DaemonSet",
	podTemplate: (set) => set.spec?.template,
	subresources: { status: statusSubresource },
	defaults,
	prepareCreate(set) {
		startGeneration(set);
		setTemplateGeneration(set, 1);
		set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
	},
	prepareUpdate(next, old) {
		prepareSpecUpdate(next, old);
		const generation = Number.parseInt(old.metadata.annotations?.[TEMPLATE_GENERATION] ?? "0", 10) || 0;
		setTemplateGeneration(next, generation + (semanticEqual(next.spec?.template, old.spec?.template) ? 0 : 1));
	},
	validate: validateDaemonSet,
	validateUpdate: validateDaemonSetUpdate,
	warnings: (set) => podWarnings(set.spec?.template?.spec, set.spec?.template?.metadata?.annotations, "spec.template."),
	columns: [
		counter(
			"Desired",
			"desiredNumberScheduled",
			"The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod). More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
		),
		counter(
			"Current",
			"currentNumberScheduled",
			"The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod. More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
		),
		counter(
			"Ready",
			"numberReady",
			"numberReady is the number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition.",
		),
		counter("Up-to-date", "updatedNumberScheduled", "The total number of nodes that are running updated daemon pod"),
		counter(
			"Available",
			"numberAvailable",
			"The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)",
		),
		{
			name: "Node Selector",
			type: "string",
			description:
				"NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/",
			cell: (set) => formatLabels(set.spec?.template?.spec?.nodeSelector),
		},
		ageColumn,
		...workloadColumns<DaemonSet>(
			(set) => set.spec?.template,
			(set) => set.spec?.selector,
			"A label query over pods that are managed by the daemon set. Must match in order to be controlled. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
		),
	],
});
