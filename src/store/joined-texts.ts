/**
 * Runs of stored objects as one text in UTF-8, joined by commas in SQL without ever becoming a string: what a list is made of.
 * The latest are kept, since lists of the same collection come again and again and reading them is most of what they cost.
 */
import type { ResourceName } from "../core/meta/object.ts";
import { OBJECT_BODIES } from "./change-log.ts";
import type { Sql } from "./sql.ts";

/** Half of what the platform lets one value hold. */
const JOINED_BYTES_MAX = 1_000_000;
/** What one isolate keeps, of all its objects together: an eighth of its memory. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

interface Kept {
	revisions: readonly number[];
	bytes: Uint8Array;
}

const isSame = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((value, at) => value === b[at]);

/** Joined texts by key, the longest unused first. */
export class KeptTexts {
	readonly #kept = new Map<string, Kept>();
	readonly #bytesMax: number;
	#bytes = 0;

	constructor(bytesMax: number) {
		this.#bytesMax = bytesMax;
	}

	take(key: string): Kept | undefined {
		const kept = this.#kept.get(key);
		if (kept === undefined) return undefined;
		this.#kept.delete(key);
		this.#bytes -= kept.bytes.length;
		return kept;
	}

	keep(key: string, kept: Kept): void {
		this.#kept.set(key, kept);
		this.#bytes += kept.bytes.length;
		for (const oldest of this.#kept.keys()) {
			if (this.#bytes <= this.#bytesMax) return;
			this.take(oldest);
		}
	}
}

const isolateTexts = new KeptTexts(KEPT_BYTES_MAX);
let stores = 0;

export class JoinedTexts {
	readonly #sql: Sql;
	readonly #kept: KeptTexts;
	/** Tells this store's texts from those of the isolate's other objects. */
	readonly #store = ++stores;

	constructor(sql: Sql, kept = isolateTexts) {
		this.#sql = sql;
		this.#kept = kept;
	}

	/** The objects from `first` to `last`, when they are exactly those of these revisions; else undefined. The bytes are shared. */
	bytes(resource: ResourceName, first: string, last: string, revisions: readonly number[]): Uint8Array | undefined {
		const key = `${this.#store}/${resource}/${first}`;
		const kept = this.#kept.take(key);
		const bytes = kept !== undefined && isSame(kept.revisions, revisions) ? kept.bytes : this.#read(resource, first, last, revisions);
		if (bytes !== undefined) this.#kept.keep(key, { revisions, bytes });
		return bytes;
	}

	/** A range of the primary key is read in its order, which the revisions prove. The first query reads no text: SQLite knows a value's size. */
	#read(resource: ResourceName, first: string, last: string, revisions: readonly number[]): Uint8Array | undefined {
		const range = `FROM ${OBJECT_BODIES} WHERE o.resource = ? AND o.name BETWEEN ? AND ?`;
		const check = `SELECT group_concat(o.revision) AS revisions, sum(octet_length(c.body)) AS bytes ${range}`;
		const found = this.#sql.all<{ revisions: string | null; bytes: number | null }>(check, resource, first, last)[0];
		if (found === undefined || found.revisions !== revisions.join(",") || (found.bytes ?? 0) > JOINED_BYTES_MAX) return undefined;
		return this.#sql.bytes(`SELECT CAST(group_concat(c.body) AS BLOB) ${range}`, resource, first, last);
	}
}
