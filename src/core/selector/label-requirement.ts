/** One requirement of a label selector (k8s.io/apimachinery/pkg/labels Requirement). */
import { badRequest } from "../errors/status-error.ts";
import { labelValue, qualifiedName } from "../meta/name-rules.ts";

export type LabelOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

export interface LabelRequirement {
	key: string;
	operator: LabelOperator;
	/** Sorted, without duplicates. */
	values: readonly string[];
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** strconv.ParseInt(text, 10, 64); undefined where it fails. */
export function parseInt64(text: string): bigint | undefined {
	if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
	const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
	return value > INT64_MAX || value < INT64_MIN ? undefined : value;
}

const quoteList = (values: readonly string[]): string => `[${values.map((v) => JSON.stringify(v)).join(",")}]`;

function countErrors(operator: LabelOperator, values: readonly string[]): string[] {
	const wrong = (detail: string): string[] => [`values: Invalid value: ${quoteList(values)}: ${detail}`];
	switch (operator) {
		case "in":
		case "notin":
			return values.length === 0 ? wrong("for 'in', 'notin' operators, values set can't be empty") : [];
		case "=":
		case "==":
		case "!=":
			return values.length === 1 ? [] : wrong("exact-match compatibility requires one single value");
		case "exists":
		case "!":
			return values.length === 0 ? [] : wrong("values set must be empty for exists and does not exist");
		default: {
			const errors = values.length === 1 ? [] : wrong("for 'Gt', 'Lt' operators, exactly one value is required");
			values.forEach((value, index) => {
				if (parseInt64(value) === undefined) {
					errors.push(`values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`);
				}
			});
			return errors;
		}
	}
}

/** Every broken rule of one requirement, as NewRequirement reports them. */
export function requirementErrors(requirement: LabelRequirement): string[] {
	const { key, operator, values } = requirement;
	const errors: string[] = [];
	const keyErrors = qualifiedName(key);
	if (keyErrors.length > 0) errors.push(`key: Invalid value: ${JSON.stringify(key)}: ${keyErrors.join("; ")}`);
	errors.push(...countErrors(operator, values));
	values.forEach((value, index) => {
		const valueErrors = labelValue(value);
		if (valueErrors.length > 0) errors.push(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${valueErrors.join("; ")}`);
	});
	return errors;
}

/** One text for several errors, as utilerrors.Aggregate prints them. */
export const aggregateText = (errors: readonly string[]): string => (errors.length === 1 ? (errors[0] as string) : `[${[...new Set(errors)].join(", ")}]`);

/** Makes a requirement of checked parts. Throws a 400 StatusError with upstream's words. */
export function newRequirement(key: string, operator: LabelOperator, values: readonly string[], prefix = ""): LabelRequirement {
	const requirement: LabelRequirement = { key, operator, values: [...new Set(values)].sort() };
	const errors = requirementErrors(requirement);
	if (errors.length > 0) throw badRequest(prefix + aggregateText(errors));
	return requirement;
}

/** Whether a set of labels satisfies the requirement. */
export function requirementMatches(requirement: LabelRequirement, labels: Readonly<Record<string, string>> | undefined): boolean {
	const { key, operator, values } = requirement;
	const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
	switch (operator) {
		case "=":
		case "==":
			return value !== undefined && value === values[0];
		case "!=":
			return value === undefined || value !== values[0];
		case "in":
			return value !== undefined && values.includes(value);
		case "notin":
			return value === undefined || !values.includes(value);
		case "exists":
			return value !== undefined;
		case "!":
			return value === undefined;
		default: {
			const actual = value === undefined ? undefined : parseInt64(value);
			const bound = parseInt64(values[0] ?? "");
			if (actual === undefined || bound === undefined) return false;
			return operator === "gt" ? actual > bound : actual < bound;
		}
	}
}

/** The requirement as a selector text that parses back to it. */
export function requirementText(requirement: LabelRequirement): string {
	const { key, operator, values } = requirement;
	switch (operator) {
		case "exists":
			return key;
		case "!":
			return `!${key}`;
		case "in":
		case "notin":
			return `${key} ${operator} (${values.join(",")})`;
		case "gt":
			return `${key}>${values.join(",")}`;
		case "lt":
			return `${key}<${values.join(",")}`;
		default:
			return `${key}${operator}${values.join(",")}`;
	}
}
