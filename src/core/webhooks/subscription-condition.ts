/** Conditions of webhook subscriptions: one CEL expression over an object before and after a change. */
import { Environment, type Program } from "../cel/environment.ts";
import { untypedValue } from "../cel/json-value.ts";
import { CostLimitExceeded } from "../cel/planner.ts";
import { CelSourceError } from "../cel/source-error.ts";
import { DYN, STRING, typeText } from "../cel/types.ts";
import { CelError, type CelValue } from "../cel/values.ts";
import type { Json } from "../meta/object.ts";

export type Change = "Created" | "Updated" | "Deleted";

/** What a condition is asked about. */
export interface ConditionInputs {
	change: Change;
	/** Null when it was deleted. */
	object: Json;
	/** Null when it was created, and when its earlier state is not known any more. */
	oldObject: Json;
}

const environment = new Environment({ variables: { object: DYN, oldObject: DYN, change: STRING } });

export type CompiledCondition = { program: Program } | { problem: string };

export function compileSubscriptionCondition(source: string): CompiledCondition {
	try {
		const program = environment.compile(source);
		const { type } = program.checked;
		if (type.kind !== "bool" && type.kind !== "dyn") return { problem: `must evaluate to bool, not ${typeText(type)}` };
		return { program };
	} catch (error) {
		if (error instanceof CelSourceError) return { problem: `compilation failed: ${error.message}` };
		throw error;
	}
}

/** True or false, or why it is neither. */
export function evaluateSubscriptionCondition(program: Program, inputs: ConditionInputs): boolean | { problem: string } {
	const known = new Map<string, CelValue>();
	const variables = (name: string): CelValue | undefined => {
		const given = name === "object" ? inputs.object : name === "oldObject" ? inputs.oldObject : name === "change" ? inputs.change : undefined;
		if (given === undefined) return undefined;
		const value = known.get(name) ?? untypedValue(given);
		known.set(name, value);
		return value;
	};
	try {
		const { value } = program.evaluate(variables);
		if (typeof value === "boolean") return value;
		return { problem: value instanceof CelError ? value.message : "the condition is neither true nor false" };
	} catch (error) {
		if (error instanceof CostLimitExceeded) return { problem: error.message };
		throw error;
	}
}
