/** PodTemplate: pkg/registry/core/podtemplate. */
import type { PodTemplate } from "../schema/kubernetes.d.ts";
import { formatLabels, workloadColumns } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";
import { validatePodTemplate } from "./pod-template-validation.ts";
import { podWarnings } from "./pod-warnings.ts";
import { bumpGeneration } from "./strategy.ts";
import { semanticEqual } from "../meta/equality.ts";

export const podTemplateKind = defineKind<PodTemplate>({
	group: "",
	version: "v1",
	kind: "PodTemplate",
	plural: "podtemplates",
	singular: "podtemplate",
	scope: "Namespaced",
	schema: "core/v1.PodTemplate",
	podTemplate: (template) => template.template,
	defaults(template) {
		if (template.template?.spec) defaultPodSpec(template.template.spec);
	},
	prepareCreate(template) {
		template.metadata.generation = 1;
	},
	prepareUpdate(next, old) {
		bumpGeneration(next, old, !semanticEqual(next.template, old.template));
	},
	validate: (template) => validatePodTemplate(template.template, "template"),
	warnings: (template) => podWarnings(template.template?.spec, template.template?.metadata?.annotations, "template."),
	columns: [
		...workloadColumns<PodTemplate>(
			({ template }) => template,
			() => undefined,
			"",
		)
			.filter(({ name }) => name !== "Selector")
			.map(({ priority: _wideOnly, ...column }) => column),
		{
			name: "Pod Labels",
			type: "string",
			description: "The labels that the pods of the template get.",
			cell: ({ template }) => formatLabels(template?.metadata?.labels),
		},
	],
});
