/**
 * Messages to other objects: written in the transaction that decided them, sent afterwards, at least once and in order for
 * each receiver.
 */
import type { MessageBody, ObjectAddress, ObjectMessage } from "../core/protocol/messages.ts";
import type { RevisionClock } from "../store/revision-clock.ts";
import type { CorePorts } from "./ports.ts";

/** Messages in one delivery. */
const DELIVERY_MAX = 200;
const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 30_000;
/**
 * How long a node that has just been told of the network table waits for more of it. Every change goes to every node, so when many
 * nodes join, or many endpoints change, each message then carries what would have been dozens.
 */
const NETWORK_PACE_MS = 100;
/** The same for the pods of a node that no agent serves, but a kubelet or nobody: its object only has to know in time whom to evict. */
const UNHEARD_PACE_MS = 1_000;
/** Delivered rows that may await their removal: it is a commit, so one removal is for many. Who dies meanwhile delivers them again. */
const DELIVERED_MAX = 200;
/** Due when something new comes. */
const NEVER_MS = Number.POSITIVE_INFINITY;
/** So long after it began a delivery that is still under way is looked at again, in milliseconds: its object may have died meanwhile. */
const SENDING_LOOK_MS = 100;
/** For the seal. */
const PLACE = "outbox";

/** Whether the message must not lie open while it waits. */
const hasSecrets = (body: MessageBody): boolean => (body.type === "assign" && body.secrets.length > 0) || body.type === "edgeRows";

/** Characters of a message that is divided where it can be: the platform bounds a row's size. */
export const MESSAGE_LENGTH_MAX = 500_000;

/** The message in two of half the length, for those that say the same of many things. */
function halved(body: MessageBody): MessageBody[] | undefined {
	const lists = Object.entries(body).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
	const [key, longest] = lists.sort(([, a], [, b]) => b.length - a.length)[0] ?? ["", []];
	if (longest.length < 2) return undefined;
	const middle = longest.length >> 1;
	const empty = Object.fromEntries(lists.map(([name]) => [name, []]));
	return [
		{ ...body, [key]: longest.slice(0, middle) },
		{ ...body, ...empty, [key]: longest.slice(middle) },
	] as MessageBody[];
}

const targetOf = (address: ObjectAddress): string => ("name" in address ? `${address.object}/${address.name}` : address.object);

function addressOf(target: string): ObjectAddress {
	const [object = "", name = ""] = target.split("/");
	return object === "cluster" || object === "edge" ? { object } : { object: object as "namespace" | "node", name };
}

export class Outbox {
	readonly #ports: CorePorts;
	readonly #self: ObjectAddress;
	readonly #clock: RevisionClock;
	/** Targets with undelivered rows; the value says when to try next and how often it failed. */
	readonly #waiting = new Map<string, { dueMs: number; failures: number }>();
	readonly #sending = new Set<string>();
	/** Ids of the last rows that targets have, while the rows are still there. */
	readonly #delivered = new Map<string, number>();
	/** How many rows those are. */
	#deliveredRows = 0;
	/** When targets were last told of the network table. */
	readonly #networkSentMs = new Map<string, number>();
	/** When targets where nobody listens were last told of anything. */
	readonly #unheardMs = new Map<string, number>();
	#nextId: number;

	constructor(ports: CorePorts, self: ObjectAddress, clock: RevisionClock) {
		this.#ports = ports;
		this.#self = self;
		this.#clock = clock;
		this.#nextId = (ports.sql.all<{ last: number | null }>("SELECT max(id) AS last FROM outbox")[0]?.last ?? 0) + 1;
		for (const { target } of ports.sql.all<{ target: string }>("SELECT DISTINCT target FROM outbox")) this.#waiting.set(target, { dueMs: 0, failures: 0 });
	}

	/** Call inside a transaction. */
	post({ to, body }: ObjectMessage): void {
		const target = targetOf(to);
		const text = JSON.stringify(body);
		const halves = text.length > MESSAGE_LENGTH_MAX ? halved(body) : undefined;
		if (halves !== undefined) {
			for (const half of halves) this.post({ to, body: half });
			return;
		}
		this.#ports.sql.run(
			"INSERT INTO outbox (id, target, body) VALUES (?, ?, ?)",
			this.#nextId++,
			target,
			hasSecrets(body) ? this.#ports.seal.seal(text, PLACE) : text,
		);
		this.#expect(target, this.#paceUntilMs(target, body));
	}

	#paceUntilMs(target: string, { type }: MessageBody): number {
		if (type === "network") return (this.#networkSentMs.get(target) ?? 0) + NETWORK_PACE_MS;
		return type === "assign" || type === "unassign" ? (this.#unheardMs.get(target) ?? -UNHEARD_PACE_MS) + UNHEARD_PACE_MS : 0;
	}

	/** A target that failed keeps its back-off, unless it is being tried. */
	#expect(target: string, dueMs: number): void {
		const waiting = this.#waiting.get(target);
		if (waiting === undefined) this.#waiting.set(target, { dueMs, failures: 0 });
		else if (waiting.failures === 0 || this.#sending.has(target)) waiting.dueMs = Math.min(waiting.dueMs, dueMs);
	}

	/** Sends whatever is due. Resolves when all that was due is delivered or has failed. */
	async flush(): Promise<void> {
		const nowMs = this.#ports.nowMs();
		const due = [...this.#waiting].filter(([target, { dueMs }]) => dueMs <= nowMs && !this.#sending.has(target));
		await Promise.all(due.map(([target]) => this.#sendAll(target)));
	}

	nextDueMs(): number | undefined {
		const lookMs = this.#ports.nowMs() + SENDING_LOOK_MS;
		let next: number | undefined;
		for (const [target, waiting] of this.#waiting) {
			const dueMs = this.#sending.has(target) ? lookMs : waiting.dueMs;
			if (dueMs !== NEVER_MS && (next === undefined || dueMs < next)) next = dueMs;
		}
		return next;
	}

	async #sendAll(target: string): Promise<void> {
		const waiting = this.#waiting.get(target) ?? { dueMs: NEVER_MS, failures: 0 };
		this.#sending.add(target);
		try {
			do waiting.dueMs = NEVER_MS;
			while ((await this.#sendSome(target)) || waiting.dueMs <= this.#ports.nowMs());
			waiting.failures = 0;
			if (waiting.dueMs === NEVER_MS) this.#waiting.delete(target);
		} catch (error) {
			waiting.failures++;
			waiting.dueMs = this.#ports.nowMs() + Math.min(RETRY_BASE_MS * 2 ** waiting.failures, RETRY_MAX_MS);
			this.#ports.logError(`a delivery to ${target} failed (failure ${waiting.failures})`, error);
		} finally {
			this.#sending.delete(target);
			if (this.#sending.size === 0) this.#removeDelivered();
		}
	}

	#removeDelivered(): void {
		for (const [target, last] of this.#delivered) this.#ports.sql.run("DELETE FROM outbox WHERE target = ? AND id <= ?", target, last);
		this.#delivered.clear();
		this.#deliveredRows = 0;
	}

	/** Delivers one batch; true when more may have waited. */
	async #sendSome(target: string): Promise<boolean> {
		const rows = this.#ports.sql.all<{ id: number; body: string }>(
			"SELECT id, body FROM outbox WHERE target = ? AND id > ? ORDER BY id LIMIT ?",
			target,
			this.#delivered.get(target) ?? 0,
			DELIVERY_MAX,
		);
		const last = rows.at(-1);
		if (last === undefined) return false;
		const messages = rows.map((row) => JSON.parse(this.#ports.seal.open(row.body, PLACE)) as MessageBody);
		const isHeard = await this.#ports.deliver(addressOf(target), { from: this.#self, clock: this.#clock.cut(), messages });
		this.#delivered.set(target, last.id);
		this.#deliveredRows += rows.length;
		if (this.#deliveredRows >= DELIVERED_MAX) this.#removeDelivered();
		if (messages.some(({ type }) => type === "network")) this.#networkSentMs.set(target, this.#ports.nowMs());
		if (isHeard) this.#unheardMs.delete(target);
		else this.#unheardMs.set(target, this.#ports.nowMs());
		return rows.length === DELIVERY_MAX;
	}
}
