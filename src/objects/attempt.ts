/** One try of a write: what it draws of time and chance, and what other machines have answered so far. */
import { type CallOutcome, CallsNeeded, type Draws, fingerprint, type OutsideCall, type Question, type Submission } from "../core/admission/outside-call.ts";
import type { CorePorts } from "./ports.ts";

type AttemptPorts = Pick<CorePorts, "nowMs" | "random" | "uuid">;

/** A write of the object's own, which asks no webhook and draws afresh. */
export class Attempt {
	readonly asksWebhooks: boolean = false;
	readonly ports: AttemptPorts;
	/** The cluster's root as the request reached it, where its kind needs that. */
	base: string | undefined;

	constructor(ports: AttemptPorts) {
		this.ports = ports;
	}

	nowMs(): number {
		return this.ports.nowMs();
	}

	uuid(): string {
		return this.ports.uuid();
	}

	random(): number {
		return this.ports.random();
	}

	/** What was answered, in the order of the questions. Throws CallsNeeded with all that are still to be asked. */
	ask(_questions: readonly Question[]): CallOutcome[] {
		throw new Error("a write that asks no webhook has a question");
	}
}

/** A write that may have to be tried several times, until all it has to ask is answered. */
export class AskingAttempt extends Attempt {
	override readonly asksWebhooks = true;
	readonly #answers: ReadonlyMap<string, CallOutcome> | undefined;
	/** What an earlier try drew. */
	readonly #earlier: Draws | undefined;
	readonly #uuids: string[] = [];
	readonly #randoms: number[] = [];
	#nowMs: number | undefined;

	constructor(ports: AttemptPorts, submission?: Submission) {
		super(ports);
		this.#earlier = submission?.draws;
		this.#answers = submission && new Map(submission.outcomes.map((outcome) => [outcome.key, outcome]));
	}

	/** The moment of the first try. */
	override nowMs(): number {
		this.#nowMs ??= this.#earlier?.nowMs ?? this.ports.nowMs();
		return this.#nowMs;
	}

	override uuid(): string {
		const drawn = this.#earlier?.uuids[this.#uuids.length] ?? this.ports.uuid();
		this.#uuids.push(drawn);
		return drawn;
	}

	override random(): number {
		const drawn = this.#earlier?.randoms[this.#randoms.length] ?? this.ports.random();
		this.#randoms.push(drawn);
		return drawn;
	}

	/** The same try once more, from its beginning. */
	again(): AskingAttempt {
		return new AskingAttempt(this.ports, { draws: this.draws(), outcomes: [...(this.#answers?.values() ?? [])] });
	}

	/** For the next try. */
	draws(): Draws {
		return { nowMs: this.nowMs(), uuids: this.#uuids, randoms: this.#randoms };
	}

	override ask(questions: readonly Question[]): CallOutcome[] {
		const calls: OutsideCall[] = [];
		const outcomes: CallOutcome[] = [];
		for (const { target, timeoutSeconds, body } of questions) {
			const key = fingerprint(JSON.stringify(target) + body(""));
			const outcome = this.#answers?.get(key);
			if (outcome !== undefined) outcomes.push(outcome);
			else {
				const uid = this.ports.uuid();
				calls.push({ key, uid, target, timeoutSeconds, body: body(uid) });
			}
		}
		if (calls.length > 0) throw new CallsNeeded(calls);
		return outcomes;
	}
}
