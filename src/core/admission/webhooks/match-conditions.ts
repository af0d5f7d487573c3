/** matchConditions of webhooks: CEL over the request that narrows down which requests a webhook sees. */
import type { MatchCondition } from "../../schema/kubernetes.d.ts";
import { admissionVariables } from "../expressions/admission-environment.ts";
import { inputsOf } from "../expressions/admission-inputs.ts";
import { compileMatchConditions, type MatchConditions } from "../expressions/match-conditions.ts";
import type { AdmissionRequest, AdmissionView } from "../plugin.ts";
import type { Seen } from "./admission-review.ts";

export interface MatchResult {
	matches: boolean;
	/** Why the conditions could not be evaluated; undefined when one is false all the same. */
	problem?: string;
}

/** By the list as it is held: a configuration's conditions are compiled once. */
const compiled = new WeakMap<readonly MatchCondition[], MatchConditions>();

function matcherOf(conditions: readonly MatchCondition[]): MatchConditions {
	const known = compiled.get(conditions) ?? compileMatchConditions(conditions, "Fail");
	compiled.set(conditions, known);
	return known;
}

export function evaluateMatchConditions(conditions: readonly MatchCondition[], request: AdmissionRequest, seen: Seen, view: AdmissionView): MatchResult {
	const { matches, error } = matcherOf(conditions).match(admissionVariables(inputsOf(request, seen, view)));
	return error === undefined ? { matches } : { matches: false, problem: error };
}
