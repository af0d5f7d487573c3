/** The store's SQL port over node:sqlite: for the simulator and for unit tests. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Sql, SqlRow, SqlValue } from "../../src/store/sql.ts";

export class NodeSql implements Sql {
	readonly database: DatabaseSync;
	readonly #statements = new Map<string, StatementSync>();
	#depth = 0;

	constructor(path = ":memory:") {
		this.database = new DatabaseSync(path);
	}

	all<Row extends SqlRow>(query: string, ...bindings: SqlValue[]): Row[] {
		return this.#prepare(query).all(...bindings) as Row[];
	}

	iterate<Row extends SqlRow>(query: string, ...bindings: SqlValue[]): Iterable<Row> {
		return this.#prepare(query).iterate(...bindings) as Iterable<Row>;
	}

	bytes(query: string, ...bindings: SqlValue[]): Uint8Array | undefined {
		const value = Object.values(this.#prepare(query).get(...bindings) ?? {})[0];
		return value instanceof Uint8Array ? value : undefined;
	}

	run(query: string, ...bindings: SqlValue[]): void {
		this.#prepare(query).run(...bindings);
	}

	transaction<T>(work: () => T): T {
		const savepoint = `s${this.#depth++}`;
		this.database.exec(`SAVEPOINT ${savepoint}`);
		try {
			const result = work();
			this.database.exec(`RELEASE ${savepoint}`);
			return result;
		} catch (error) {
			this.database.exec(`ROLLBACK TO ${savepoint}`);
			this.database.exec(`RELEASE ${savepoint}`);
			throw error;
		} finally {
			this.#depth--;
		}
	}

	#prepare(query: string): StatementSync {
		let statement = this.#statements.get(query);
		if (statement === undefined) {
			statement = this.database.prepare(query);
			this.#statements.set(query, statement);
		}
		return statement;
	}
}
