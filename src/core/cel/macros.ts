/** The macros of the language, of optional values and of two variables: each becomes what cel-go makes of it. */
import { ACCUMULATOR, type CallExpr, type ComprehensionExpr, type Expr, type IdentifierExpr } from "./expression.ts";

type Complain = (at: number, message: string) => void;

const UNUSED = "#unused";

class Expansion {
	readonly at: number;
	readonly #complain: Complain;

	constructor(at: number, complain: Complain) {
		this.at = at;
		this.#complain = complain;
	}

	constant = (value: boolean | bigint): Expr => ({ kind: "constant", at: this.at, value });
	call = (name: string, ...args: Expr[]): CallExpr => ({ kind: "call", at: this.at, name, target: undefined, args });
	method = (target: Expr, name: string): CallExpr => ({ kind: "call", at: this.at, name, target, args: [] });
	list = (...values: Expr[]): Expr => ({ kind: "list", at: this.at, elements: values.map((value) => ({ value, optional: false })) });
	map = (): Expr => ({ kind: "map", at: this.at, entries: [] });
	get accu(): IdentifierExpr {
		return { kind: "identifier", at: this.at, name: ACCUMULATOR };
	}

	/** The name that an argument is to be. */
	variable(arg: Expr | undefined): string {
		if (arg?.kind === "identifier" && !arg.name.startsWith(".")) return arg.name;
		this.#complain(arg?.at ?? this.at, "argument must be a simple name");
		return UNUSED;
	}

	fold(range: Expr, vars: readonly string[], parts: Partial<ComprehensionExpr> & Pick<ComprehensionExpr, "init" | "step">): ComprehensionExpr {
		const [iterVar = UNUSED, iterVar2 = ""] = vars;
		return {
			kind: "comprehension",
			at: this.at,
			iterVar,
			iterVar2,
			range,
			accuVar: ACCUMULATOR,
			condition: this.constant(true),
			result: this.accu,
			...parts,
		};
	}

	all(range: Expr, vars: readonly string[], predicate: Expr): Expr {
		const condition = this.call("@not_strictly_false", this.accu);
		return this.fold(range, vars, { init: this.constant(true), condition, step: this.call("_&&_", this.accu, predicate) });
	}

	exists(range: Expr, vars: readonly string[], predicate: Expr): Expr {
		const condition = this.call("@not_strictly_false", this.call("!_", this.accu));
		return this.fold(range, vars, { init: this.constant(false), condition, step: this.call("_||_", this.accu, predicate) });
	}

	existsOne(range: Expr, vars: readonly string[], predicate: Expr): Expr {
		const step = this.call("_?_:_", predicate, this.call("_+_", this.accu, this.constant(1n)), this.accu);
		return this.fold(range, vars, { init: this.constant(0n), step, result: this.call("_==_", this.accu, this.constant(1n)) });
	}

	/** Gathers items, where there is a filter only those that pass. */
	gather(range: Expr, vars: readonly string[], init: Expr, add: Expr, filter: Expr | undefined): Expr {
		return this.fold(range, vars, { init, step: filter ? this.call("_?_:_", filter, add, this.accu) : add });
	}

	added(item: Expr): Expr {
		return this.call("_+_", this.accu, this.list(item));
	}

	/** `target.optMap(v, f)`: f of the value, where there is one. */
	optional(target: Expr, name: string, mapped: Expr, flat: boolean): Expr {
		const bound = this.fold(this.list(), [UNUSED], {
			accuVar: name,
			init: this.method(target, "value"),
			condition: this.constant(false),
			step: { kind: "identifier", at: this.at, name },
			result: mapped,
		});
		return this.call("_?_:_", this.method(target, "hasValue"), flat ? bound : this.call("optional.of", bound), this.call("optional.none"));
	}
}

type Expand = (expansion: Expansion, target: Expr, args: readonly Expr[]) => Expr;

const last = (args: readonly Expr[]): Expr => args.at(-1) as Expr;

/** How many of the leading arguments are variables. */
const vars = (expansion: Expansion, args: readonly Expr[], count: 1 | 2): string[] => args.slice(0, count).map((arg) => expansion.variable(arg));

const EXISTS_ONE: Record<number, Expand> = {
	2: (e, target, args) => e.existsOne(target, vars(e, args, 1), last(args)),
	3: (e, target, args) => e.existsOne(target, vars(e, args, 2), last(args)),
};

/** By name and number of arguments. */
const METHODS: Readonly<Record<string, Readonly<Record<number, Expand>>>> = {
	all: {
		2: (e, target, args) => e.all(target, vars(e, args, 1), last(args)),
		3: (e, target, args) => e.all(target, vars(e, args, 2), last(args)),
	},
	exists: {
		2: (e, target, args) => e.exists(target, vars(e, args, 1), last(args)),
		3: (e, target, args) => e.exists(target, vars(e, args, 2), last(args)),
	},
	exists_one: EXISTS_ONE,
	existsOne: EXISTS_ONE,
	map: {
		2: (e, target, args) => e.gather(target, vars(e, args, 1), e.list(), e.added(last(args)), undefined),
		3: (e, target, args) => e.gather(target, vars(e, args, 1), e.list(), e.added(last(args)), args[1]),
	},
	filter: {
		2: (e, target, args) => {
			const names = vars(e, args, 1);
			return e.gather(target, names, e.list(), e.added({ kind: "identifier", at: args[0]?.at ?? e.at, name: names[0] ?? "" }), last(args));
		},
	},
	transformList: {
		3: (e, target, args) => e.gather(target, vars(e, args, 2), e.list(), e.added(last(args)), undefined),
		4: (e, target, args) => e.gather(target, vars(e, args, 2), e.list(), e.added(last(args)), args[2]),
	},
	transformMap: {
		3: (e, target, args) => e.gather(target, vars(e, args, 2), e.map(), e.call("cel.@mapInsert", e.accu, args[0] as Expr, last(args)), undefined),
		4: (e, target, args) => e.gather(target, vars(e, args, 2), e.map(), e.call("cel.@mapInsert", e.accu, args[0] as Expr, last(args)), args[2]),
	},
	transformMapEntry: {
		3: (e, target, args) => e.gather(target, vars(e, args, 2), e.map(), e.call("cel.@mapInsert", e.accu, last(args)), undefined),
		4: (e, target, args) => e.gather(target, vars(e, args, 2), e.map(), e.call("cel.@mapInsert", e.accu, last(args)), args[2]),
	},
	optMap: { 2: (e, target, args) => e.optional(target, e.variable(args[0]), last(args), false) },
	optFlatMap: { 2: (e, target, args) => e.optional(target, e.variable(args[0]), last(args), true) },
};

function has(arg: Expr, at: number, complain: Complain): Expr | undefined {
	if (arg.kind === "select" && !arg.testOnly) return { ...arg, at, testOnly: true };
	complain(arg.at, "invalid argument to has() macro");
	return undefined;
}

/** What the call stands for, if it is a macro; complaints are of its arguments. */
export function expandMacro(name: string, target: Expr | undefined, args: readonly Expr[], at: number, complain: Complain): Expr | undefined {
	if (target === undefined) return name === "has" && args.length === 1 ? has(args[0] as Expr, at, complain) : undefined;
	const expand = Object.hasOwn(METHODS, name) ? METHODS[name]?.[args.length] : undefined;
	return expand?.(new Expansion(at, complain), target, args);
}
