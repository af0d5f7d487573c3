/** The Edge object, portable: the routing table of one cluster's public HTTP, as its Namespace objects tell it. */
import { edgeRowKey, type EdgeRow, type EdgeTablePart, isEdgeRowGone } from "../core/edge/edge-table.ts";
import type { MessageBody } from "../core/protocol/messages.ts";
import { RevisionClock } from "../store/revision-clock.ts";
import type { CorePorts, Delivery } from "./ports.ts";

/** Rows that are gone are told of until there are this many: who has an older table then gets it whole. */
const GONE_ROWS_MAX = 1_000;
/** In the meta table: who has a table older than this gets it whole. */
const FLOOR = "edge-floor";
/** For the seal: rows hold password hashes and private keys. */
const PLACE = "edge";

type StoredRow = { namespace: string; sequence: number; body: string };

export class EdgeCore {
	readonly #ports: CorePorts;
	readonly #clock: RevisionClock;

	constructor(ports: CorePorts) {
		this.#ports = ports;
		this.#clock = new RevisionClock(ports.sql.all<{ newest: number | null }>("SELECT max(sequence) AS newest FROM networks")[0]?.newest ?? 0);
		ports.sql.transaction(() => this.#reseal());
	}

	/** Takes in a delivery from another object. */
	receive({ clock, messages }: Delivery): void {
		this.#ports.sql.transaction(() => {
			this.#clock.observe(clock);
			for (const message of messages) this.#take(message);
		});
	}

	#take(message: MessageBody): void {
		if (message.type === "edgeRows") for (const row of message.rows) this.#change(row);
		else if (message.type !== "keysRotated") this.#ports.logError(`the Edge object takes no message ${message.type}`, undefined);
	}

	#change(row: EdgeRow): void {
		const key = edgeRowKey(row);
		const old = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE namespace = ?", key)[0];
		const [before, now] = [old ? this.#opened(old) : "", isEdgeRowGone(row) ? "" : JSON.stringify(row)];
		if (before === now) return;
		const body = now === "" ? "" : this.#ports.seal.seal(now, PLACE);
		this.#ports.sql.run("INSERT OR REPLACE INTO networks (namespace, sequence, body) VALUES (?, ?, ?)", key, this.#clock.next(this.#ports.nowMs()), body);
		if (now === "") this.#forgetGone();
	}

	#forgetGone(): void {
		const gone = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE body = ''");
		if (gone.length <= GONE_ROWS_MAX) return;
		this.#ports.sql.run("DELETE FROM networks WHERE body = ''");
		this.#ports.sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", FLOOR, String(Math.max(...gone.map(({ sequence }) => sequence))));
	}

	/** What changed since that version, or everything; null for who has it as it is. Without private keys: they are for those who end TLS. */
	table(haveVersion: number): EdgeTablePart | null {
		const floor = Number(this.#ports.sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", FLOOR)[0]?.value ?? 0);
		const newest = this.#ports.sql.all<{ newest: number | null }>("SELECT max(sequence) AS newest FROM networks")[0]?.newest ?? 0;
		const version = Math.max(newest, floor, 1);
		if (haveVersion === version) return null;
		const full = haveVersion < floor || haveVersion > version || haveVersion === 0;
		const rows = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE sequence > ? ORDER BY sequence", full ? 0 : haveVersion);
		return { version, full, rows: rows.flatMap((row) => (full && row.body === "" ? [] : this.#shown(row))) };
	}

	#shown(row: StoredRow): EdgeRow[] {
		if (row.body === "") return [goneRow(row.namespace)];
		const shown = JSON.parse(this.#opened(row)) as EdgeRow;
		if (shown.row === "routes") delete shown.certificates;
		return [shown];
	}

	#opened = ({ body }: StoredRow): string => (body === "" ? "" : this.#ports.seal.open(body, PLACE));

	/** After a rotation of the keys. */
	#reseal(): void {
		const { seal, sql } = this.#ports;
		if (seal.outdatedPrefixes.length === 0) return;
		for (const row of sql.all<StoredRow>("SELECT * FROM networks WHERE body != ''")) {
			if (!row.body.startsWith(seal.prefix)) sql.run("UPDATE networks SET body = ? WHERE namespace = ?", seal.seal(this.#opened(row), PLACE), row.namespace);
		}
		seal.forgetOutdated();
	}
}

/** A key in the words of edgeRowKey. */
function goneRow(key: string): EdgeRow {
	const [row = "", ...rest] = key.split("/");
	if (row === "service") return { row, namespace: rest[0] ?? "", name: rest[1] ?? "", service: null };
	const [kind = "", namespace = "", name = ""] = rest;
	return { row: "routes", kind, namespace, name, createdMs: 0, routes: null };
}
