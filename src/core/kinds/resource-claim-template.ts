/** ResourceClaimTemplate: pkg/registry/resource/resourceclaimtemplate. */
import { validateAnnotations, validateLabels } from "../meta/object-meta-validation.ts";
import type { ResourceClaimTemplate } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { defaultClaimSpec, validateClaimSpec } from "./device-claim-validation.ts";
import { DEVICE_GROUP } from "./device-rules.ts";
import { validateImmutable } from "./immutable-field.ts";

export const resourceClaimTemplateKind = defineKind<ResourceClaimTemplate>({
	group: DEVICE_GROUP,
	version: "v1",
	kind: "ResourceClaimTemplate",
	plural: "resourceclaimtemplates",
	singular: "resourceclaimtemplate",
	scope: "Namespaced",
	schema: "resource/v1.ResourceClaimTemplate",
	defaults: ({ spec }) => defaultClaimSpec(spec.spec),
	validate: ({ spec }) => [
		...validateLabels(spec.metadata?.labels, "spec.metadata.labels"),
		...validateAnnotations(spec.metadata?.annotations, "spec.metadata.annotations"),
		...validateClaimSpec(spec.spec ?? {}, "spec.spec"),
	],
	validateUpdate: (next, old) => validateImmutable(next.spec, old.spec, "spec"),
	columns: [ageColumn],
});
