/** A MutatingAdmissionPolicy compiled, and what its mutations make of an object (policy/mutating/patch). */
import { BOOL, type CelType, DYN, listOf } from "../../cel/types.ts";
import { CelError, CelFailure, CelList, type CelValue } from "../../cel/values.ts";
import { findAtomics } from "../../apply/atomics.ts";
import { configErrors, mergeValues, rootShape } from "../../apply/typed-value.ts";
import type { KindDefinition } from "../../kinds/define-kind.ts";
import type { Json, JsonObject } from "../../meta/object.ts";
import { applyJsonPatch } from "../../patch/json-patch.ts";
import type { MutatingAdmissionPolicy, Mutation } from "../../schema/kubernetes.d.ts";
import type { Schema } from "../../schema/types.ts";
import { type AdmissionInputs, admissionVariables } from "../expressions/admission-environment.ts";
import { compileConditions, type MatchConditions } from "../expressions/match-conditions.ts";
import { JSON_PATCH_TYPE, jsonOf, MadeObject, makeObject, misplacedType, MUTATION_FUNCTIONS, mutationType, OBJECT, OBJECT_TYPE } from "./mutation-values.ts";
import { type Compiled, PolicyCompiler } from "./policy-compiler.ts";
import { errorText, type NamedVariables, OutOfBudget, PolicyRun } from "./policy-run.ts";

export interface CompiledMutation {
	mutation: Mutation;
	expression: Compiled;
}

export interface CompiledMutatingPolicy {
	conditions: MatchConditions;
	conditionExpressions: readonly Compiled[];
	variables: NamedVariables;
	mutations: readonly CompiledMutation[];
}

/** A mutation that cannot be made; failurePolicy says what becomes of the request. */
export class MutationFailure extends Error {}

const PATCH_LIST: CelType = listOf(JSON_PATCH_TYPE);

export function compileMutatingPolicy({ spec = {} }: MutatingAdmissionPolicy): CompiledMutatingPolicy {
	const structs = { type: mutationType, make: makeObject, functions: MUTATION_FUNCTIONS };
	const compiler = new PolicyCompiler({ params: spec.paramKind ? DYN : undefined, structs });
	const variables = new Map((spec.variables ?? []).map(({ name, expression }) => [name, compiler.variable(name, expression)] as const));
	const conditionExpressions = (spec.matchConditions ?? []).map(({ expression }) => compiler.compile(expression, { wanted: [BOOL], variables: false }));
	const conditions = (spec.matchConditions ?? []).map(({ name }, index) => ({ name, compiled: conditionExpressions[index] as Compiled }));
	return {
		variables,
		conditionExpressions,
		conditions: compileConditions(conditions, spec.failurePolicy),
		mutations: (spec.mutations ?? []).map((mutation) => ({
			mutation,
			expression:
				mutation.patchType === "JSONPatch"
					? compiler.compile(mutation.jsonPatch?.expression ?? "", { wanted: [PATCH_LIST] })
					: compiler.compile(mutation.applyConfiguration?.expression ?? "", { wanted: [OBJECT_TYPE] }),
		})),
	};
}

function evaluated(expression: Compiled, inputs: AdmissionInputs, variables: NamedVariables): CelValue {
	if ("problem" in expression) throw new MutationFailure(expression.problem);
	try {
		const value = new PolicyRun(admissionVariables(inputs), variables).evaluate(expression);
		if (value instanceof CelError) throw new MutationFailure(errorText(expression, value));
		return value;
	} catch (error) {
		throw error instanceof OutOfBudget ? new MutationFailure(error.message) : error;
	}
}

function asJson(value: CelValue, what: string): Json {
	try {
		return jsonOf(value);
	} catch (error) {
		throw error instanceof CelFailure ? new MutationFailure(`${what}: ${error.message}`) : error;
	}
}

/** What an apply configuration makes of the object: the merge of server-side apply, with no one becoming an owner. */
function applied(value: CelValue, object: JsonObject, kind: Pick<KindDefinition, "schema">, schema: Schema): JsonObject {
	if (!(value instanceof MadeObject)) throw new MutationFailure("unsupported return type from ApplyConfiguration expression");
	const misplaced = misplacedType(value, OBJECT);
	if (misplaced !== undefined) throw new MutationFailure(`type mismatch: ${misplaced}`);
	const config = asJson(value, "invalid return type") as JsonObject;
	const shape = rootShape(schema, kind.schema);
	const errors = configErrors(schema, shape, config);
	if (errors.length > 0) throw new MutationFailure(`error applying patch: failed to convert patch object to typed object: ${errors.join("\n")}`);
	const atomics = findAtomics(schema, shape, config);
	if (atomics.length > 0)
		throw new MutationFailure(`error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(", ")}`);
	const { apiVersion, kind: name } = object;
	return { ...(mergeValues(schema, shape, object, config) as JsonObject), ...(apiVersion ? { apiVersion } : {}), ...(name ? { kind: name } : {}) };
}

function operation(value: CelValue): JsonObject {
	if (!(value instanceof MadeObject)) throw new MutationFailure("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch");
	const made = value.fields.get("value");
	if (made instanceof MadeObject) {
		const misplaced = misplacedType(made, made.typeName);
		if (misplaced !== undefined) throw new MutationFailure(`type mismatch: ${misplaced}`);
	}
	const json: JsonObject = { op: (value.fields.get("op") ?? "") as string, path: (value.fields.get("path") ?? "") as string };
	if (value.fields.get("from")) json["from"] = value.fields.get("from") as string;
	if (made !== undefined) json["value"] = asJson(made, "JSONPath valueExpression evaluated to a type that could not marshal to JSON");
	return json;
}

/** What a JSON patch makes of the object; undefined when one of its tests fails: then nothing is changed. */
function patched(value: CelValue, object: JsonObject): JsonObject | undefined {
	if (!(value instanceof CelList)) throw new MutationFailure("type mismatch: JSONPatchType.expression should evaluate to array");
	const operations = [...value].map(operation);
	try {
		return applyJsonPatch(object, operations) as JsonObject;
	} catch (error) {
		const cause = (error as Error).cause;
		const message = cause instanceof Error ? cause.message : (error as Error).message;
		if (/^testing value .* failed/.test(message)) return undefined;
		throw new MutationFailure(`JSONPath: ${message}`);
	}
}

/** The object as the mutation makes it; undefined when it leaves it as it is. Throws MutationFailure. */
export function mutated(
	policy: CompiledMutatingPolicy,
	{ mutation, expression }: CompiledMutation,
	inputs: AdmissionInputs,
	kind: Pick<KindDefinition, "schema">,
	schema: Schema,
): JsonObject | undefined {
	const value = evaluated(expression, inputs, policy.variables);
	const object = inputs.object as JsonObject;
	return mutation.patchType === "JSONPatch" ? patched(value, object) : applied(value, object, kind, schema);
}
