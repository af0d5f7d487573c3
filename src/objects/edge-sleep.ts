/**
 * When the pods behind a Service go to sleep, and when they are woken. Each request for a Service that may sleep holds a lease: a
 * socket under which the Edge object itself may sleep. Nothing is asked and nothing runs while nothing passes but one alarm.
 */
import { type EdgeService, serviceKey } from "../core/edge/edge-table.ts";
import type { ObjectMessage } from "../core/protocol/messages.ts";
import type { CorePorts } from "./ports.ts";

/** Before the key of a Service whose pods are awake, in the meta table. */
const AWAKE = "awake/";
/** The moment of the last request is written down this many times in the time after which pods sleep. */
const WRITES_PER_SLEEP_TIME = 10;
/** A Service that was told to wake is not told again for this long, in milliseconds. */
const WAKE_AGAIN_MS = 5_000;

interface Awake {
	/** Of the last request, or of the pods' own beginning, in milliseconds since 1970. */
	activeMs: number;
	afterMs: number;
}

export interface SleepPorts {
	/** Requests under way for a Service. */
	openLeases(namespace: string, service: string): number;
	post(message: ObjectMessage): void;
}

export class EdgeSleep {
	readonly #ports: Pick<CorePorts, "sql" | "nowMs">;
	readonly #outside: SleepPorts;
	/** Newer than what is written down. */
	readonly #active = new Map<string, number>();
	readonly #wokenAtMs = new Map<string, number>();

	constructor(ports: Pick<CorePorts, "sql" | "nowMs">, outside: SleepPorts) {
		this.#ports = ports;
		this.#outside = outside;
	}

	/** Endpoints or the time to sleep are others now. */
	changed(namespace: string, name: string, service: EdgeService | null): void {
		const key = serviceKey(namespace, name);
		const awake = this.#read(key);
		const afterMs = service?.sleepsAfterMs;
		if (afterMs === undefined) this.#forget(key);
		else if (awake === undefined && hasEndpoints(service)) this.#write(key, { activeMs: this.#ports.nowMs(), afterMs });
		else if (awake !== undefined && awake.afterMs !== afterMs) this.#write(key, { ...awake, afterMs });
	}

	/** A request has come. */
	leased(namespace: string, name: string, service: EdgeService | undefined): void {
		const afterMs = service?.sleepsAfterMs;
		if (afterMs === undefined) return;
		const key = serviceKey(namespace, name);
		const [nowMs, isAwake] = [this.#ports.nowMs(), this.#read(key) !== undefined];
		if (!isAwake) this.#write(key, { activeMs: nowMs, afterMs });
		else this.#touch(key);
		// Without a note of being awake it was told to sleep, even if its pods are still there.
		if ((isAwake && hasEndpoints(service)) || nowMs - (this.#wokenAtMs.get(key) ?? 0) < WAKE_AGAIN_MS) return;
		this.#wokenAtMs.set(key, nowMs);
		this.#outside.post({ to: { object: "namespace", name: namespace }, body: { type: "scaleService", service: name, wanted: "wake" } });
	}

	/** A request is over. */
	released(namespace: string, name: string): void {
		this.#touch(serviceKey(namespace, name));
	}

	/** Sends to sleep whatever is due. Call when the alarm rings, in a transaction. */
	check(): void {
		const nowMs = this.#ports.nowMs();
		for (const [key, awake] of this.#all()) {
			if (this.#dueMs(key, awake) > nowMs) continue;
			const [, namespace = "", name = ""] = key.split("/");
			if (this.#outside.openLeases(namespace, name) > 0) this.#write(key, { ...awake, activeMs: nowMs });
			else {
				this.#forget(key);
				this.#wokenAtMs.delete(key);
				this.#outside.post({ to: { object: "namespace", name: namespace }, body: { type: "scaleService", service: name, wanted: "sleep" } });
			}
		}
	}

	nextDueMs(): number | undefined {
		const due = this.#all().map(([key, awake]) => this.#dueMs(key, awake));
		return due.length > 0 ? Math.min(...due) : undefined;
	}

	#dueMs = (key: string, { activeMs, afterMs }: Awake): number => Math.max(activeMs, this.#active.get(key) ?? 0) + afterMs;

	#touch(key: string): void {
		const awake = this.#read(key);
		if (awake === undefined) return;
		const nowMs = this.#ports.nowMs();
		this.#active.set(key, nowMs);
		if (nowMs - awake.activeMs > awake.afterMs / WRITES_PER_SLEEP_TIME) this.#write(key, { ...awake, activeMs: nowMs });
	}

	#all(): [string, Awake][] {
		const rows = this.#ports.sql.all<{ key: string; value: string }>("SELECT key, value FROM meta WHERE key LIKE ?", `${AWAKE}%`);
		return rows.map(({ key, value }) => [key.slice(AWAKE.length), JSON.parse(value) as Awake]);
	}

	#read(key: string): Awake | undefined {
		const row = this.#ports.sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", AWAKE + key)[0];
		return row && (JSON.parse(row.value) as Awake);
	}

	#write(key: string, awake: Awake): void {
		this.#ports.sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", AWAKE + key, JSON.stringify(awake));
	}

	#forget(key: string): void {
		this.#active.delete(key);
		this.#ports.sql.run("DELETE FROM meta WHERE key = ?", AWAKE + key);
	}
}

export const hasEndpoints = (service: EdgeService | null | undefined): boolean => (service?.ports ?? []).some(({ endpoints }) => endpoints.length > 0);
