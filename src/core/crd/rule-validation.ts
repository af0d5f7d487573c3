/** What is wrong with a definition's rules: they must compile, give what they are to give, and cost what they may (apiextensions-apiserver). */
import type { Environment, Program } from "../cel/environment.ts";
import { estimateCost } from "../cel/cost-estimate.ts";
import { CelSourceError } from "../cel/source-error.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import type { ValidationRule } from "../schema/kubernetes.d.ts";
import { type JsonSchema, propertyOf, VALIDATIONS, valueSchemaOf } from "./json-schema.ts";
import { isBoolean, isTransition, ruleEnvironment } from "./rules.ts";

/** What one rule may cost at most, as far as can be told beforehand, and all of a version's together. */
const RULE_COST_MAX = 10_000_000;
const SCHEMA_COST_MAX = 100_000_000;
/** How many rules a complaint about the sum names: the most expensive ones. */
const EXPENSIVE_SHOWN_MAX = 4;
const REASONS = ["FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid", "FieldValueDuplicate"];
const COST_ADVICE = "try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared";

/** Where a schema stands. */
export interface RulePlace {
	path: string;
	isResource: boolean;
	/** Values of one list may be another's tomorrow: rules cannot speak of their old value. */
	uncorrelatable: boolean;
	/** How many values there may be: the rules are evaluated for each. */
	cardinality: number;
}

function costMessage(what: string, cost: number, max: number): string {
	const factor = cost / max;
	const text = factor > 100 ? "more than 100x" : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
	return `${what} exceeds budget by factor of ${text} (${COST_ADVICE})`;
}

/** Whether the path names a field of the schema: `.spec.names`, `['a.b']`. */
function isFieldPath(path: string, schema: JsonSchema): boolean {
	let at: JsonSchema | undefined = schema;
	let rest = path;
	while (rest !== "" && at !== undefined) {
		const [whole = "", plain, quoted] = /^(?:\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\])/.exec(rest) ?? [];
		if (whole === "") return false;
		const name = plain ?? (quoted ?? "").replace(/\\(.)/g, "$1");
		at = at.properties ? propertyOf(at, name) : valueSchemaOf(at);
		rest = rest.slice(whole.length);
	}
	return at !== undefined;
}

/** Gathers what is wrong with the rules of one version. */
export class RuleCheck {
	readonly errors: FieldError[] = [];
	readonly #costs: { path: string; cost: number }[] = [];

	schema(schema: JsonSchema, place: RulePlace): void {
		const environments = new Map<boolean, Environment | undefined>();
		for (const [index, rule] of (schema[VALIDATIONS] ?? []).entries()) {
			const at = `${place.path}.${VALIDATIONS}[${index}]`;
			if (!this.#texts(rule, schema, at)) continue;
			const optional = rule.optionalOldSelf === true;
			if (!environments.has(optional)) environments.set(optional, ruleEnvironment(schema, place.isResource, optional));
			this.#expressions(rule, environments.get(optional), place, at);
		}
	}

	/** The sum of all, told once each is known. */
	total(path: string): FieldError[] {
		const total = this.#costs.reduce((sum, { cost }) => sum + cost, 0);
		if (total <= SCHEMA_COST_MAX) return [];
		const expensive = this.#costs.toSorted((a, b) => b.cost - a.cost).slice(0, EXPENSIVE_SHOWN_MAX);
		const contributed = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
		return [
			...expensive.map(({ path: at }) => forbidden(at, contributed)),
			forbidden(path, costMessage("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", total, SCHEMA_COST_MAX)),
		];
	}

	/** Whether there is a rule to look into. */
	#texts(rule: ValidationRule, schema: JsonSchema, at: string): boolean {
		const { message = "", messageExpression = "", fieldPath = "", reason } = rule;
		const text = rule.rule?.trim() ?? "";
		if (text === "") this.errors.push(required(`${at}.rule`, "rule is not specified"));
		else if (message !== "" && message.trim() === "") this.errors.push(invalid(`${at}.message`, message, "message must be non-empty if specified"));
		else if (message.trim().includes("\n")) this.errors.push(invalid(`${at}.message`, message, "message must not contain line breaks"));
		else if (text.includes("\n") && message === "") this.errors.push(required(`${at}.message`, "message must be specified if rule contains line breaks"));
		if (messageExpression !== "" && messageExpression.trim() === "")
			this.errors.push(required(`${at}.messageExpression`, "messageExpression must be non-empty if specified"));
		if (reason && !REASONS.includes(reason)) this.errors.push(notSupported(`${at}.reason`, reason, REASONS));
		this.#fieldPath(fieldPath, schema, `${at}.fieldPath`);
		return text !== "";
	}

	#fieldPath(path: string, schema: JsonSchema, at: string): void {
		if (path === "") return;
		if (path.trim() === "") this.errors.push(invalid(at, path, "fieldPath must be non-empty if specified"));
		else if (path.includes("\n")) this.errors.push(invalid(at, path, "fieldPath must not contain line breaks"));
		else if (!isFieldPath(path, schema)) this.errors.push(invalid(at, path, "fieldPath must be a valid path"));
	}

	#compiled(source: string, environment: Environment, at: string, prefix: string): Program | undefined {
		try {
			return environment.compile(source);
		} catch (error) {
			if (!(error instanceof CelSourceError)) throw error;
			this.errors.push(invalid(at, source, `${prefix}compilation failed: ${error.message}`));
			return undefined;
		}
	}

	#expressions(rule: ValidationRule, environment: Environment | undefined, place: RulePlace, at: string): void {
		if (environment === undefined) {
			this.errors.push(invalid(`${at}.rule`, rule.rule, "compilation failed: rule declared on schema that does not support validation rules type"));
			return;
		}
		const program = this.#compiled(rule.rule, environment, `${at}.rule`, "");
		if (program && !isBoolean(program)) this.errors.push(invalid(`${at}.rule`, rule.rule, "cel expression must evaluate to a bool"));
		else if (program && isTransition(program) && place.uncorrelatable)
			this.errors.push(invalid(`${at}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.path}`));
		if (rule.optionalOldSelf != null && program && !isTransition(program))
			this.errors.push(invalid(`${at}.optionalOldSelf`, rule.optionalOldSelf, "may not be set if oldSelf is not used in rule"));
		if (program) this.#cost(program, place, `${at}.rule`, "estimated rule cost");
		if (!rule.messageExpression?.trim()) return;
		const message = this.#compiled(rule.messageExpression, environment, `${at}.messageExpression`, "messageExpression ");
		if (message && message.checked.type.kind !== "string")
			this.errors.push(invalid(`${at}.messageExpression`, rule.messageExpression, "messageExpression must evaluate to a string"));
		if (message) this.#cost(message, place, `${at}.messageExpression`, "estimated messageExpression cost");
	}

	#cost({ expr, checked }: Program, { cardinality }: RulePlace, path: string, what: string): void {
		const each = estimateCost(expr, checked).max;
		const cost = each === 0 ? 0 : each * cardinality;
		if (cost > RULE_COST_MAX) this.errors.push(forbidden(path, costMessage(what, cost, RULE_COST_MAX)));
		this.#costs.push({ path, cost });
	}
}
