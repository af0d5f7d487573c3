/** One evaluation of a policy: its variables, worked out when they are asked for, and its budget (plugin/cel/activation.go). */
import { CostLimitExceeded, type Variables } from "../../cel/planner.ts";
import { PER_CALL_COST_MAX } from "../../cel/environment.ts";
import { CelError, CelMap, type CelValue } from "../../cel/values.ts";
import type { Compiled } from "./policy-compiler.ts";

/** What all expressions of one policy may cost about one request. */
export const POLICY_COST_MAX = 10_000_000;

/** Ends the evaluation of a policy. */
export class OutOfBudget extends Error {
	constructor() {
		super("validation failed due to running out of cost budget, no further validation rules will be run");
	}
}

export type NamedVariables = ReadonlyMap<string, Compiled>;

class ComposedVariables extends CelMap {
	readonly #variables: NamedVariables;
	readonly #run: PolicyRun;
	readonly #known = new Map<string, CelValue | CelError>();

	constructor(variables: NamedVariables, run: PolicyRun) {
		super();
		this.#variables = variables;
		this.#run = run;
	}

	override get typeName(): string {
		return "kubernetes.variables";
	}

	get size(): number {
		return this.#variables.size;
	}

	keys(): Iterable<CelValue> {
		return this.#variables.keys();
	}

	get(key: CelValue): CelValue | CelError | undefined {
		const compiled = typeof key === "string" ? this.#variables.get(key) : undefined;
		if (compiled === undefined) return undefined;
		const name = key as string;
		let value = this.#known.get(name);
		if (value === undefined) {
			value = this.#evaluate(name, compiled);
			this.#known.set(name, value);
		}
		return value;
	}

	#evaluate(name: string, compiled: Compiled): CelValue | CelError {
		const quoted = JSON.stringify(name);
		if ("problem" in compiled) return new CelError(`composited variable ${quoted} fails to compile: ${compiled.problem}`);
		const value = this.#run.evaluate(compiled);
		return value instanceof CelError ? new CelError(`composited variable ${quoted} fails to evaluate: ${value.message}`) : value;
	}
}

export class PolicyRun {
	readonly #variables: Variables;
	#left: number;

	constructor(base: Variables, variables: NamedVariables, costMax: number = POLICY_COST_MAX) {
		const composed = new ComposedVariables(variables, this);
		this.#variables = (name) => (name === "variables" ? composed : base(name));
		this.#left = costMax;
	}

	/** The expression's value. Throws OutOfBudget. */
	evaluate(compiled: Compiled): CelValue | CelError {
		if ("problem" in compiled) return new CelError(`compilation error: ${compiled.problem}`);
		try {
			const { value, cost } = compiled.program.evaluate(this.#variables);
			this.#spend(cost);
			return value;
		} catch (error) {
			if (!(error instanceof CostLimitExceeded)) throw error;
			this.#spend(PER_CALL_COST_MAX);
			return new CelError(error.message);
		}
	}

	#spend(cost: number): void {
		this.#left -= cost;
		if (this.#left < 0) throw new OutOfBudget();
	}
}

/** Why an expression has no value, as a refusal tells it. */
export function errorText(compiled: Compiled, { message }: CelError): string {
	return "problem" in compiled ? message : `expression '${compiled.source}' resulted in error: ${message}`;
}
