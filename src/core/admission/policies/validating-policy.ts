/** A ValidatingAdmissionPolicy compiled, and what it says of a request (policy/validating/validator.go). */
import { BOOL, DYN, NULL, STRING } from "../../cel/types.ts";
import { CelError, typeName } from "../../cel/values.ts";
import type { ValidatingAdmissionPolicy, Validation } from "../../schema/kubernetes.d.ts";
import { type AdmissionInputs, admissionVariables } from "../expressions/admission-environment.ts";
import { compileConditions, type MatchConditions } from "../expressions/match-conditions.ts";
import { type Compiled, PolicyCompiler } from "./policy-compiler.ts";
import { errorText, type NamedVariables, OutOfBudget, PolicyRun } from "./policy-run.ts";

/** Longest message that a messageExpression may give, in characters. */
const MESSAGE_CHARACTERS_MAX = 5 * 1024;

export interface CompiledValidation {
	validation: Validation;
	expression: Compiled;
	message: Compiled | undefined;
}

export interface CompiledAnnotation {
	key: string;
	value: Compiled;
}

export interface CompiledValidatingPolicy {
	conditions: MatchConditions;
	conditionExpressions: readonly Compiled[];
	variables: NamedVariables;
	validations: readonly CompiledValidation[];
	annotations: readonly CompiledAnnotation[];
	ignoresFailures: boolean;
}

export interface Denial {
	message: string;
	reason: string;
	/** Which validation denies. */
	index: number;
}

export interface Judgement {
	denials: readonly Denial[];
	/** Audit annotations whose value is no empty text. */
	annotations: readonly { key: string; value: string }[];
	/** Annotations that could not be worked out where failures count. */
	annotationErrors: readonly string[];
}

const NO_JUDGEMENT: Judgement = { denials: [], annotations: [], annotationErrors: [] };

export function compileValidatingPolicy({ spec = {} }: ValidatingAdmissionPolicy): CompiledValidatingPolicy {
	const compiler = new PolicyCompiler({ params: spec.paramKind ? DYN : undefined });
	const variables = new Map((spec.variables ?? []).map(({ name, expression }) => [name, compiler.variable(name, expression)] as const));
	const conditionExpressions = (spec.matchConditions ?? []).map(({ expression }) => compiler.compile(expression, { wanted: [BOOL], variables: false }));
	const conditions = (spec.matchConditions ?? []).map(({ name }, index) => ({ name, compiled: conditionExpressions[index] as Compiled }));
	return {
		variables,
		conditionExpressions,
		conditions: compileConditions(conditions, spec.failurePolicy),
		validations: (spec.validations ?? []).map((validation) => ({
			validation,
			expression: compiler.compile(validation.expression, { wanted: [BOOL] }),
			message: validation.messageExpression ? compiler.compile(validation.messageExpression, { wanted: [STRING], authorizer: false }) : undefined,
		})),
		annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
			key,
			value: compiler.compile(valueExpression, { wanted: [STRING, NULL] }),
		})),
		ignoresFailures: spec.failurePolicy === "Ignore",
	};
}

class Judge {
	readonly #policy: CompiledValidatingPolicy;
	readonly #run: PolicyRun;

	constructor(policy: CompiledValidatingPolicy, inputs: AdmissionInputs) {
		this.#policy = policy;
		this.#run = new PolicyRun(admissionVariables(inputs), policy.variables);
	}

	#failure(message: string, index = 0): Denial[] {
		return this.#policy.ignoresFailures ? [] : [{ message, reason: "", index }];
	}

	judge(): Judgement {
		try {
			const denials = this.#policy.validations.flatMap((each, index) => this.#validation(each, index));
			return { denials, ...this.#annotations() };
		} catch (error) {
			if (error instanceof OutOfBudget) return { ...NO_JUDGEMENT, denials: this.#failure(error.message) };
			throw error;
		}
	}

	#validation(each: CompiledValidation, index: number): Denial[] {
		const value = this.#run.evaluate(each.expression);
		if (value instanceof CelError) return this.#failure(errorText(each.expression, value), index);
		if (value === true) return [];
		try {
			return [{ message: this.#message(each), reason: each.validation.reason ?? "Invalid", index }];
		} catch (error) {
			if (error instanceof OutOfBudget) return this.#failure(`failed messageExpression: ${error.message}`, index);
			throw error;
		}
	}

	/** What the messageExpression gives; where that is of no use, the message, or the expression itself. */
	#message({ validation, message }: CompiledValidation): string {
		const value = message && this.#run.evaluate(message);
		const text = typeof value === "string" ? value.trim() : "";
		if (text !== "" && text.length <= MESSAGE_CHARACTERS_MAX && !text.includes("\n")) return text;
		return validation.message?.trim() || `failed expression: ${validation.expression.trim()}`;
	}

	#annotations(): Pick<Judgement, "annotations" | "annotationErrors"> {
		const annotations: { key: string; value: string }[] = [];
		const annotationErrors: string[] = [];
		for (const { key, value: compiled } of this.#policy.annotations) {
			const value = this.#run.evaluate(compiled);
			if (typeof value === "string") {
				if (value.trim() !== "") annotations.push({ key, value: value.trim() });
			} else if (value !== null && !this.#policy.ignoresFailures) {
				const unsupported = `valueExpression '${compiled.source}' resulted in unsupported return type: ${value instanceof CelError ? "" : typeName(value)}. Return type must be either string or null.`;
				annotationErrors.push(value instanceof CelError ? errorText(compiled, value) : unsupported);
			}
		}
		return { annotations, annotationErrors };
	}
}

/** What the policy says of the request with one set of parameters. */
export function judge(policy: CompiledValidatingPolicy, inputs: AdmissionInputs): Judgement {
	const { matches, error } = policy.conditions.match(admissionVariables(inputs));
	if (error !== undefined) return { ...NO_JUDGEMENT, denials: policy.ignoresFailures ? [] : [{ message: error, reason: "", index: 0 }] };
	return matches ? new Judge(policy, inputs).judge() : NO_JUDGEMENT;
}
