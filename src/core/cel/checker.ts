/** Finds the types of an expression and what does not fit in it, in cel-go's words (checker/checker.go). */
import {
	type CallExpr,
	type ComprehensionExpr,
	type Expr,
	type ListExpr,
	type MapExpr,
	qualifiedName,
	type SelectExpr,
	type StructExpr,
} from "./expression.ts";
import type { FunctionTable, Overload } from "./functions.ts";
import type { SourceProblem } from "./source-error.ts";
import {
	BOOL,
	BYTES,
	type CelType,
	DOUBLE,
	DYN,
	ERROR,
	INT,
	listOf,
	mapOf,
	NULL,
	type ObjectType,
	optionalOf,
	STRING,
	typeOf,
	typeText,
	UINT,
} from "./types.ts";
import { assignable, mostGeneral, substitute } from "./unify.ts";
import { Uint } from "./values.ts";

export interface CheckOptions {
	functions: FunctionTable;
	/** Of a variable; dotted names too. */
	variableType(name: string): CelType | undefined;
	/** The type that a name stands for. */
	typeNamed(name: string): CelType | undefined;
	/** The type that `Name{...}` makes. */
	structType(name: string): ObjectType | undefined;
}

/** What is known of an expression once it is checked. */
export interface Checked {
	type: CelType;
	types: ReadonlyMap<Expr, CelType>;
	/** Those that calls may mean. */
	overloads: ReadonlyMap<Expr, readonly Overload[]>;
	problems: readonly SourceProblem[];
}

/** Complaints about one expression; one more would help nobody. */
const PROBLEMS_MAX = 100;

function constantType(value: Extract<Expr, { kind: "constant" }>["value"]): CelType {
	if (value === null) return NULL;
	if (typeof value === "boolean") return BOOL;
	if (typeof value === "bigint") return INT;
	if (typeof value === "number") return DOUBLE;
	if (typeof value === "string") return STRING;
	return value instanceof Uint ? UINT : BYTES;
}

class Checker {
	readonly types = new Map<Expr, CelType>();
	readonly overloads = new Map<Expr, readonly Overload[]>();
	readonly problems: SourceProblem[] = [];
	readonly #options: CheckOptions;
	#bindings: ReadonlyMap<string, CelType> = new Map();
	#scope: ReadonlyMap<string, CelType> = new Map();
	#fresh = 0;

	constructor(options: CheckOptions) {
		this.#options = options;
	}

	/** The type as it is known by now. */
	known = (type: CelType): CelType => substitute(type, this.#bindings, "kept");
	final = (type: CelType): CelType => substitute(type, this.#bindings, "dyn");

	check(expr: Expr): CelType {
		const type = this.#typeOf(expr);
		this.types.set(expr, type);
		return type;
	}

	#typeOf(expr: Expr): CelType {
		switch (expr.kind) {
			case "constant":
				return constantType(expr.value);
			case "identifier":
				return this.#lookup(expr.name) ?? this.#undeclared(expr.at, expr.name);
			case "select":
				return this.#select(expr);
			case "call":
				return this.#call(expr);
			case "list":
				return this.#list(expr);
			case "map":
				return this.#map(expr);
			case "struct":
				return this.#struct(expr);
			default:
				return this.#comprehension(expr);
		}
	}

	#problem(at: number, message: string): void {
		if (this.problems.length < PROBLEMS_MAX) this.problems.push({ at, message });
	}

	#undeclared(at: number, name: string): CelType {
		this.#problem(at, `undeclared reference to '${name.replace(/^\./, "")}' (in container '')`);
		return ERROR;
	}

	#lookup(dotted: string): CelType | undefined {
		const name = dotted.replace(/^\./, "");
		const local = dotted.startsWith(".") ? undefined : this.#scope.get(name);
		if (local) return local;
		const type = this.#options.variableType(name);
		if (type) return type;
		const named = this.#options.typeNamed(name);
		return named && typeOf(named);
	}

	#variable(): CelType {
		return { kind: "parameter", name: `_var${this.#fresh++}` };
	}

	#assign(wanted: CelType, given: CelType): boolean {
		const bindings = assignable([wanted], [given], this.#bindings);
		if (bindings) this.#bindings = bindings;
		return bindings !== undefined;
	}

	/** A name that a fold binds hides what is longer and begins with it. */
	#isHidden(dotted: string): boolean {
		return this.#scope.has(dotted.split(".")[0] ?? "");
	}

	#select(expr: SelectExpr): CelType {
		const dotted = expr.testOnly ? undefined : qualifiedName(expr);
		const whole = dotted !== undefined && !this.#isHidden(dotted) ? this.#lookup(dotted) : undefined;
		if (whole) return whole;
		const type = this.#field(expr.at, this.check(expr.operand), expr.field);
		return expr.testOnly ? BOOL : type;
	}

	#field(at: number, given: CelType, field: string): CelType {
		const owner = this.known(given);
		switch (owner.kind) {
			case "error":
			case "dyn":
				return DYN;
			case "parameter":
				this.#assign(owner, DYN);
				return DYN;
			case "optional": {
				const inner = this.#field(at, owner.value, field);
				return inner.kind === "optional" ? inner : optionalOf(inner);
			}
			case "map":
				return owner.value;
			case "object": {
				const type = owner.field(field);
				if (type === undefined) this.#problem(at, `undefined field '${field}'`);
				return type ?? ERROR;
			}
			default:
				this.#problem(at, `type '${typeText(owner)}' does not support field selection`);
				return ERROR;
		}
	}

	#call(expr: CallExpr): CelType {
		const { name, target, args } = expr;
		if (name === "_?._" && target === undefined) return this.#optionalSelect(expr);
		const argTypes = args.map((arg) => this.check(arg));
		const { functions } = this.#options;
		const dotted = target && qualifiedName(target);
		const namespaced = dotted !== undefined && !this.#isHidden(dotted) ? `${dotted}.${name}` : undefined;
		if (namespaced !== undefined && functions.has(namespaced)) return this.#resolve(expr, namespaced, false, argTypes);
		if (target === undefined) {
			const global = name.replace(/^\./, "");
			return functions.has(global) ? this.#resolve(expr, global, false, argTypes) : this.#undeclared(expr.at, name);
		}
		const targetType = this.check(target);
		return functions.has(name) ? this.#resolve(expr, name, true, [targetType, ...argTypes]) : this.#undeclared(expr.at, name);
	}

	#optionalSelect(expr: CallExpr): CelType {
		const [operand, field] = expr.args as [Expr, Expr];
		const type = this.#field(expr.at, this.check(operand), field.kind === "constant" ? String(field.value) : "");
		this.check(field);
		return type.kind === "optional" ? type : optionalOf(type);
	}

	#resolve(expr: CallExpr, name: string, isMethod: boolean, argTypes: readonly CelType[]): CelType {
		const fitting: Overload[] = [];
		let result: CelType | undefined;
		for (const one of this.#options.functions.overloads(name, isMethod)) {
			if (one.params.length !== argTypes.length) continue;
			const fresh = this.#instantiate(one);
			const bindings = assignable(fresh.params, argTypes, this.#bindings);
			if (bindings === undefined) continue;
			this.#bindings = bindings;
			fitting.push(one);
			const type = this.known(fresh.result);
			result = result === undefined || this.#isSame(result, type) ? type : DYN;
		}
		this.overloads.set(expr, fitting);
		if (result !== undefined) return result;
		const given = argTypes.map((type) => typeText(this.final(type)));
		const signature = isMethod ? `${given[0]}.(${given.slice(1).join(", ")})` : `(${given.join(", ")})`;
		this.#problem(expr.at, `found no matching overload for '${name}' applied to '${signature}'`);
		return ERROR;
	}

	#isSame(a: CelType, b: CelType): boolean {
		return typeText(this.final(a)) === typeText(this.final(b));
	}

	#instantiate({ params, result }: Overload): { params: CelType[]; result: CelType } {
		const fresh = new Map<string, CelType>();
		const renamed = (type: CelType): CelType => {
			if (type.kind === "parameter") {
				const known = fresh.get(type.name) ?? this.#variable();
				fresh.set(type.name, known);
				return known;
			}
			if (type.kind === "list") return listOf(renamed(type.element));
			if (type.kind === "map") return mapOf(renamed(type.key), renamed(type.value));
			if (type.kind === "optional") return optionalOf(renamed(type.value));
			return type.kind === "type" ? typeOf(renamed(type.of)) : type;
		};
		return { params: params.map(renamed), result: renamed(result) };
	}

	/** The type of an optional element or entry is that of its value. */
	#unwrapped(expr: Expr, type: CelType, optional: boolean): CelType {
		const known = this.known(type);
		if (!optional || known.kind === "dyn" || known.kind === "error") return known;
		if (known.kind === "optional") return known.value;
		this.#problem(expr.at, `expected type 'optional_type(${typeText(known)})' but found '${typeText(known)}'`);
		return known;
	}

	#join(expr: Expr, previous: CelType | undefined, current: CelType): CelType {
		if (previous === undefined) return current;
		if (this.#assign(previous, current)) return mostGeneral(this.known(previous), this.known(current));
		this.#problem(expr.at, `expected type '${typeText(this.final(previous))}' but found '${typeText(this.final(current))}'`);
		return previous;
	}

	#list({ elements }: ListExpr): CelType {
		let element: CelType | undefined;
		for (const { value, optional } of elements) element = this.#join(value, element, this.#unwrapped(value, this.check(value), optional));
		return listOf(element ?? this.#variable());
	}

	#map({ entries }: MapExpr): CelType {
		let key: CelType | undefined;
		let value: CelType | undefined;
		for (const entry of entries) {
			key = this.#join(entry.key, key, this.check(entry.key));
			value = this.#join(entry.value, value, this.#unwrapped(entry.value, this.check(entry.value), entry.optional));
		}
		return mapOf(key ?? this.#variable(), value ?? this.#variable());
	}

	#struct({ at, type: name, fields }: StructExpr): CelType {
		const type = this.#options.structType(name.replace(/^\./, ""));
		if (type === undefined) this.#undeclared(at, name);
		for (const field of fields) {
			const given = this.#unwrapped(field.value, this.check(field.value), field.optional);
			const wanted = type?.field(field.name);
			if (type === undefined) continue;
			if (wanted === undefined) this.#problem(field.at, `undefined field '${field.name}'`);
			else if (!this.#assign(wanted, given))
				this.#problem(
					field.at,
					`expected type of field '${field.name}' is '${typeText(this.final(wanted))}' but provided type is '${typeText(this.final(given))}'`,
				);
		}
		return type ?? ERROR;
	}

	#comprehension(expr: ComprehensionExpr): CelType {
		const range = this.known(this.check(expr.range));
		const accu = this.check(expr.init);
		const [first, second] = this.#rangeTypes(expr.range, range, expr.iterVar2 !== "");
		const outer = this.#scope;
		const withAccu = new Map(outer).set(expr.accuVar, accu);
		this.#scope = new Map(withAccu).set(expr.iterVar, first);
		if (expr.iterVar2 !== "") this.#scope = new Map(this.#scope).set(expr.iterVar2, second);
		this.#expect(expr.condition, BOOL);
		this.#expect(expr.step, accu);
		this.#scope = withAccu;
		const result = this.check(expr.result);
		this.#scope = outer;
		return this.known(result);
	}

	#expect(expr: Expr, wanted: CelType): void {
		const given = this.check(expr);
		if (this.#assign(wanted, given)) return;
		this.#problem(expr.at, `expected type '${typeText(this.final(wanted))}' but found '${typeText(this.final(given))}'`);
	}

	#rangeTypes(expr: Expr, range: CelType, two: boolean): [CelType, CelType] {
		switch (range.kind) {
			case "list":
				return two ? [INT, range.element] : [range.element, DYN];
			case "map":
				return [range.key, range.value];
			case "parameter":
				this.#assign(range, DYN);
				return [DYN, DYN];
			case "dyn":
			case "error":
				return [DYN, DYN];
			default:
				this.#problem(expr.at, `expression of type '${typeText(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`);
				return [ERROR, ERROR];
		}
	}
}

export function check(expr: Expr, options: CheckOptions): Checked {
	const checker = new Checker(options);
	const type = checker.check(expr);
	const types = new Map([...checker.types].map(([each, found]) => [each, checker.final(found)] as const));
	return { type: checker.final(type), types, overloads: checker.overloads, problems: checker.problems };
}
