/** additionalPrinterColumns as columns of a table (apiextensions-apiserver pkg/registry/customresource/tableconvertor). */
import type { Json, KubeObject } from "../meta/object.ts";
import type { TableColumn } from "../kinds/define-kind.ts";
import { CREATED_DESCRIPTION } from "../kinds/columns.ts";
import type { CustomResourceColumnDefinition } from "../schema/kubernetes.d.ts";
import { ageSince, humanDuration } from "../table/human-duration.ts";
import { JsonPath } from "./json-path.ts";

type Cell = string | number | boolean | null;

/** Without columns of its own a kind has its age. */
const AGE: TableColumn<KubeObject> = {
	name: "Age",
	type: "date",
	description: CREATED_DESCRIPTION,
	cell: (object, { nowMs }) => ageSince(object.metadata.creationTimestamp, nowMs),
};

function dateCell(value: Json, nowMs: number): Cell {
	if (typeof value !== "string") return null;
	const time = Date.parse(value);
	return Number.isNaN(time) ? "<invalid>" : humanDuration(nowMs - time);
}

function cellOf(type: string, value: Json | undefined, nowMs: number): Cell {
	if (value === undefined || value === null) return null;
	if (type === "string") return typeof value === "object" ? JSON.stringify(value) : String(value);
	if (type === "date") return dateCell(value, nowMs);
	if (type === "integer") return typeof value === "number" ? Math.trunc(value) : null;
	return typeof value === type ? (value as Cell) : null;
}

function customColumn({ name, type, format, description, priority, jsonPath }: CustomResourceColumnDefinition): TableColumn<KubeObject> {
	const path = JsonPath.parse(jsonPath);
	return {
		name,
		type: type as TableColumn<KubeObject>["type"],
		...(format ? { format } : {}),
		description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
		...(priority ? { priority } : {}),
		cell: (object, { nowMs }) => cellOf(type, path?.find(object as unknown as Json)[0], nowMs),
	};
}

export const customColumns = (columns: readonly CustomResourceColumnDefinition[] | undefined): TableColumn<KubeObject>[] =>
	columns?.length ? columns.map(customColumn) : [AGE];
