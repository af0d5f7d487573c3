/** Literals that can be told to be wrong before they are evaluated (cel-go's validators of durations, instants and patterns). */
import { parseDuration } from "../schema/duration-text.ts";
import { type Expr, partsOf } from "./expression.ts";
import { compilePattern } from "../regex/pattern.ts";
import type { SourceProblem } from "./source-error.ts";
import { parseTimestamp } from "./timestamps.ts";

function isPattern(text: string): boolean {
	try {
		compilePattern(text);
		return true;
	} catch {
		return false;
	}
}

/** By function: which argument is checked (as a method and as a function), and how. */
const CHECKS: Readonly<Record<string, { argument: number; what: string; isValid: (text: string) => boolean }>> = {
	duration: { argument: 0, what: "duration", isValid: (text) => parseDuration(text) !== undefined },
	timestamp: { argument: 0, what: "timestamp", isValid: (text) => parseTimestamp(text) !== undefined },
	matches: { argument: 1, what: "matches", isValid: isPattern },
};

export function literalProblems(expr: Expr): SourceProblem[] {
	const problems = partsOf(expr).flatMap(literalProblems);
	if (expr.kind !== "call" || !Object.hasOwn(CHECKS, expr.name)) return problems;
	const { argument, what, isValid } = CHECKS[expr.name] as (typeof CHECKS)[string];
	const literal = (expr.target ? [expr.target, ...expr.args] : expr.args)[argument];
	if (literal?.kind !== "constant" || typeof literal.value !== "string" || isValid(literal.value)) return problems;
	return [...problems, { at: literal.at, message: `invalid ${what} argument` }];
}
