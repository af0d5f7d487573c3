/**
 * The change log: what a watch that resumes reads, kept until compaction. Its entries also hold the objects' bodies, so those of
 * current states outlive compaction, until the object is written again.
 */
import type { ResourceName } from "../core/meta/object.ts";
import { momentOf, revisionAt } from "./revision-clock.ts";
import type { SealedTexts } from "./sealed-texts.ts";
import type { Sql } from "./sql.ts";
import type { Summary } from "./store.ts";

/** How long the log is kept, in milliseconds: etcd's default under kube-apiserver. */
export const LOG_RETENTION_MS = 5 * 60_000;
/** How much longer an entry may stay, in milliseconds: one compaction takes what minutes have left, instead of each change waking its object once more. */
export const COMPACTION_SLACK_MS = 5 * 60_000;
/** Past this many entries the oldest go, whatever their age. */
export const LOG_ENTRIES_MAX = 20_000;
/** A compaction deletes at most this many entries, so that it never holds the object for long. */
const COMPACTION_BATCH = 2_000;
/** Entries read at a time by a resuming watch. */
export const CHANGES_PAGE = 500;

/** FROM: the objects `o` with their bodies in `c`, read by the objects' key. */
export const OBJECT_BODIES = "objects o CROSS JOIN changes c ON c.revision = o.revision";

export type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

export interface Change {
	revision: number;
	resource: ResourceName;
	name: string;
	type: ChangeType;
	/** Labels and fields before the change; null for a creation. */
	previous: Summary | null;
	/** The object after the change; for a deletion its final state. */
	body: string;
	/** The object before the change, where a webhook subscription wants it; null where it is not kept. */
	old: string | null;
}

/** An entry of the log without the objects. */
export type ChangeHead = Pick<Change, "revision" | "resource" | "name" | "type" | "previous">;

type HeadRow = { revision: number; resource: string; name: string; type: string; previous: string | null };
type ChangeRow = HeadRow & { body: string; old: string | null };

const headOf = ({ revision, resource, name, type, previous }: HeadRow): ChangeHead => ({
	revision,
	resource,
	name,
	type: type as ChangeType,
	previous: previous === null ? null : (JSON.parse(previous) as Summary),
});

export class ChangeLog {
	readonly #sql: Sql;
	readonly #sealed: SealedTexts;
	#compacted: number;

	constructor(sql: Sql, sealed: SealedTexts) {
		this.#sql = sql;
		this.#sealed = sealed;
		this.#compacted = Number(sql.all<{ value: string }>("SELECT value FROM meta WHERE key = 'compacted'")[0]?.value ?? 0);
	}

	/** The highest revision ever logged. */
	newest(): number {
		const newest = this.#sql.all<{ newest: number | null }>("SELECT max(revision) AS newest FROM changes")[0]?.newest ?? 0;
		return Math.max(newest, this.#compacted);
	}

	/** Everything up to and including this revision is gone from the log. */
	compactedRevision(): number {
		return this.#compacted;
	}

	/** The objects come sealed, where their collection is. */
	append(change: Change): void {
		this.#sql.run(
			"INSERT INTO changes (revision, resource, name, type, previous, body, old) VALUES (?, ?, ?, ?, ?, ?, ?)",
			change.revision,
			change.resource,
			change.name,
			change.type,
			change.previous === null ? null : JSON.stringify(change.previous),
			change.body,
			change.old,
		);
	}

	/** The changes of a collection after `revision`, oldest first, or "expired" when some of them are compacted away. */
	since(resource: ResourceName, revision: number): Change[] | "expired" {
		if (revision < this.#compacted) return "expired";
		const rows = this.#sql.all<ChangeRow>("SELECT * FROM changes WHERE revision > ? AND resource = ? ORDER BY revision", revision, resource);
		return rows.map((row) => ({ ...headOf(row), body: this.#sealed.opened(resource, row).body, old: null }));
	}

	/** What changed after `revision`, of all collections, oldest first, without the objects. */
	heads(revision: number, limit: number): ChangeHead[] {
		const query = "SELECT revision, resource, name, type, previous FROM changes WHERE revision > ? ORDER BY revision LIMIT ?";
		return this.#sql.all<HeadRow>(query, Math.max(revision, this.#compacted), limit).map(headOf);
	}

	/** One whole entry, also one that was kept back from compaction; undefined when it is gone. */
	entry(revision: number): Change | undefined {
		const tables = revision > this.#compacted ? ["changes"] : ["kept_changes", "changes"];
		const row = tables.flatMap((table) => this.#sql.all<ChangeRow>(`SELECT * FROM ${table} WHERE revision = ?`, revision))[0];
		if (row === undefined) return undefined;
		const open = (body: string): string => this.#sealed.opened(row.resource, { name: row.name, body }).body;
		return { ...headOf(row), body: open(row.body), old: row.old === null ? this.#before(row) : open(row.old) };
	}

	/** The state before a change, where the log has the change before it. */
	#before({ revision, resource, name, type }: HeadRow): string | null {
		if (type !== "MODIFIED") return null;
		const query = "SELECT name, body FROM changes WHERE resource = ? AND name = ? AND revision < ? ORDER BY revision DESC LIMIT 1";
		const row = this.#sql.all<{ name: string; body: string }>(query, resource, name, revision)[0];
		return row === undefined ? null : this.#sealed.opened(resource, row).body;
	}

	/** The object as it was after the change of this revision; undefined once that is compacted away. */
	at(revision: number): string | undefined {
		const row = this.#sql.all<{ resource: string; name: string; body: string }>("SELECT resource, name, body FROM changes WHERE revision = ?", revision)[0];
		return row && this.#sealed.opened(row.resource, row).body;
	}

	/**
	 * For each object of a collection that changed after `revision`: the revision it had then, "absent" when it did not exist,
	 * "unknown" when that is compacted away.
	 */
	statesAt(resource: ResourceName, revision: number): Map<string, number | "absent" | "unknown"> {
		const states = new Map<string, number | "absent" | "unknown">();
		const before = new Map<string, number | "absent">();
		const query = "SELECT revision, name, type FROM changes WHERE revision > ? AND resource = ? ORDER BY revision";
		for (const change of this.#sql.iterate<{ revision: number; name: string; type: string }>(query, this.#compacted, resource)) {
			if (change.revision <= revision) before.set(change.name, change.type === "DELETED" ? "absent" : change.revision);
			else if (!states.has(change.name)) states.set(change.name, change.type === "ADDED" ? "absent" : (before.get(change.name) ?? "unknown"));
		}
		return states;
	}

	/** Whether anything of a collection changed after `revision`. */
	changedSince(resource: ResourceName, revision: number): boolean {
		if (revision < this.#compacted) return true;
		return this.#sql.all("SELECT 1 AS found FROM changes WHERE revision > ? AND resource = ? LIMIT 1", revision, resource).length > 0;
	}

	/** When the log wants to be compacted for its age; undefined while it is empty. */
	compactionDueMs(): number | undefined {
		const oldest = this.#sql.all<{ oldest: number | null }>("SELECT min(revision) AS oldest FROM changes WHERE revision > ?", this.#compacted)[0]?.oldest;
		return oldest === null || oldest === undefined ? undefined : momentOf(oldest) + LOG_RETENTION_MS + COMPACTION_SLACK_MS;
	}

	/**
	 * Drops what is too old or too much, but for what deliveries still need and for objects' current states. `before` is told up to which revision, just before.
	 * Returns when it wants to be called again, or undefined when the log is empty.
	 */
	compact(nowMs: number, before: (last: number) => void = () => {}): number | undefined {
		const horizon = this.#horizon(nowMs);
		const query = "SELECT revision FROM changes WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?";
		const rows = this.#sql.all<{ revision: number }>(query, this.#compacted, horizon, COMPACTION_BATCH);
		const last = rows.at(-1)?.revision;
		if (last !== undefined) {
			before(last);
			this.#keepUndelivered(last);
			this.#drop(last);
			this.#sql.run("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)", String(last));
			this.#compacted = last;
		}
		if (rows.length === COMPACTION_BATCH) return nowMs;
		return this.compactionDueMs();
	}

	/** Drops the entry of a state that is no longer current, when it has outlived its compaction. */
	dropCompacted(revision: number): void {
		if (revision <= this.#compacted) this.#sql.run("DELETE FROM changes WHERE revision = ?", revision);
	}

	/** The entries up to `last` go; those of current states stay, without the state before. */
	#drop(last: number): void {
		const current = "SELECT 1 FROM objects o WHERE o.resource = changes.resource AND o.name = changes.name AND o.revision = changes.revision";
		this.#sql.run(`DELETE FROM changes WHERE revision > ? AND revision <= ? AND NOT EXISTS (${current})`, this.#compacted, last);
		this.#sql.run("UPDATE changes SET old = NULL WHERE revision > ? AND revision <= ? AND old IS NOT NULL", this.#compacted, last);
	}

	#keepUndelivered(last: number): void {
		const wanted = "SELECT revision FROM deliveries";
		this.#sql.run(`DELETE FROM kept_changes WHERE revision NOT IN (${wanted})`);
		this.#sql.run(`INSERT OR IGNORE INTO kept_changes SELECT * FROM changes WHERE revision <= ? AND revision IN (${wanted})`, last);
	}

	#horizon(nowMs: number): number {
		const byAge = revisionAt(nowMs - LOG_RETENTION_MS);
		const newer = "SELECT revision FROM changes WHERE revision > ? ORDER BY revision DESC LIMIT 1 OFFSET ?";
		const bySize = this.#sql.all<{ revision: number }>(newer, this.#compacted, LOG_ENTRIES_MAX)[0]?.revision ?? 0;
		return Math.max(byAge, bySize);
	}
}
