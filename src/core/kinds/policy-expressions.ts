/** Expressions of policies and webhooks as their configurations are written: each must compile, and give what it is to give. */
import { compileMatchCondition } from "../admission/expressions/match-conditions.ts";
import { compileMutatingPolicy } from "../admission/policies/mutating-policy.ts";
import type { Compiled } from "../admission/policies/policy-compiler.ts";
import { compileValidatingPolicy } from "../admission/policies/validating-policy.ts";
import { type FieldError, invalid } from "../errors/field-error.ts";
import type { MatchCondition, MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from "../schema/kubernetes.d.ts";

/** An empty expression is complained about elsewhere. */
function errorsOf(checks: readonly (readonly [path: string, compiled: Compiled | undefined])[]): FieldError[] {
	return checks.flatMap(([path, compiled]) =>
		compiled && "problem" in compiled && compiled.source.trim() !== "" ? [invalid(path, compiled.source, compiled.problem)] : [],
	);
}

function shared({ variables, conditionExpressions }: { variables: ReadonlyMap<string, Compiled>; conditionExpressions: readonly Compiled[] }) {
	return [
		...conditionExpressions.map((compiled, index) => [`spec.matchConditions[${index}].expression`, compiled] as const),
		...[...variables.values()].map((compiled, index) => [`spec.variables[${index}].expression`, compiled] as const),
	];
}

export function validatingExpressionErrors(policy: ValidatingAdmissionPolicy): FieldError[] {
	const compiled = compileValidatingPolicy(policy);
	return errorsOf([
		...shared(compiled),
		...compiled.validations.flatMap(({ expression, message }, index) => [
			[`spec.validations[${index}].expression`, expression] as const,
			[`spec.validations[${index}].messageExpression`, message] as const,
		]),
		...compiled.annotations.map(({ value }, index) => [`spec.auditAnnotations[${index}].valueExpression`, value] as const),
	]);
}

export function mutatingExpressionErrors(policy: MutatingAdmissionPolicy): FieldError[] {
	const compiled = compileMutatingPolicy(policy);
	return errorsOf([
		...shared(compiled),
		...compiled.mutations.map(({ mutation, expression }, index) => {
			const field = mutation.patchType === "JSONPatch" ? "jsonPatch" : "applyConfiguration";
			return [`spec.mutations[${index}].${field}.expression`, expression] as const;
		}),
	]);
}

/** Of a webhook's conditions. */
export const conditionExpressionErrors = (conditions: readonly MatchCondition[] | undefined, path: string): FieldError[] =>
	errorsOf((conditions ?? []).map(({ expression }, index) => [`${path}[${index}].expression`, compileMatchCondition(expression ?? "")] as const));
