/** Brings a database to the newest schema. */
import { MIGRATIONS } from "./migrations.ts";
import type { Sql } from "./sql.ts";

export function migrate(sql: Sql): void {
	sql.run("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) WITHOUT ROWID");
	const done = new Set(sql.all<{ name: string }>("SELECT name FROM migrations").map((row) => row.name));
	for (const { name, statements } of MIGRATIONS) {
		if (done.has(name)) continue;
		sql.transaction(() => {
			for (const statement of statements) sql.run(statement);
			sql.run("INSERT INTO migrations VALUES (?)", name);
		});
	}
}
