/** Checks a ValidatingAdmissionPolicy's expressions against the types that it matches (policy/validating/typechecking.go). */
import type { KindDefinition, KindRegistry } from "../../kinds/define-kind.ts";
import type { ExpressionWarning, NamedRuleWithOperations, ValidatingAdmissionPolicy } from "../../schema/kubernetes.d.ts";
import type { Schema } from "../../schema/types.ts";
import { type Compiled, PolicyCompiler } from "./policy-compiler.ts";
import { structTypeOf } from "./schema-types.ts";

/** Types that one policy is checked against at most. */
const TYPES_MAX = 10;

export interface KnownTypes {
	kinds: KindRegistry;
	schema: Schema;
}

const hasWildcard = (texts: readonly string[] | undefined): boolean => texts?.some((text) => text.includes("*")) ?? true;

function kindsOf(rule: NamedRuleWithOperations, kinds: KindRegistry): KindDefinition[] {
	if (hasWildcard(rule.apiGroups) || hasWildcard(rule.apiVersions)) return [];
	const plurals = (rule.resources ?? []).filter((resource) => !/[*/]/.test(resource));
	return (rule.apiGroups ?? []).flatMap((group) =>
		(rule.apiVersions ?? []).flatMap((version) => plurals.flatMap((plural) => kinds.byResource(group, version, plural) ?? [])),
	);
}

const gvk = ({ group, version, kind }: KindDefinition): string => `${group}/${version}, Kind=${kind}`;

function matchedKinds({ spec }: ValidatingAdmissionPolicy, kinds: KindRegistry): KindDefinition[] {
	const found = (spec?.matchConstraints?.resourceRules ?? []).flatMap((rule) => kindsOf(rule, kinds));
	const distinct = [...new Map(found.map((kind) => [gvk(kind), kind])).values()].slice(0, TYPES_MAX);
	return distinct.sort((a, b) => (gvk(a) < gvk(b) ? -1 : 1));
}

const typeOf = (kind: KindDefinition, { schema }: KnownTypes) => structTypeOf(kind.types ?? schema, kind.schema, kind.kind);

function paramsTypeOf({ spec }: ValidatingAdmissionPolicy, types: KnownTypes) {
	const { apiVersion = "", kind: name = "" } = spec?.paramKind ?? {};
	const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
	const kind = types.kinds.byKind(group, version, name);
	return kind && typeOf(kind, types);
}

function warningOf(kind: KindDefinition, compiled: Compiled): string | undefined {
	return "problem" in compiled ? `${gvk(kind)}: ${compiled.problem.replace(/^compilation failed: /, "")}\n` : undefined;
}

/** What does not fit, by expression. */
export function expressionWarnings(policy: ValidatingAdmissionPolicy, types: KnownTypes): ExpressionWarning[] {
	const { validations = [], variables = [] } = policy.spec ?? {};
	const params = paramsTypeOf(policy, types);
	const compilers = matchedKinds(policy, types.kinds).map((kind) => {
		const compiler = new PolicyCompiler({ object: typeOf(kind, types), params });
		for (const { name, expression } of variables) compiler.variable(name, expression);
		return { kind, compiler };
	});
	const check = (fieldRef: string, source: string | undefined): ExpressionWarning[] => {
		if (!source) return [];
		const warnings = compilers.map(({ kind, compiler }) => warningOf(kind, compiler.compile(source, {}))).filter((warning) => warning !== undefined);
		return warnings.length === 0 ? [] : [{ fieldRef, warning: warnings.join("\n") }];
	};
	return validations.flatMap(({ expression, messageExpression }, index) => [
		...check(`spec.validations[${index}].expression`, expression),
		...check(`spec.validations[${index}].messageExpression`, messageExpression),
	]);
}
