/**
 * Conditions and values of actions: CEL over `event`, `payload` and `headers`. A value is a text with ${...} in it, or, where it
 * is nothing but one ${...}, whatever the expression is.
 */
import { jsonOf } from "../../admission/policies/mutation-values.ts";
import { Environment, PER_CALL_COST_MAX, type Program } from "../../cel/environment.ts";
import { untypedValue } from "../../cel/json-value.ts";
import { CostLimitExceeded, type Variables } from "../../cel/planner.ts";
import { CelSourceError } from "../../cel/source-error.ts";
import { BOOL, DYN, mapOf, STRING, typeText } from "../../cel/types.ts";
import { CelError, CelFailure, type CelValue } from "../../cel/values.ts";
import type { Json } from "../../meta/object.ts";
import type { SenderEvent } from "./sender.ts";

/** What the expressions of one delivery may cost together. */
export const DELIVERY_COST_MAX = 10_000_000;

/** What is left of it. */
export interface CostBudget {
	left: number;
}

const environment = new Environment({ variables: { event: DYN, payload: DYN, headers: mapOf(STRING, STRING) } });

/** An expression that has no value about this event; its message says why. */
export class ExpressionFailed extends Error {}

/** A text and the expressions in it. */
export type Template = readonly (string | Program)[];

/** Where the expression ends that begins at `from`: at the brace that closes it, whatever its texts hold. Undefined where it does not end. */
function endOfExpression(text: string, from: number): number | undefined {
	let depth = 0;
	let quote = "";
	for (let at = from; at < text.length; at++) {
		const char = text[at] as string;
		if (quote !== "") {
			if (char === "\\") at++;
			else if (char === quote) quote = "";
		} else if (char === '"' || char === "'") quote = char;
		else if (char === "{") depth++;
		else if (char === "}" && depth-- === 0) return at;
	}
	return undefined;
}

/** "$${" stands for "${" itself. Throws an Error that says what is wrong with the text. */
export function compileTemplate(text: string): Template {
	const parts: (string | Program)[] = [];
	let plain = "";
	for (let at = 0; at < text.length; at++) {
		if (text.startsWith("$${", at)) {
			plain += "${";
			at += 2;
			continue;
		}
		if (!text.startsWith("${", at)) {
			plain += text[at];
			continue;
		}
		const end = endOfExpression(text, at + 2);
		if (end === undefined) throw new Error("a ${ is not closed");
		if (plain !== "") parts.push(plain);
		plain = "";
		parts.push(environment.compile(text.slice(at + 2, end)));
		at = end;
	}
	if (plain !== "") parts.push(plain);
	return parts;
}

/** Throws an Error that says what is wrong with the expression. */
export function compileCondition(expression: string): Program {
	const program = environment.compile(expression);
	const { kind } = program.checked.type;
	if (kind !== BOOL.kind && kind !== DYN.kind) throw new Error(`must evaluate to bool but got ${typeText(program.checked.type)}`);
	return program;
}

/** What is wrong with a text that is to compile; undefined when nothing is. */
export function compileProblem(compile: () => unknown): string | undefined {
	try {
		compile();
		return undefined;
	} catch (error) {
		return error instanceof CelSourceError ? `compilation failed: ${error.message}` : (error as Error).message;
	}
}

/** What expressions know of an event: every member is there, so that none has to be asked for first. */
function eventValue({ id, type, timeMs, image, pullRequest }: SenderEvent): Json {
	return {
		id,
		type,
		time: timeMs === undefined ? "" : new Date(timeMs).toISOString(),
		image: image === undefined ? null : { ...image, reference: referenceOf(image) },
		pullRequest: pullRequest === undefined ? null : { ...pullRequest },
	};
}

/** By the digest where it is known, else by the tag. */
export const referenceOf = ({ repository, tag, digest }: { repository: string; tag: string; digest: string }): string =>
	digest !== "" ? `${repository}@${digest}` : tag !== "" ? `${repository}:${tag}` : repository;

/** Evaluates expressions about one event, within its delivery's budget. */
export class Expressions {
	readonly #variables: Variables;
	readonly #budget: CostBudget;

	constructor(event: SenderEvent, payload: Json, headers: Readonly<Record<string, string>>, budget: CostBudget = { left: DELIVERY_COST_MAX }) {
		this.#budget = budget;
		const values = new Map<string, CelValue>([
			["event", untypedValue(eventValue(event))],
			["payload", untypedValue(payload)],
			["headers", untypedValue({ ...headers })],
		]);
		this.#variables = (name) => values.get(name);
	}

	/** @throws ExpressionFailed */
	#evaluate(program: Program): CelValue {
		try {
			const { value, cost } = program.evaluate(this.#variables, Math.min(this.#budget.left, PER_CALL_COST_MAX));
			this.#budget.left -= cost;
			if (value instanceof CelError) throw new ExpressionFailed(`expression '${program.source}' resulted in error: ${value.message}`);
			return value;
		} catch (error) {
			if (error instanceof CostLimitExceeded) throw new ExpressionFailed(`expression '${program.source}': ${error.message}`);
			throw error;
		}
	}

	/** @throws ExpressionFailed */
	holds(condition: string): boolean {
		const value = this.#evaluate(compileCondition(condition));
		if (typeof value !== "boolean") throw new ExpressionFailed(`expression '${condition}' is no bool`);
		return value;
	}

	/** What a text with ${...} stands for. Throws ExpressionFailed. */
	value(text: string): Json {
		const template = compileTemplate(text);
		const [only] = template;
		if (template.length === 1 && only !== undefined && typeof only !== "string") return this.#json(only);
		return template.map((part) => (typeof part === "string" ? part : asText(this.#json(part)))).join("");
	}

	/** As text, whatever it is. Throws ExpressionFailed. */
	text(text: string): string {
		return asText(this.value(text));
	}

	#json(program: Program): Json {
		try {
			return jsonOf(this.#evaluate(program));
		} catch (error) {
			if (error instanceof CelFailure) throw new ExpressionFailed(`expression '${program.source}': ${error.message}`);
			throw error;
		}
	}
}

const asText = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));
