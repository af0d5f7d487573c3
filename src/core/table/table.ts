/** metav1.Table: what `kubectl get` prints, made from a kind's columns. */
import { ageColumn, NAME_DESCRIPTION } from "../kinds/columns.ts";
import type { KindDefinition, TableColumn } from "../kinds/define-kind.ts";
import type { KubeObject } from "../meta/object.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableOptions {
	/** What each row carries besides its cells; kubectl asks for "Metadata" (the default upstream) or "Object". */
	includeObject: IncludeObject;
	nowMs: number;
	/** Metadata of the list that the table stands for. */
	listMeta?: Record<string, unknown>;
	/** Whether column definitions are written: a watch sends them with its first event only. */
	withoutDefinitions?: boolean;
}

export interface ColumnDefinition {
	name: string;
	type: string;
	format: string;
	description: string;
	priority: number;
}

export interface TableRow {
	cells: (string | number | boolean | null)[];
	conditions?: { type: string; status: string; reason?: string; message?: string }[];
	object?: unknown;
}

export interface Table {
	kind: "Table";
	apiVersion: "meta.k8s.io/v1";
	metadata: Record<string, unknown>;
	columnDefinitions: ColumnDefinition[];
	rows: TableRow[];
}

const nameColumn: TableColumn<KubeObject> = {
	name: "Name",
	type: "string",
	format: "name",
	description: NAME_DESCRIPTION,
	cell: (object) => object.metadata.name ?? "",
};

/** Name comes first unless the kind places it itself (Event does); a kind without columns has its age. */
function columnsOf(kind: KindDefinition): readonly TableColumn<KubeObject>[] {
	if (kind.columns.some((c) => c.format === "name")) return kind.columns;
	return [nameColumn, ...(kind.columns.length > 0 ? kind.columns : [ageColumn])];
}

export const columnDefinitions = (kind: KindDefinition): ColumnDefinition[] =>
	columnsOf(kind).map(({ name, type, format = "", description, priority = 0 }) => ({ name, type, format, description, priority }));

/** The table of `objects`; `listMeta` is that of their list (or of the single object). */
export function tableOf(kind: KindDefinition, objects: readonly KubeObject[], options: TableOptions): Table {
	const columns = columnsOf(kind);
	return {
		kind: "Table",
		apiVersion: "meta.k8s.io/v1",
		metadata: options.listMeta ?? {},
		columnDefinitions: options.withoutDefinitions ? [] : columnDefinitions(kind),
		rows: objects.map((object) => rowOf(kind, columns, object, options)),
	};
}

function rowOf(kind: KindDefinition, columns: readonly TableColumn<KubeObject>[], object: KubeObject, options: TableOptions): TableRow {
	const row: TableRow = { cells: columns.map((column) => column.cell(object, { nowMs: options.nowMs })) };
	const conditions = kind.rowConditions?.(object);
	if (conditions && conditions.length > 0) row.conditions = conditions;
	if (options.includeObject === "Object") row.object = object;
	if (options.includeObject === "Metadata") row.object = { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
	return row;
}
