/** Kubernetes' environment for expressions (k8s.io/apiserver/pkg/cel/environment/base.go): its language, its functions, its limits. */
import { type Checked, check } from "./checker.ts";
import type { Expr } from "./expression.ts";
import { FunctionTable, type Overload } from "./functions.ts";
import { ADDRESSES } from "./library/addresses.ts";
import { AUTHORIZER } from "./library/authorizer.ts";
import { LISTS } from "./library/lists.ts";
import { NAMED_FORMATS } from "./library/named-formats.ts";
import { QUANTITIES } from "./library/quantities.ts";
import { SEMVER } from "./library/semver.ts";
import { STRINGS } from "./library/strings.ts";
import { URLS } from "./library/urls.ts";
import { literalProblems } from "./literals.ts";
import { OPERATORS } from "./operators.ts";
import { parse } from "./parser.ts";
import { Frame, plan, type Step, type StructMaker, type Variables } from "./planner.ts";
import { CelSourceError } from "./source-error.ts";
import { STANDARD_FUNCTIONS } from "./standard-functions.ts";
import { TIMESTAMPS } from "./timestamps.ts";
import {
	BOOL,
	BYTES,
	type CelType,
	DOUBLE,
	DURATION,
	DYN,
	INT,
	listOf,
	mapOf,
	NULL,
	type ObjectType,
	opaque,
	optionalOf,
	STRING,
	TIMESTAMP,
	typeOf,
	typeText,
	UINT,
} from "./types.ts";
import { type CelError, type CelValue, TypeValue } from "./values.ts";

/** What one evaluation of one expression may cost. */
export const PER_CALL_COST_MAX = 1_000_000;

const LIBRARIES: readonly (readonly Overload[])[] = [
	OPERATORS,
	STANDARD_FUNCTIONS,
	TIMESTAMPS,
	LISTS,
	STRINGS,
	QUANTITIES,
	ADDRESSES,
	URLS,
	SEMVER,
	NAMED_FORMATS,
	AUTHORIZER,
];

const TYPES: ReadonlyMap<string, CelType> = new Map<string, CelType>([
	...[BOOL, INT, UINT, DOUBLE, STRING, BYTES, NULL, DURATION, TIMESTAMP].map((type) => [typeText(type), type] as const),
	["list", listOf(DYN)],
	["map", mapOf(DYN, DYN)],
	["type", typeOf(DYN)],
	["optional_type", optionalOf(DYN)],
	...["kubernetes.Quantity", "kubernetes.URL", "kubernetes.Semver", "kubernetes.NamedFormat", "net.IP", "net.CIDR"].map(
		(name) => [name, opaque(name)] as const,
	),
]);

/** One evaluation's result, and what it cost. */
export interface Evaluated {
	value: CelValue | CelError;
	cost: number;
}

/** A compiled expression. */
export class Program {
	readonly source: string;
	readonly expr: Expr;
	readonly checked: Checked;
	readonly #step: Step;

	constructor(source: string, expr: Expr, checked: Checked, step: Step) {
		this.source = source;
		this.expr = expr;
		this.checked = checked;
		this.#step = step;
	}

	/** @throws CostLimitExceeded */
	evaluate(variables: Variables, costMax: number = PER_CALL_COST_MAX): Evaluated {
		const frame = new Frame(variables, costMax);
		const value = this.#step(frame);
		return { value, cost: frame.cost };
	}
}

export interface EnvironmentOptions {
	/** Variables and their types. */
	variables: Readonly<Record<string, CelType>>;
	/** Beside Kubernetes' own. */
	functions?: readonly Overload[];
	/** Types that expressions can make values of, and how. */
	structType?(name: string): ObjectType | undefined;
	makeStruct?: StructMaker;
}

let baseFunctions: FunctionTable | undefined;

/** What expressions of one sort may speak of. */
export class Environment {
	readonly #options: EnvironmentOptions;
	#own: FunctionTable | undefined;

	constructor(options: EnvironmentOptions) {
		this.#options = options;
	}

	get #functions(): FunctionTable {
		const { functions } = this.#options;
		if (functions === undefined) return (baseFunctions ??= new FunctionTable(...LIBRARIES));
		return (this.#own ??= new FunctionTable(...LIBRARIES, functions));
	}

	/** @throws CelSourceError of an expression that does not compile */
	compile(source: string): Program {
		const expr = parse(source);
		const checked = this.check(expr);
		const problems = [...checked.problems, ...literalProblems(expr)];
		if (problems.length > 0) throw new CelSourceError(source, problems);
		return new Program(source, expr, checked, this.plan(expr));
	}

	/** How to evaluate a parsed expression, whatever its types are. */
	plan(expr: Expr): Step {
		const { variables, makeStruct } = this.#options;
		return plan(expr, {
			functions: this.#functions,
			isVariable: (name) => Object.hasOwn(variables, name),
			typeNamed: (name) => (TYPES.has(name) ? new TypeValue(name) : undefined),
			...(makeStruct ? { makeStruct } : {}),
		});
	}

	/** The types of a parsed expression. */
	check(expr: Expr): Checked {
		const { variables, structType } = this.#options;
		return check(expr, {
			functions: this.#functions,
			variableType: (name) => (Object.hasOwn(variables, name) ? variables[name] : undefined),
			typeNamed: (name) => TYPES.get(name),
			structType: (name) => structType?.(name),
		});
	}
}
