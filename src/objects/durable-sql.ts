/** The store's SQL port over a Durable Object's storage. */
import type { Sql, SqlRow, SqlValue } from "../store/sql.ts";

export class DurableSql implements Sql {
	readonly #storage: DurableObjectStorage;

	constructor(storage: DurableObjectStorage) {
		this.#storage = storage;
	}

	all<Row extends SqlRow>(query: string, ...bindings: SqlValue[]): Row[] {
		return this.#storage.sql.exec<Row>(query, ...bindings).toArray();
	}

	iterate<Row extends SqlRow>(query: string, ...bindings: SqlValue[]): Iterable<Row> {
		return this.#storage.sql.exec<Row>(query, ...bindings);
	}

	bytes(query: string, ...bindings: SqlValue[]): Uint8Array | undefined {
		// Read to its end: a cursor left open would keep its snapshot of the database.
		const [row] = [...this.#storage.sql.exec(query, ...bindings).raw()];
		const value = row?.[0];
		return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
	}

	run(query: string, ...bindings: SqlValue[]): void {
		this.#storage.sql.exec(query, ...bindings);
	}

	transaction<T>(work: () => T): T {
		return this.#storage.transactionSync(work);
	}
}
