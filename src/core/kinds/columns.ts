/** Columns and cells that several kinds share: pkg/printers/internalversion. */
import type { KubeObject } from "../meta/object.ts";
import type { LabelSelector, PodTemplateSpec } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { builtinDocs } from "../schema/builtin-docs.ts";
import { ageSince } from "../table/human-duration.ts";
import type { TableColumn } from "./define-kind.ts";

export const NAME_DESCRIPTION =
	"Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
export const CREATED_DESCRIPTION =
	"CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/** How long ago the object was made. */
export const ageColumn: TableColumn<KubeObject> = {
	name: "Age",
	type: "string",
	description: CREATED_DESCRIPTION,
	cell: (object, { nowMs }) => ageSince(object.metadata.creationTimestamp, nowMs),
};

/** When the object was made: the second column of kinds for which upstream has no printer. */
export const createdAtColumn: TableColumn<KubeObject> = {
	name: "Created At",
	type: "date",
	description: CREATED_DESCRIPTION,
	cell: (object) => object.metadata.creationTimestamp ?? null,
};

/** A column whose description is the documentation of the field it shows; it is looked up when it is asked for. */
export const fieldColumn = <T>(type: string, field: string, column: Omit<TableColumn<T>, "description">): TableColumn<T> => ({
	...column,
	get description() {
		return builtinDocs(type).fields.get(field) ?? "";
	},
});

/** Containers, Images and Selector of a workload, for -o wide. */
export function workloadColumns<T>(
	template: (object: T) => PodTemplateSpec | undefined,
	selector: (object: T) => LabelSelector | undefined,
	selectorDescription: string,
): TableColumn<T>[] {
	const containers = (object: T) => template(object)?.spec?.containers ?? [];
	return [
		{
			name: "Containers",
			type: "string",
			priority: 1,
			description: "Names of each container in the template.",
			cell: (object) =>
				containers(object)
					.map((c) => c.name)
					.join(","),
		},
		{
			name: "Images",
			type: "string",
			priority: 1,
			description: "Images referenced by each container in the template.",
			cell: (object) =>
				containers(object)
					.map((c) => c.image ?? "")
					.join(","),
		},
		{
			name: "Selector",
			type: "string",
			priority: 1,
			description: selectorDescription,
			cell: (object) => formatLabelSelector(selector(object)),
		},
	];
}

/** metav1.FormatLabelSelector: the text of a selector, or "<none>"; a malformed one must not spoil the table. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
	try {
		return labelSelectorOf(selector).toString() || "<none>";
	} catch {
		return "<error>";
	}
}

/** labels.FormatLabels: "a=b,c=d" in key order, or "<none>". */
export function formatLabels(labels: Record<string, string> | undefined): string {
	const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
	return pairs.length === 0 ? "<none>" : pairs.sort().join(",");
}

export const orNone = (value: string | undefined): string => (value ? value : "<none>");
