/** x-kubernetes-validations: a schema's rules, compiled once, and what an object breaks of them (apiextensions-apiserver schema/cel). */
import { Environment, type Program } from "../cel/environment.ts";
import { mentions } from "../cel/expression.ts";
import { CostLimitExceeded, type Variables } from "../cel/planner.ts";
import { CelSourceError } from "../cel/source-error.ts";
import { BOOL, type CelType, optionalOf } from "../cel/types.ts";
import { CelError, type CelValue, Optional } from "../cel/values.ts";
import { duplicate, type FieldError, forbidden, invalid, required } from "../errors/field-error.ts";
import { isJsonObject, type Json } from "../meta/object.ts";
import { jsonEqual } from "../meta/equality.ts";
import type { ValidationRule } from "../schema/kubernetes.d.ts";
import { type JsonSchema, propertyOf, VALIDATIONS, valueSchemaOf } from "./json-schema.ts";
import { correlatedItems } from "./list-correlation.ts";
import { ruleType } from "./rule-types.ts";
import { ruleValue } from "./rule-values.ts";
import { NO_PATH } from "./value-validation.ts";

/** What all rules of one object may cost together. */
const OBJECT_COST_MAX = 10_000_000;
/** Longest text that a messageExpression may give, in characters. */
const MESSAGE_CHARACTERS_MAX = 5 * 1024;
const OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run";

interface CompiledRule {
	rule: ValidationRule;
	/** Speaks of the old value. */
	isTransition: boolean;
	/** Why there is no program. */
	problem?: string;
	program?: Program;
	message?: Program;
}

/** The rules of a place and of all below it. */
export interface RuleTree {
	schema: JsonSchema;
	rules: readonly CompiledRule[];
	properties: ReadonlyMap<string, RuleTree>;
	items: RuleTree | undefined;
	values: RuleTree | undefined;
}

const SELF = "self";
const OLD_SELF = "oldSelf";

/** What the rules of a place are compiled in; undefined where there can be none. */
export function ruleEnvironment(schema: JsonSchema, isResource: boolean, optionalOldSelf: boolean): Environment | undefined {
	const self: CelType | undefined = ruleType(schema, isResource);
	return self && new Environment({ variables: { [SELF]: self, [OLD_SELF]: optionalOldSelf ? optionalOf(self) : self } });
}

export const isTransition = ({ expr }: Program): boolean => mentions(expr, OLD_SELF);

function compileRule(rule: ValidationRule, environment: Environment | undefined): CompiledRule {
	const { messageExpression } = rule;
	try {
		const program = environment?.compile(rule.rule.trim());
		if (program === undefined) return { rule, isTransition: false, problem: "rule declared on schema that does not support validation rules type" };
		const message = messageExpression ? environment?.compile(messageExpression) : undefined;
		return { rule, isTransition: isTransition(program), program, ...(message ? { message } : {}) };
	} catch (error) {
		if (!(error instanceof CelSourceError)) throw error;
		return { rule, isTransition: false, problem: `compilation failed: ${error.message}` };
	}
}

/** Undefined where neither the schema nor one below it has rules. */
export function compileRules(schema: JsonSchema, isResource = true): RuleTree | undefined {
	const environments = new Map<boolean, Environment | undefined>();
	const rules = (schema[VALIDATIONS] ?? []).map((rule) => {
		const optional = rule.optionalOldSelf === true;
		if (!environments.has(optional)) environments.set(optional, ruleEnvironment(schema, isResource, optional));
		return compileRule(rule, environments.get(optional));
	});
	const properties = new Map<string, RuleTree>();
	for (const [name, property] of Object.entries(schema.properties ?? {})) {
		const tree = compileRules(property, false);
		if (tree) properties.set(name, tree);
	}
	const valueSchema = valueSchemaOf(schema);
	const items = schema.items && compileRules(schema.items, false);
	const values = valueSchema && compileRules(valueSchema, false);
	return rules.length === 0 && properties.size === 0 && !items && !values ? undefined : { schema, rules, properties, items, values };
}

const child = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

type Outcome = { value: CelValue | CelError } | { exceeded: true };

class Evaluation {
	readonly errors: FieldError[] = [];
	/** What is left to spend; below zero nothing more is evaluated. */
	#left = OBJECT_COST_MAX;

	visit(tree: RuleTree, value: Json, old: Json | undefined, path: string, isResource: boolean): void {
		if (this.#left < 0) return;
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
		const self = ruleValue(value, tree.schema, isResource);
		const oldSelf = old === undefined || old === null ? undefined : ruleValue(old, tree.schema, isResource);
		for (const compiled of tree.rules) {
			const { isTransition: speaksOfOld, rule } = compiled;
			if (speaksOfOld ? oldSelf === undefined && !rule.optionalOldSelf : unchanged) continue;
			const seen = rule.optionalOldSelf ? (oldSelf === undefined ? Optional.NONE : new Optional(oldSelf)) : oldSelf;
			this.#one(compiled, (name) => (name === SELF ? self : name === OLD_SELF ? seen : undefined), value, path);
			if (this.#left < 0) return;
		}
	}

	#one(compiled: CompiledRule, variables: Variables, value: Json, path: string): void {
		const { rule, program } = compiled;
		const field = fieldOf(path);
		if (program === undefined) {
			this.errors.push(withoutValue(field, value, `rule compile error: ${compiled.problem}`));
			return;
		}
		const outcome = this.#run(program, variables);
		if ("exceeded" in outcome) this.#spent(field, value, rule);
		else if (outcome.value instanceof CelError) this.errors.push(withoutValue(field, value, failureText(outcome.value, rule)));
		else if (outcome.value !== true) {
			const place = rule.fieldPath ? fieldOf(`${path}${rule.fieldPath}`.replace(/^\./, "")) : field;
			this.errors.push(brokenRule(rule, this.#message(compiled, variables), place, value));
		}
	}

	#spent(field: string, value: Json, rule: ValidationRule): void {
		const isCall = this.#left > 0;
		this.#left = -1;
		const limit = "operation cancelled: actual cost limit exceeded";
		const why = `'${limit}': no further validation rules will be run due to call cost exceeds limit for rule: ${fixedMessage(rule)}`;
		this.errors.push(withoutValue(field, value, isCall ? why : OUT_OF_BUDGET));
	}

	#run(program: Program, variables: Variables): Outcome {
		try {
			const { value, cost } = program.evaluate(variables);
			this.#left -= cost;
			return this.#left < 0 ? { exceeded: true } : { value };
		} catch (error) {
			if (error instanceof CostLimitExceeded) return { exceeded: true };
			throw error;
		}
	}

	/** What the messageExpression gives; where it gives nothing of use, what the rule says otherwise. */
	#message({ rule, message }: CompiledRule, variables: Variables): string {
		const outcome = message && this.#run(message, variables);
		const text = outcome && "value" in outcome && typeof outcome.value === "string" ? outcome.value.trim() : "";
		return text === "" || text.includes("\n") || text.length > MESSAGE_CHARACTERS_MAX ? fixedMessage(rule) : text;
	}
}

const fieldOf = (path: string): string => (path === "" ? NO_PATH : path);

const fixedMessage = (rule: ValidationRule): string => rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;

function failureText({ message }: CelError, rule: ValidationRule): string {
	if (message.startsWith("no such overload"))
		return `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${fixedMessage(rule)}`;
	return `${message} evaluating rule: ${fixedMessage(rule)}`;
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

export const isBoolean = ({ checked }: Program): boolean => checked.type.kind === BOOL.kind;
