/** Looks through the change log for what subscriptions want. */
import { type KindDefinition, resourceOf } from "../../core/kinds/define-kind.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { Change as ChangeName } from "../../core/webhooks/subscription-condition.ts";
import type { ObservedChange, Selection } from "../../core/webhooks/subscription.ts";
import type { Change, ChangeHead, ChangeType } from "../../store/change-log.ts";
import { momentOf } from "../../store/revision-clock.ts";
import type { ResourceServer } from "../resource-server.ts";
import type { Subscriber } from "./subscriber.ts";

/** Entries of the log that are looked through at a time. */
const SCAN_PAGE = 500;

export const CHANGE_NAMES: Readonly<Record<ChangeType, ChangeName>> = { ADDED: "Created", MODIFIED: "Updated", DELETED: "Deleted" };

/** An entry of the log as subscriptions judge it; its objects are read when they are first asked for. */
export class LoggedChange implements ObservedChange {
	readonly change: ChangeName;
	readonly name: string;
	readonly namespace: string;
	readonly namespaceLabels: Record<string, string> | undefined;
	readonly head: ChangeHead;
	readonly #server: ResourceServer;
	readonly #kind: KindDefinition;
	#entry: Change | undefined;
	#object: KubeObject | undefined;

	constructor(server: ResourceServer, kind: KindDefinition, head: ChangeHead, namespaceLabels: Record<string, string> | undefined) {
		this.#server = server;
		this.#kind = kind;
		this.head = head;
		this.change = CHANGE_NAMES[head.type];
		this.name = head.name;
		this.namespace = server.namespace;
		this.namespaceLabels = resourceOf(kind) === "namespaces" ? (this.object().metadata.labels ?? {}) : namespaceLabels;
	}

	get before(): ObservedChange["before"] {
		return this.head.previous;
	}

	get after(): ObservedChange["after"] {
		return this.head.type === "DELETED" ? null : this.#server.summaryOf(this.#kind, this.object());
	}

	object(): KubeObject {
		this.#object ??= JSON.parse(this.#read()?.body ?? "null") as KubeObject;
		return this.#object;
	}

	oldObject(): KubeObject | undefined {
		const old = this.#read()?.old;
		return old ? (JSON.parse(old) as KubeObject) : undefined;
	}

	#read(): Change | undefined {
		this.#entry ??= this.#server.store.log.entry(this.head.revision);
		return this.#entry;
	}
}

/** Who may want a change. */
interface Candidate {
	subscriber: Subscriber;
	selection: Selection;
}

export class ChangeScan {
	readonly #server: ResourceServer;
	readonly #namespaceLabels: () => Record<string, string> | undefined;

	constructor(server: ResourceServer, namespaceLabels: () => Record<string, string> | undefined) {
		this.#server = server;
		this.#namespaceLabels = namespaceLabels;
	}

	/** Queues what the subscribers want of the log beyond their cursors, up to `last`; who is full stays where it is. Call inside a transaction. */
	advance(subscribers: readonly Subscriber[], last = Number.POSITIVE_INFINITY): void {
		for (;;) {
			const behind = subscribers.filter((each) => !each.isFull && each.cursor < Math.min(last, this.#newest()));
			if (behind.length === 0) return;
			const page = this.#server.store.log.heads(Math.min(...behind.map(({ cursor }) => cursor)), SCAN_PAGE).filter(({ revision }) => revision <= last);
			for (const head of page) this.#offer(behind, head);
			const end = page.length < SCAN_PAGE ? Math.min(last, this.#newest()) : (page.at(-1)?.revision ?? 0);
			for (const each of behind) if (!each.isFull && each.cursor < end) each.passed(end, false);
		}
	}

	#newest(): number {
		return this.#server.store.log.newest();
	}

	#offer(subscribers: readonly Subscriber[], head: ChangeHead): void {
		const candidates = subscribers.flatMap((subscriber): Candidate[] => {
			const selection = subscriber.cursor < head.revision && !subscriber.isFull ? subscriber.subscription.selection(head.resource) : undefined;
			return selection ? [{ subscriber, selection }] : [];
		});
		const change = candidates.length === 0 ? undefined : this.#logged(head);
		if (change === undefined) return;
		for (const { subscriber, selection } of candidates) {
			const isWanted = !subscriber.isGone && this.#wants(subscriber, selection, change);
			if (isWanted) subscriber.add(deliveryOf(head));
			subscriber.passed(head.revision, isWanted);
		}
	}

	#logged(head: ChangeHead): LoggedChange | undefined {
		const kind = this.#server.kinds.byStoreName(head.resource);
		return kind && new LoggedChange(this.#server, kind, head, this.#namespaceLabels());
	}

	#wants(subscriber: Subscriber, selection: Selection, change: LoggedChange): boolean {
		const wanted = subscriber.subscription.wants(selection, change);
		if (typeof wanted === "boolean") return wanted;
		subscriber.conditionFailed(wanted.problem);
		return false;
	}

	/** The log is about to lose what is up to `last`: who could not take it in loses it. Call inside a transaction. */
	lose(subscribers: readonly Subscriber[], last: number): void {
		this.advance(subscribers, last);
		for (const subscriber of subscribers) {
			if (subscriber.cursor >= last) continue;
			subscriber.lose(this.wanted(subscriber, subscriber.cursor, last).length);
			subscriber.passed(last, true);
		}
	}

	/** What a subscriber wants of the log after a revision and up to another. */
	wanted(subscriber: Subscriber, after: number, last: number, limit = Number.POSITIVE_INFINITY): ChangeHead[] {
		const found: ChangeHead[] = [];
		for (let from = after; ; ) {
			const page = this.#server.store.log.heads(from, SCAN_PAGE);
			for (const head of page) {
				if (head.revision > last || found.length >= limit) return found;
				const selection = subscriber.subscription.selection(head.resource);
				const change = selection && this.#logged(head);
				if (selection && change && this.#wants(subscriber, selection, change)) found.push(head);
			}
			if (page.length < SCAN_PAGE) return found;
			from = page.at(-1)?.revision ?? last;
		}
	}
}

/** A change as it is queued. */
export const deliveryOf = ({ revision, resource, name }: ChangeHead) => ({
	revision,
	object: `${resource}/${name}`,
	queuedMs: momentOf(revision),
	dueMs: 0,
	attempts: 0,
});
