/** Seals the bodies of the collections that are to be kept sealed, opens them again, and seals them anew after a rotation of the keys. */
import type { ResourceName } from "../core/meta/object.ts";
import type { Sealing } from "./seal.ts";
import type { Sql } from "./sql.ts";

/** Rows that one sweep seals anew. */
export const RESEALED_ROWS_MAX = 200;

/** Where objects' texts are kept. */
const SEALED_COLUMNS = [
	["changes", "body"],
	["changes", "old"],
	["kept_changes", "body"],
	["kept_changes", "old"],
] as const;

const placeOf = (resource: ResourceName, name: string): string => `${resource}/${name}`;

export class SealedTexts {
	readonly #sql: Sql;
	readonly #sealing: Sealing | undefined;

	constructor(sql: Sql, sealing: Sealing | undefined) {
		this.#sql = sql;
		this.#sealing = sealing;
	}

	concerns(resource: ResourceName): boolean {
		return this.#sealing?.resources.has(resource) === true;
	}

	/** As it is to be stored. */
	textOf(resource: ResourceName, name: string, body: string): string {
		return this.#sealing !== undefined && this.concerns(resource) ? this.#sealing.seal.seal(body, placeOf(resource, name)) : body;
	}

	/** The row with its body as it was before it was stored. */
	opened<Row extends { name: string; body: string }>(resource: ResourceName, row: Row): Row {
		if (this.#sealing === undefined || row.body.startsWith("{")) return row;
		return { ...row, body: this.#sealing.seal.open(row.body, placeOf(resource, row.name)) };
	}

	get needsSweep(): boolean {
		return (this.#sealing?.seal.outdatedPrefixes.length ?? 0) > 0;
	}

	/** Seals some of what is not sealed with the present key; false when nothing was left. */
	sweep(): boolean {
		if (this.#sealing === undefined || !this.needsSweep) return false;
		for (const [table, column] of SEALED_COLUMNS) {
			const rows = this.#outdated(table, column, RESEALED_ROWS_MAX);
			for (const row of rows) {
				const body = this.textOf(row.resource, row.name, this.opened(row.resource, row).body);
				this.#sql.run(`UPDATE ${table} SET ${column} = ? WHERE resource = ? AND name = ? AND revision = ?`, body, row.resource, row.name, row.revision);
			}
			if (rows.length > 0) return true;
		}
		this.#sealing.seal.forgetOutdated();
		return false;
	}

	#outdated(table: string, column: string, limit: number): { resource: string; name: string; revision: number; body: string }[] {
		const { seal, resources } = this.#sealing as Sealing;
		const marks = (values: readonly unknown[]): string => values.map(() => "?").join(", ");
		const prefixes = seal.outdatedPrefixes;
		const outdated = prefixes.map(() => `substr(${column}, 1, length(?)) = ?`).join(" OR ");
		const query = `SELECT resource, name, revision, ${column} AS body FROM ${table} WHERE resource IN (${marks([...resources])}) AND (${outdated}) LIMIT ?`;
		return this.#sql.all(query, ...resources, ...prefixes.flatMap((prefix) => [prefix, prefix]), limit);
	}
}
