/** x-kubernetes-validations: a schema's rules, compiled once, and what an object breaks of them (apiextensions-apiserver schema/cel). */
import { type CelInput, isCelError, parse, plan } from "@bufbuild/cel";
import { duplicate, type FieldError, forbidden, invalid, required } from "../errors/field-error.ts";
import type { Json } from "../meta/object.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import type { ValidationRule } from "../schema/kubernetes.d.ts";
import { ruleEnvironment } from "./cel-environment.ts";
import { undefinedField } from "./cel-fields.ts";
import { Budget, celValue } from "./cel-value.ts";
import { isJsonObject, type JsonSchema, propertyOf, VALIDATIONS, valueSchemaOf } from "./json-schema.ts";
import { correlatedItems } from "./list-correlation.ts";
import { NO_PATH } from "./value-validation.ts";

/** Longest text that a messageExpression may give, in characters. */
const MESSAGE_CHARACTERS_MAX = 5 * 1024;

type Program = (bindings: Record<string, CelInput>) => unknown;

interface CompiledRule {
	rule: ValidationRule;
	/** Speaks of the old value: has a meaning where there is one. */
	isTransition: boolean;
	program: Program;
	message: Program | undefined;
}

/** The rules of a place and of all below it. */
export interface RuleTree {
	schema: JsonSchema;
	rules: readonly CompiledRule[];
	properties: ReadonlyMap<string, RuleTree>;
	items: RuleTree | undefined;
	values: RuleTree | undefined;
}

/** Speaks of oldSelf, outside of texts. */
export const isTransitionRule = (rule: string): boolean => /\boldSelf\b/.test(rule.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, ""));

/** @throws Error that says why the text is no expression */
export const compileExpression = (text: string): Program => plan(ruleEnvironment, parse(text)) as Program;

/** What is wrong with an expression over values of the schema; undefined when nothing is found. */
export function expressionProblem(text: string, schema: JsonSchema, isResource: boolean): string | undefined {
	try {
		compileExpression(text);
		const field = undefinedField(parse(text).expr, schema, isResource);
		return field === undefined ? undefined : `compilation failed: ERROR: <input>: undefined field '${field}'`;
	} catch (error) {
		return `compilation failed: ERROR: ${(error as Error).message}`;
	}
}

function compileRule(rule: ValidationRule): CompiledRule {
	const { messageExpression } = rule;
	return {
		rule,
		isTransition: isTransitionRule(rule.rule),
		program: compileExpression(rule.rule.trim()),
		message: messageExpression ? compileExpression(messageExpression) : undefined,
	};
}

/** Undefined where neither the schema nor one below it has rules. */
export function compileRules(schema: JsonSchema): RuleTree | undefined {
	const rules = (schema[VALIDATIONS] ?? []).map(compileRule);
	const properties = new Map<string, RuleTree>();
	for (const [name, property] of Object.entries(schema.properties ?? {})) {
		const tree = compileRules(property);
		if (tree) properties.set(name, tree);
	}
	const valueSchema = valueSchemaOf(schema);
	const items = schema.items && compileRules(schema.items);
	const values = valueSchema && compileRules(valueSchema);
	return rules.length === 0 && properties.size === 0 && !items && !values ? undefined : { schema, rules, properties, items, values };
}

const child = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

class Evaluation {
	readonly errors: FieldError[] = [];
	readonly #budget = new Budget();

	visit(tree: RuleTree, value: Json, old: Json | undefined, path: string, isResource: boolean): void {
		this.#rules(tree, value, old, path, isResource);
		if (Array.isArray(value)) {
			if (!tree.items) return;
			const oldItems = correlatedItems(tree.schema, value, old);
			for (const [index, item] of value.entries()) this.visit(tree.items, item, oldItems?.[index], `${path}[${index}]`, false);
			return;
		}
		if (!isJsonObject(value)) return;
		for (const name of Object.keys(value)) {
			const below = tree.properties.get(name) ?? (propertyOf(tree.schema, name) ? undefined : tree.values);
			const oldItem = isJsonObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
			if (below) this.visit(below, value[name] as Json, oldItem, child(path, name), false);
		}
	}

	#rules(tree: RuleTree, value: Json, old: Json | undefined, path: string, isResource: boolean): void {
		if (tree.rules.length === 0 || value === null) return;
		const unchanged = old !== undefined && jsonEqual(value, old);
		let bindings: Record<string, CelInput> | undefined;
		for (const compiled of tree.rules) {
			if (compiled.isTransition ? old === undefined && !compiled.rule.optionalOldSelf : unchanged) continue;
			// Optional values are no part of the evaluator: oldSelf of such a rule is told where there is one.
			if (compiled.isTransition && old === undefined) continue;
			bindings ??= this.#bindings(tree.schema, value, old, isResource);
			this.#one(compiled, bindings, value, path);
		}
	}

	#bindings(schema: JsonSchema, value: Json, old: Json | undefined, isResource: boolean): Record<string, CelInput> {
		const self = celValue(value, schema, this.#budget, isResource);
		return old === undefined ? { self } : { self, oldSelf: celValue(old, schema, this.#budget, isResource) };
	}

	#one(compiled: CompiledRule, bindings: Record<string, CelInput>, value: Json, path: string): void {
		const { rule } = compiled;
		if (this.#budget.isSpent) return;
		const result = run(compiled.program, bindings);
		if (result === true) return;
		const place = rule.fieldPath ? `${path}${rule.fieldPath}`.replace(/^\./, "") : path;
		const field = place === "" ? NO_PATH : place;
		if (result === false) this.errors.push(brokenRule(rule, messageOf(compiled, bindings), field, value));
		else if (this.#budget.isSpent)
			this.errors.push(invalid(field, "", "validation failed due to running out of cost budget, no further validation rules will be run"));
		else this.errors.push(withoutValue(field, value, `${problemOf(result)} evaluating rule: ${fixedMessage(rule)}`));
	}
}

function run(program: Program, bindings: Record<string, CelInput>): unknown {
	try {
		return program(bindings);
	} catch (error) {
		return error;
	}
}

function problemOf(result: unknown): string {
	if (isCelError(result) || result instanceof Error) return result.message.replace(/^field not found: /, "no such key: ");
	return "rule does not give a boolean";
}

const fixedMessage = (rule: ValidationRule): string => rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;

function messageOf({ rule, message }: CompiledRule, bindings: Record<string, CelInput>): string {
	const text = message && run(message, bindings);
	if (typeof text !== "string" || text.trim() === "" || text.includes("\n") || text.length > MESSAGE_CHARACTERS_MAX) return fixedMessage(rule);
	return text.trim();
}

/** Objects and lists are not shown: they may be long. */
function withoutValue(field: string, value: Json, detail: string): FieldError {
	if (typeof value === "object" && value !== null) return { type: "FieldValueInvalid", field, message: `Invalid value: ${detail}` };
	return invalid(field, value, detail);
}

function brokenRule(rule: ValidationRule, message: string, field: string, value: Json): FieldError {
	switch (rule.reason) {
		case "FieldValueForbidden":
			return forbidden(field, message);
		case "FieldValueRequired":
			return required(field, message);
		case "FieldValueDuplicate":
			return duplicate(field, value);
		default:
			return withoutValue(field, value, message);
	}
}

/** What the object breaks; `old` is what it replaces. Transition rules have a meaning with it alone, and what is unchanged is not complained about. */
export function brokenRules(tree: RuleTree, object: Json, old: Json | undefined): FieldError[] {
	const evaluation = new Evaluation();
	evaluation.visit(tree, object, old, "", true);
	return evaluation.errors;
}
