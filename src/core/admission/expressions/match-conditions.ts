/** matchConditions of webhooks and policies (k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions): whether a request is any of their concern. */
import { CelSourceError } from "../../cel/source-error.ts";
import type { Program } from "../../cel/environment.ts";
import { CostLimitExceeded, type Variables } from "../../cel/planner.ts";
import { typeText } from "../../cel/types.ts";
import { CelError } from "../../cel/values.ts";
import type { MatchCondition } from "../../schema/kubernetes.d.ts";
import { matchConditionEnvironment } from "./admission-environment.ts";

/** What the conditions of one webhook or policy may cost together. */
const MATCH_CONDITIONS_COST_MAX = 2_500_000;

export interface MatchResult {
	matches: boolean;
	/** Which condition said no. */
	failedCondition?: string;
	/** What went wrong where failures count: the request is to be refused for it. */
	error?: string;
}

export interface MatchConditions {
	match(variables: Variables): MatchResult;
}

interface Condition {
	name: string;
	program: Program | CelError;
}

const aggregate = (errors: readonly string[]): string => (errors.length === 1 ? (errors[0] as string) : `[${[...new Set(errors)].join(", ")}]`);

class Matcher implements MatchConditions {
	readonly #conditions: readonly Condition[];
	readonly #failurePolicy: string;

	constructor(conditions: readonly Condition[], failurePolicy: string) {
		this.#conditions = conditions;
		this.#failurePolicy = failurePolicy;
	}

	match(variables: Variables): MatchResult {
		let left = MATCH_CONDITIONS_COST_MAX;
		const errors: string[] = [];
		for (const { name, program } of this.#conditions) {
			if (left <= 0) return this.#failed("validation failed due to running out of cost budget, no further validation rules will be run");
			const { value, cost } = outcome(program, variables, left);
			left -= cost;
			if (value === false) return { matches: false, failedCondition: name };
			if (value instanceof CelError)
				errors.push(
					program instanceof CelError ? `compilation error: ${program.message}` : `expression '${program.source}' resulted in error: ${value.message}`,
				);
		}
		return errors.length === 0 ? { matches: true } : this.#failed(aggregate(errors));
	}

	#failed(error: string): MatchResult {
		return this.#failurePolicy === "Ignore" ? { matches: false } : { matches: false, error };
	}
}

function outcome(program: Program | CelError, variables: Variables, left: number): { value: unknown; cost: number } {
	if (program instanceof CelError) return { value: program, cost: 0 };
	try {
		const { value, cost } = program.evaluate(variables);
		if (cost > left) return { value: new CelError("validation failed due to running out of cost budget, no further validation rules will be run"), cost };
		return { value, cost };
	} catch (error) {
		if (error instanceof CostLimitExceeded) return { value: new CelError(error.message), cost: left };
		throw error;
	}
}

/** Of conditions that are compiled already. `failurePolicy` "Ignore" takes what fails for a no. */
export function compileConditions(
	conditions: readonly { name: string; compiled: { source: string; program: Program } | { source: string; problem: string } }[],
	failurePolicy: string | undefined,
): MatchConditions {
	const all = conditions.map(({ name, compiled }) => ({ name, program: "program" in compiled ? compiled.program : new CelError(compiled.problem) }));
	return new Matcher(all, failurePolicy ?? "Fail");
}

/** One condition, or why it is none. */
export function compileMatchCondition(expression: string): { source: string; program: Program } | { source: string; problem: string } {
	try {
		const program = matchConditionEnvironment.compile(expression);
		if (program.checked.type.kind === "bool") return { source: expression, program };
		return { source: expression, problem: `must evaluate to bool but got ${typeText(program.checked.type)}` };
	} catch (error) {
		if (error instanceof CelSourceError) return { source: expression, problem: `compilation failed: ${error.message}` };
		throw error;
	}
}

/** Compile once for each stored configuration, match often. */
export function compileMatchConditions(conditions: readonly MatchCondition[] | undefined, failurePolicy: string | undefined): MatchConditions {
	return compileConditions(
		(conditions ?? []).map(({ name, expression }) => ({ name, compiled: compileMatchCondition(expression) })),
		failurePolicy,
	);
}
