/** Answers the control plane's questions of what is used here now. */
import type { Logger } from "../log.ts";
import type { Report } from "../status-reporter.ts";
import type { UsageMeter } from "./usage-meter.ts";

export class UsageAnswers {
	readonly #meter: UsageMeter;
	readonly #log: Logger;
	readonly #report: (usage: NonNullable<Report["usage"]>) => Promise<void>;
	/** The last question answered: it may come twice. */
	#answered = "";

	constructor(meter: UsageMeter, log: Logger, report: (usage: NonNullable<Report["usage"]>) => Promise<void>) {
		this.#meter = meter;
		this.#log = log;
		this.#report = report;
	}

	/** Who asks waits no longer than a few seconds, so that a failure is not tried again. */
	handle(id: string): void {
		if (this.#answered === id) return;
		this.#answered = id;
		const answer = async () => this.#report({ id, usage: await this.#meter.usage() });
		answer().catch((error: unknown) => this.#log.warn("what is used could not be reported", { error }));
	}
}
