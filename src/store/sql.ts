/**
 * The synchronous SQL port that the store stands on: a Durable Object's `ctx.storage.sql` in production, `node:sqlite`
 * in the simulator.
 */
export type SqlValue = string | number | null;
export type SqlRow = Record<string, SqlValue>;

export interface Sql {
	/** Every row of the answer. */
	all<Row extends SqlRow>(query: string, ...bindings: SqlValue[]): Row[];
	/** The rows one at a time; nothing may be written while it is read. */
	iterate<Row extends SqlRow>(query: string, ...bindings: SqlValue[]): Iterable<Row>;
	/** The one value of a query that gives one blob; undefined for null. */
	bytes(query: string, ...bindings: SqlValue[]): Uint8Array | undefined;
	run(query: string, ...bindings: SqlValue[]): void;
	/** All or nothing; may nest. */
	transaction<T>(work: () => T): T;
}
