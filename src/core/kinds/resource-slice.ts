/** ResourceSlice: pkg/registry/resource/resourceslice. */
import { metaTime } from "../controllers/meta-time.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { ResourceSlice } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { DEVICE_GROUP } from "./device-rules.ts";
import { validateResourceSlice, validateResourceSliceUpdate } from "./resource-slice-validation.ts";
import { bumpGeneration } from "./strategy.ts";

const SPEC = "resource/v1.ResourceSliceSpec";

/** SetDefaults_DeviceTaint: a taint counts from when it is first written. */
function stampTaints({ spec }: ResourceSlice, nowMs: number): void {
	for (const device of spec.devices ?? []) for (const taint of device.taints ?? []) taint.timeAdded ??= metaTime(nowMs);
}

export const resourceSliceKind = defineKind<ResourceSlice>({
	group: DEVICE_GROUP,
	version: "v1",
	kind: "ResourceSlice",
	plural: "resourceslices",
	singular: "resourceslice",
	scope: "Cluster",
	schema: "resource/v1.ResourceSlice",
	prepareCreate(slice, { nowMs }) {
		stampTaints(slice, nowMs);
		slice.metadata.generation = 1;
	},
	prepareUpdate(next, old, { nowMs }) {
		stampTaints(next, nowMs);
		bumpGeneration(next, old, !semanticEqual(next.spec, old.spec));
	},
	validate: validateResourceSlice,
	validateUpdate: validateResourceSliceUpdate,
	columns: [
		fieldColumn(SPEC, "nodeName", { name: "Node", type: "string", cell: ({ spec }) => spec.nodeName ?? "<unset>" }),
		fieldColumn(SPEC, "driver", { name: "Driver", type: "string", cell: ({ spec }) => spec.driver }),
		fieldColumn("resource/v1.ResourcePool", "name", { name: "Pool", type: "string", cell: ({ spec }) => spec.pool?.name ?? "" }),
		ageColumn,
	],
	selectableFields: { "spec.nodeName": ({ spec }) => spec.nodeName ?? "", "spec.driver": ({ spec }) => spec.driver },
});
