/** DeviceClass: pkg/registry/resource/deviceclass, pkg/apis/resource/validation. */
import { type FieldError, invalid } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { DeviceClass } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { CONFIGURATIONS_MAX, DEVICE_GROUP, validateConfiguration, validateEach, validateSelectors } from "./device-rules.ts";
import { isExtendedResource } from "./resource-validation.ts";
import { bumpGeneration } from "./strategy.ts";

function validate({ spec }: DeviceClass): FieldError[] {
	const name = spec.extendedResourceName;
	const errors = [
		...validateSelectors(spec.selectors, "spec.selectors"),
		...validateEach(spec.config, CONFIGURATIONS_MAX, "spec.config", validateConfiguration),
	];
	if (name !== undefined && !isExtendedResource(name)) errors.push(invalid("spec.extendedResourceName", name, "must be a valid extended resource name"));
	return errors;
}

export const deviceClassKind = defineKind<DeviceClass>({
	group: DEVICE_GROUP,
	version: "v1",
	kind: "DeviceClass",
	plural: "deviceclasses",
	singular: "deviceclass",
	scope: "Cluster",
	schema: "resource/v1.DeviceClass",
	prepareCreate(deviceClass) {
		deviceClass.metadata.generation = 1;
	},
	prepareUpdate(next, old) {
		bumpGeneration(next, old, !semanticEqual(next.spec, old.spec));
	},
	validate,
	columns: [ageColumn],
});
