/** Brings a database to the newest schema, or to that of the last of `migrations`. */
import { MIGRATIONS } from "./migrations.ts";
import type { Sql } from "./sql.ts";

export function migrate(sql: Sql, migrations = MIGRATIONS): void {
	sql.run("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) WITHOUT ROWID");
	const done = new Set(sql.all<{ name: string }>("SELECT name FROM migrations").map((row) => row.name));
	for (const { name, statements } of migrations) {
		if (done.has(name)) continue;
		sql.transaction(() => {
			for (const statement of statements) sql.run(statement);
			sql.run("INSERT INTO migrations VALUES (?)", name);
		});
	}
}
