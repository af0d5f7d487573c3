/** What the second round of changes needs of the first (webhookReinvokeContext, policyReinvokeContext). */
import { semanticEqual } from "../meta/equality.ts";
import type { KubeObject } from "../meta/object.ts";
import type { AdmissionRequest } from "./plugin.ts";

export class Rounds {
	/** Those that may be asked again. */
	#previous = new Set<string>();
	readonly #again = new Set<string>();
	#output: KubeObject | undefined;

	/** Of one plugin, kept between the rounds. */
	static of({ reinvocation }: AdmissionRequest, plugin: string): Rounds {
		const known = reinvocation.values.get(plugin) as Rounds | undefined;
		const rounds = known ?? new Rounds();
		reinvocation.values.set(plugin, rounds);
		return rounds;
	}

	/** Something has changed the object: those that have seen it before must see it again. */
	requireAgain(): void {
		for (const id of this.#previous) this.#again.add(id);
		this.#previous = new Set();
	}

	mayBeAskedAgain(id: string): void {
		this.#previous.add(id);
	}

	isAskedAgain(id: string): boolean {
		return this.#again.has(id);
	}

	changedSince(object: KubeObject): boolean {
		return this.#output !== undefined && !semanticEqual(this.#output, object);
	}

	left(object: KubeObject): void {
		this.#output = structuredClone(object);
	}
}
