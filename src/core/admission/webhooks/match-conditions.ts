/** matchConditions: CEL over the request that narrows down which requests a webhook sees (webhook/matchconditions). */
import type { CelInput } from "@bufbuild/cel";
import { compileExpression } from "../../crd/cel-rules.ts";
import type { Json } from "../../meta/object.ts";
import type { MatchCondition } from "../../schema/kubernetes.d.ts";
import type { AdmissionRequest, AdmissionView } from "../plugin.ts";
import { namespaceOf, type Seen } from "./admission-review.ts";

export interface MatchResult {
	matches: boolean;
	/** Why the conditions could not be evaluated; undefined when one is false all the same. */
	problem?: string;
}

type Program = ReturnType<typeof compileExpression>;

/** Programs that an isolate keeps: what is over is compiled again. */
const PROGRAMS_MAX = 1_000;
const programs = new Map<string, Program>();

function programOf(expression: string): Program {
	const known = programs.get(expression);
	if (known !== undefined) return known;
	const program = compileExpression(expression);
	if (programs.size >= PROGRAMS_MAX) programs.clear();
	programs.set(expression, program);
	return program;
}

/** JSON as CEL takes it where there is no schema: whole numbers are integers. */
function celOf(value: Json | undefined): CelInput {
	if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
	if (Array.isArray(value)) return value.map(celOf);
	if (typeof value === "object" && value !== null) return new Map(Object.entries(value).map(([key, each]) => [key, celOf(each)]));
	return value ?? null;
}

function variablesOf(request: AdmissionRequest, seen: Seen): Record<string, CelInput> {
	const { user, operation, subresource, dryRun, kind, name } = request;
	const asked = {
		kind: seen.kind,
		resource: seen.resource,
		subResource: subresource,
		requestKind: { group: kind.group, version: kind.version, kind: kind.kind },
		requestResource: { group: kind.group, version: kind.version, resource: kind.plural },
		requestSubResource: subresource,
		name,
		namespace: namespaceOf(request),
		operation,
		userInfo: { username: user.name, uid: user.uid ?? "", groups: user.groups, extra: user.extra ?? {} },
		dryRun,
		options: request.options ?? {},
	};
	return { object: celOf(seen.object as unknown as Json), oldObject: celOf(seen.oldObject as unknown as Json), request: celOf(asked as unknown as Json) };
}

export function evaluateMatchConditions(conditions: readonly MatchCondition[], request: AdmissionRequest, seen: Seen, _view: AdmissionView): MatchResult {
	const variables = variablesOf(request, seen);
	const problems: string[] = [];
	for (const { expression } of conditions) {
		const result = evaluated(expression, variables);
		if (result === false) return { matches: false };
		if (result !== true) problems.push(`expression '${expression}' resulted in error: ${result}`);
	}
	if (problems.length === 0) return { matches: true };
	return { matches: false, problem: problems.length === 1 ? (problems[0] as string) : `[${problems.join(", ")}]` };
}

function evaluated(expression: string, variables: Record<string, CelInput>): boolean | string {
	try {
		const result = programOf(expression)(variables);
		if (typeof result === "boolean") return result;
		return result instanceof Error ? result.message.replace(/^field not found: /, "no such key: ") : "the condition does not give a boolean";
	} catch (error) {
		return (error as Error).message;
	}
}
