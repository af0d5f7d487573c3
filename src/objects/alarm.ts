/** The one alarm of a Durable Object: set only when something is due earlier than it rings, since setting it is a row written. */
import type { CorePorts } from "./ports.ts";

export class Alarm {
	readonly #ports: CorePorts;
	#atMs: number | undefined;

	constructor(ports: CorePorts) {
		this.#ports = ports;
	}

	/** Makes the alarm ring at the earliest of these moments, if it would not anyhow. */
	arm(due: readonly (number | undefined)[]): void {
		const moments = due.filter((at) => at !== undefined);
		if (moments.length === 0) return;
		const nowMs = this.#ports.nowMs();
		const next = Math.max(Math.min(...moments), nowMs + 1);
		if (this.#atMs !== undefined && this.#atMs <= next && this.#atMs > nowMs) return;
		this.#atMs = next;
		this.#ports.setAlarm(next);
	}

	/** It rang. */
	rang(): void {
		this.#atMs = undefined;
	}
}
