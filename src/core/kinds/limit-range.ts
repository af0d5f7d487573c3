/** LimitRange: pkg/registry/core/limitrange, SetDefaults_LimitRangeItem. */
import type { LimitRange, LimitRangeItem } from "../schema/kubernetes.d.ts";
import { createdAtColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateLimitRange } from "./limit-range-validation.ts";

/** Defaults of a container's limits: from the maximum; its requests: from the limits, else from the minimum. */
function defaultItem(item: LimitRangeItem): void {
	if (item.type !== "Container") return;
	item.default = { ...item.max, ...item.default };
	item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
}

export const limitRangeKind = defineKind<LimitRange>({
	group: "",
	version: "v1",
	kind: "LimitRange",
	plural: "limitranges",
	singular: "limitrange",
	shortNames: ["limits"],
	scope: "Namespaced",
	schema: "core/v1.LimitRange",
	defaults: (range) => range.spec?.limits?.forEach(defaultItem),
	validate: validateLimitRange,
	columns: [createdAtColumn],
});
