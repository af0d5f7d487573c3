/** The expressions of one policy, compiled together: variables see those before them, all else sees all of them (plugin/cel/composition.go). */
import { Environment, type Program } from "../../cel/environment.ts";
import type { Overload } from "../../cel/functions.ts";
import type { StructMaker } from "../../cel/planner.ts";
import { CelSourceError } from "../../cel/source-error.ts";
import { type CelType, DYN, type ObjectType, typeText } from "../../cel/types.ts";
import { ADMISSION_VARIABLES, AUTHORIZER_VARIABLES } from "../expressions/admission-environment.ts";

/** An expression, or why it is none. */
export type Compiled = { source: string; program: Program } | { source: string; problem: string };

export interface PolicyTypes {
	/** Undefined for a policy that has none. */
	params: CelType | undefined;
	/** Of object and oldObject; unknown but for type checks. */
	object?: CelType;
	/** What mutations make, where the policy has them. */
	structs?: { type(name: string): ObjectType | undefined; make: StructMaker; functions: readonly Overload[] };
}

export interface CompileOptions {
	/** The types that the expression may give; any where absent. */
	wanted?: readonly CelType[];
	/** False where the authorizer is not to be asked. */
	authorizer?: boolean;
	/** False where the policy's variables are not known. */
	variables?: boolean;
}

function typeProblem(given: CelType, wanted: readonly CelType[]): string | undefined {
	const text = typeText(given);
	if (wanted.some((type) => typeText(type) === text)) return undefined;
	const names = wanted.map(typeText);
	return names.length === 1 ? `must evaluate to ${names[0]} but got ${text}` : `must evaluate to one of [${names.join(" ")}] but got ${text}`;
}

export class PolicyCompiler {
	readonly #types: PolicyTypes;
	readonly #variables = new Map<string, CelType>();
	readonly #environments = new Map<string, Environment>();

	constructor(types: PolicyTypes) {
		this.#types = types;
	}

	/** A variable is known to all that is compiled after it, also where it does not compile. */
	variable(name: string, source: string): Compiled {
		const compiled = this.compile(source, {});
		this.#variables.set(name, "program" in compiled ? compiled.program.checked.type : DYN);
		return compiled;
	}

	compile(source: string, { wanted, authorizer = true, variables = true }: CompileOptions): Compiled {
		try {
			const program = this.#environment(authorizer, variables).compile(source);
			const problem = wanted && typeProblem(program.checked.type, wanted);
			return problem === undefined ? { source, program } : { source, problem };
		} catch (error) {
			if (error instanceof CelSourceError) return { source, problem: `compilation failed: ${error.message}` };
			throw error;
		}
	}

	#environment(authorizer: boolean, variables: boolean): Environment {
		const key = `${authorizer} ${variables}`;
		const known = this.#environments.get(key);
		if (known !== undefined) return known;
		const { params, object, structs } = this.#types;
		const composed: ObjectType = { kind: "object", name: "kubernetes.variables", field: (name) => this.#variables.get(name) };
		const environment = new Environment({
			variables: {
				...ADMISSION_VARIABLES,
				...(object ? { object, oldObject: object } : {}),
				...(params ? { params } : {}),
				...(authorizer ? AUTHORIZER_VARIABLES : {}),
				...(variables ? { variables: composed } : {}),
			},
			...(structs ? { structType: structs.type, makeStruct: structs.make, functions: structs.functions } : {}),
		});
		this.#environments.set(key, environment);
		return environment;
	}
}
