/** What controllers keep beside the store between two looks: rows of the meta table. */
import type { Sql } from "../store/sql.ts";

const PREFIX = "controller-memory/";
const rowKey = (controller: string, key: string): string => `${PREFIX}${controller}/${key}`;

export class ControllerMemory {
	readonly #sql: Sql;

	constructor(sql: Sql) {
		this.#sql = sql;
	}

	recall(controller: string, key: string): unknown {
		const row = this.#sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", rowKey(controller, key))[0];
		return row === undefined ? undefined : JSON.parse(row.value);
	}

	/** Undefined forgets. */
	remember(controller: string, key: string, value: unknown): void {
		if (value === undefined) this.#sql.run("DELETE FROM meta WHERE key = ?", rowKey(controller, key));
		else this.#sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", rowKey(controller, key), JSON.stringify(value));
	}
}
