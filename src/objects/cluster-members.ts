/** The Durable Objects that hold something of a hosted cluster, in the Cluster object's meta table. */
import type { ObjectAddress } from "../core/protocol/messages.ts";
import type { Sql } from "../store/sql.ts";

const MEMBER = "member/";
const DELETING = "deleting";

export class ClusterMembers {
	readonly #sql: Sql;

	constructor(sql: Sql) {
		this.#sql = sql;
	}

	/** The cluster is going away: nothing new is taken in. */
	get closed(): boolean {
		return this.#sql.all("SELECT 1 FROM meta WHERE key = ?", DELETING).length > 0;
	}

	close(): void {
		this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, '')", DELETING);
	}

	add(address: ObjectAddress): void {
		this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", keyOf(address), JSON.stringify(address));
	}

	remove(address: ObjectAddress): void {
		this.#sql.run("DELETE FROM meta WHERE key = ?", keyOf(address));
	}

	some(limit: number): ObjectAddress[] {
		const rows = this.#sql.all<{ value: string }>("SELECT value FROM meta WHERE key >= ? AND key < 'member0' LIMIT ?", MEMBER, limit);
		return rows.map(({ value }) => JSON.parse(value) as ObjectAddress);
	}
}

const keyOf = (address: ObjectAddress): string => MEMBER + address.object + ("name" in address ? `/${address.name}` : "");
