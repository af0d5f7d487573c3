/**
 * The revisioned object store of one Durable Object: current state, change log, owner index. Everything is synchronous;
 * a write and its log entry are one transaction of the caller.
 */
import type { Grouping, KubeObject, ResourceName } from "../core/meta/object.ts";
import { ChangeLog, OBJECT_BODIES } from "./change-log.ts";
import { JoinedTexts } from "./joined-texts.ts";
import { GroupIndex } from "./group-index.ts";
import { ObjectCache } from "./object-cache.ts";
import { RevisionClock, revisionAt } from "./revision-clock.ts";
import { SealedTexts } from "./sealed-texts.ts";
import type { Sealing } from "./seal.ts";
import type { Sql } from "./sql.ts";
import { type SummaryEntry, SummaryIndex } from "./summary-index.ts";

export interface Summary {
	labels: Record<string, string>;
	/** Selectable fields by path. */
	fields: Record<string, string>;
}

/** Decides by name, labels and fields whether an object is wanted. */
export interface Matcher {
	matches(name: string, summary: Summary): boolean;
	/** Label pairs that every match has: lets SQL pass over the rest. */
	requiredLabels?: readonly (readonly [string, string])[];
}

export interface StoredObject {
	name: string;
	revision: number;
	/** The object as JSON text. */
	body: string;
}

export interface ListOptions {
	matcher?: Matcher;
	/** Names strictly after this one. */
	after?: string;
	limit?: number;
}

type OwnedRow = { resource: string; name: string; revision: number };
type SummaryRow = { name: string; revision: number; labels: string; fields: string };

/** An entry of the log holds the state before the change only when both states have no more characters than this: the platform bounds a row. */
export const OLD_STATE_CHARACTERS_MAX = 600_000;

/** The text that a labels column holds for one pair: lets SQL look for it without parsing. */
const pairText = ([key, value]: readonly [string, string]): string => `${JSON.stringify(key)}:${JSON.stringify(value)}`;

const entryOf = ({ name, revision, labels, fields }: SummaryRow): SummaryEntry => ({ name, revision, labels: JSON.parse(labels), fields: JSON.parse(fields) });

export class Store {
	readonly clock: RevisionClock;
	readonly log: ChangeLog;
	/** Whether the log is to hold the states before changes of a collection as well. */
	keepsOld: (resource: ResourceName) => boolean = () => false;
	readonly #sql: Sql;
	readonly #sealed: SealedTexts;
	readonly #joined: JoinedTexts;
	readonly #cache = new ObjectCache();
	readonly #index = new SummaryIndex();
	readonly #groups = new GroupIndex();
	/** What was written since the last `settle`, to be read again if it is rolled back. */
	readonly #written: { resource: ResourceName; name: string }[] = [];
	/** The texts of what was written since then: the answer and the watches send the same. */
	readonly #texts = new Map<unknown, string>();

	/** Without `sealing` everything is kept as it is. */
	constructor(sql: Sql, sealing?: Sealing) {
		this.#sql = sql;
		this.#sealed = new SealedTexts(sql, sealing);
		this.#joined = new JoinedTexts(sql);
		this.log = new ChangeLog(sql, this.#sealed);
		this.clock = new RevisionClock(this.log.newest());
	}

	/** The object, or undefined. It is shared: clone before changing it. */
	get<T extends KubeObject>(resource: ResourceName, name: string): T | undefined {
		const cached = this.#cache.latest(resource, name);
		if (cached !== undefined) return cached as T;
		const revision = this.#revisionOf(resource, name);
		return revision === undefined ? undefined : (this.#load(resource, name, revision, false) as T);
	}

	has(resource: ResourceName, name: string): boolean {
		return this.#cache.latest(resource, name) !== undefined || this.#revisionOf(resource, name) !== undefined;
	}

	/** From memory where the collection's names are there. */
	#revisionOf(resource: ResourceName, name: string): number | undefined {
		const known = this.#index.revisionOf(resource, name);
		if (known !== undefined) return known === null ? undefined : known;
		return this.#sql.all<{ revision: number }>("SELECT revision FROM objects WHERE resource = ? AND name = ?", resource, name)[0]?.revision;
	}

	/** The text of an object that this turn has written, else made anew. */
	textOf(object: unknown): string {
		return this.#texts.get(object) ?? JSON.stringify(object);
	}

	/** The object's JSON text: what a GET answers, without parsing. */
	getText(resource: ResourceName, name: string): StoredObject | undefined {
		const row = this.#sql.all<{ name: string; revision: number; body: string }>(
			`SELECT o.name, o.revision, c.body FROM ${OBJECT_BODIES} WHERE o.resource = ? AND o.name = ?`,
			resource,
			name,
		)[0];
		return row && this.#sealed.opened(resource, row);
	}

	/** Creates or replaces; sets metadata.resourceVersion and returns the object. `old` is what it replaces. */
	put<T extends KubeObject>(resource: ResourceName, object: T, summary: Summary, old: { object: KubeObject; summary: Summary } | undefined, nowMs: number): T {
		const revision = this.clock.next(nowMs);
		const name = object.metadata.name ?? "";
		object.metadata.resourceVersion = String(revision);
		const text = JSON.stringify(object);
		this.#texts.set(object, text);
		this.#dropBody(resource, name);
		this.#sql.run(
			"INSERT OR REPLACE INTO objects (resource, name, uid, revision, labels, fields) VALUES (?, ?, ?, ?, ?, ?)",
			resource,
			name,
			object.metadata.uid ?? "",
			revision,
			JSON.stringify(summary.labels),
			JSON.stringify(summary.fields),
		);
		this.#indexOwners(resource, name, object, old?.object);
		this.log.append({
			revision,
			resource,
			name,
			type: old ? "MODIFIED" : "ADDED",
			previous: old ? old.summary : null,
			body: this.#sealed.textOf(resource, name, text),
			old: this.#oldText(resource, name, old?.object, text),
		});
		this.#cache.set(resource, name, revision, object);
		this.#index.set(resource, { name, revision, labels: summary.labels, fields: summary.fields });
		this.#groups.set(resource, name, object);
		this.#written.push({ resource, name });
		return object;
	}

	#oldText(resource: ResourceName, name: string, old: KubeObject | undefined, next: string): string | null {
		if (old === undefined || !this.keepsOld(resource)) return null;
		const text = JSON.stringify(old);
		return text.length + next.length > OLD_STATE_CHARACTERS_MAX ? null : this.#sealed.textOf(resource, name, text);
	}

	/** The state that an object is about to lose is no longer current: where only that kept its entry in the log, the entry goes. */
	#dropBody(resource: ResourceName, name: string): void {
		if (this.log.compactedRevision() === 0) return;
		const revision = this.#revisionOf(resource, name);
		if (revision !== undefined) this.log.dropCompacted(revision);
	}

	/** Removes the object; returns its final state with the revision of the removal. */
	remove<T extends KubeObject>(resource: ResourceName, object: T, summary: Summary, nowMs: number): T {
		const revision = this.clock.next(nowMs);
		const name = object.metadata.name ?? "";
		const final = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
		const text = JSON.stringify(final);
		this.#texts.set(final, text);
		this.#dropBody(resource, name);
		this.#sql.run("DELETE FROM objects WHERE resource = ? AND name = ?", resource, name);
		this.#indexOwners(resource, name, undefined, object);
		this.log.append({ revision, resource, name, type: "DELETED", previous: summary, body: this.#sealed.textOf(resource, name, text), old: null });
		this.#cache.delete(resource, name);
		this.#index.delete(resource, name);
		this.#groups.set(resource, name, undefined);
		this.#written.push({ resource, name });
		return final;
	}

	/** Parsed objects in name order. */
	list<T extends KubeObject>(resource: ResourceName, options: ListOptions = {}): T[] {
		return this.#summaries(resource, options).map((row) => this.#load(resource, row.name, row.revision) as T);
	}

	/** The objects of one group, in name order, without a look at the others. */
	grouped<T extends KubeObject>(grouping: Grouping, key: string): T[] {
		const names = this.#groups.names(grouping, key, () => this.list(grouping.resource));
		return names.map((name) => this.get<T>(grouping.resource, name)).filter((object) => object !== undefined);
	}

	/** Names and revisions in name order: with `texts`, a list without parsing. */
	names(resource: ResourceName, options: ListOptions = {}): { name: string; revision: number }[] {
		return this.#summaries(resource, options);
	}

	/**
	 * The objects from `first` to `last` as one text in UTF-8, joined by commas, when they are exactly those of these revisions;
	 * else undefined. Sealed ones cannot be joined. The bytes are shared: nobody changes them.
	 */
	joinedBytes(resource: ResourceName, first: string, last: string, revisions: readonly number[]): Uint8Array | undefined {
		return this.#sealed.concerns(resource) ? undefined : this.#joined.bytes(resource, first, last, revisions);
	}

	/** The texts of the named objects, in the given order; those that have gone since are left out. */
	texts(resource: ResourceName, names: readonly string[]): StoredObject[] {
		const marks = names.map(() => "?").join(", ");
		const rows = this.#sql.all<{ name: string; revision: number; body: string }>(
			`SELECT o.name, o.revision, c.body FROM ${OBJECT_BODIES} WHERE o.resource = ? AND o.name IN (${marks}) ORDER BY o.name`,
			resource,
			...names,
		);
		return rows.map((row) => this.#sealed.opened(resource, row));
	}

	/** How many objects have names after this one. */
	countAfter(resource: ResourceName, name: string): number {
		const query = "SELECT count(*) AS n FROM objects WHERE resource = ? AND name > ?";
		return this.#index.countAfter(resource, name) ?? this.#sql.all<{ n: number }>(query, resource, name)[0]?.n ?? 0;
	}

	count(resource: ResourceName): number {
		return this.#sql.all<{ n: number }>("SELECT count(*) AS n FROM objects WHERE resource = ?", resource)[0]?.n ?? 0;
	}

	/** Objects last written before a moment. */
	expiredBefore<T extends KubeObject>(resource: ResourceName, beforeMs: number, limit: number): T[] {
		const rows = this.#sql.all<{ name: string; revision: number }>(
			"SELECT name, revision FROM objects WHERE resource = ? AND revision < ? LIMIT ?",
			resource,
			revisionAt(beforeMs),
			limit,
		);
		return rows.map((row) => this.#load(resource, row.name, row.revision) as T);
	}

	/** The version of a collection's object that was written longest ago; undefined when there is none. */
	oldest(resource: ResourceName): number | undefined {
		return this.#sql.all<{ oldest: number | null }>("SELECT min(revision) AS oldest FROM objects WHERE resource = ?", resource)[0]?.oldest ?? undefined;
	}

	/** The collections that hold anything. */
	resources(): { resource: ResourceName; count: number }[] {
		return this.#sql.all<{ resource: string; count: number }>("SELECT resource, count(*) AS count FROM objects GROUP BY resource");
	}

	/** Everything that names `uid` as an owner; with `resource`, only of that collection and as its controller. */
	ownedBy(uid: string, controlled?: ResourceName): { resource: ResourceName; object: KubeObject }[] {
		const query = `SELECT o.resource, o.name, o.revision FROM owners w JOIN objects o ON o.resource = w.resource AND o.name = w.name WHERE w.owner_uid = ?`;
		const rows =
			controlled === undefined
				? this.#sql.all<OwnedRow>(query, uid)
				: this.#sql.all<OwnedRow>(`${query} AND w.resource = ? AND w.controller = 1`, uid, controlled);
		return rows.map(({ resource, name, revision }) => ({ resource, object: this.#load(resource, name, revision) }));
	}

	/** Whether something may be kept that an older key sealed, or none. */
	get needsResealing(): boolean {
		return this.#sealed.needsSweep;
	}

	/** Seals some of it anew; false when all is done. Call inside a transaction. */
	reseal(): boolean {
		return this.#sealed.sweep();
	}

	/** How much has been written: `rollback` goes back to it. */
	mark(): number {
		return this.#written.length;
	}

	/** After SQL rolled back what was written since `mark`: memory follows. */
	rollback(mark: number): void {
		for (const { resource, name } of this.#written.splice(mark)) {
			this.#cache.delete(resource, name);
			this.#index.delete(resource, name);
			const row = this.#sql.all<SummaryRow>("SELECT name, revision, labels, fields FROM objects WHERE resource = ? AND name = ?", resource, name)[0];
			if (row !== undefined) this.#index.set(resource, entryOf(row));
			this.#groups.set(resource, name, this.get(resource, name));
		}
	}

	/** What was written is there to stay. */
	settle(): void {
		this.#written.length = 0;
		this.#texts.clear();
	}

	#load(resource: ResourceName, name: string, revision: number, isListed = true): KubeObject {
		const cached = this.#cache.get(resource, name, revision);
		if (cached !== undefined) return cached;
		const object = JSON.parse(this.getText(resource, name)?.body ?? "null") as KubeObject;
		if (isListed) this.#cache.setListed(resource, name, revision, object);
		else this.#cache.set(resource, name, revision, object);
		return object;
	}

	#summaries(resource: ResourceName, options: ListOptions): SummaryEntry[] {
		const query = "SELECT name, revision, labels, fields FROM objects WHERE resource = ? ORDER BY name";
		const load = () => this.#sql.all<SummaryRow>(query, resource).map(entryOf);
		return this.#index.scan(resource, options, load) ?? this.#scanTable(resource, options);
	}

	/** The way for collections that are too big for memory. */
	#scanTable(resource: ResourceName, { matcher, after = "", limit }: ListOptions): SummaryEntry[] {
		const pairs = (matcher?.requiredLabels ?? []).slice(0, 16).map(pairText);
		const query = `SELECT name, revision, labels, fields FROM objects WHERE resource = ? AND name > ?${" AND instr(labels, ?) > 0".repeat(pairs.length)} ORDER BY name`;
		const found: SummaryEntry[] = [];
		for (const row of this.#sql.iterate<SummaryRow>(query, resource, after, ...pairs)) {
			const entry = entryOf(row);
			if (matcher !== undefined && !matcher.matches(entry.name, entry)) continue;
			found.push(entry);
			if (limit !== undefined && found.length >= limit) break;
		}
		return found;
	}

	#indexOwners(resource: ResourceName, name: string, next: KubeObject | undefined, old: KubeObject | undefined): void {
		const before = new Map((old?.metadata.ownerReferences ?? []).map((owner) => [owner.uid, owner.controller === true]));
		for (const owner of next?.metadata.ownerReferences ?? []) {
			const controller = owner.controller === true;
			if (before.get(owner.uid) !== controller)
				this.#sql.run("INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?)", owner.uid, resource, name, controller ? 1 : 0);
			before.delete(owner.uid);
		}
		for (const uid of before.keys()) this.#sql.run("DELETE FROM owners WHERE owner_uid = ? AND resource = ? AND name = ?", uid, resource, name);
	}
}
