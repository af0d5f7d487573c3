/** From an expression's tree to functions that give its value and count its cost, as cel-go's interpreter does both. */
import { ACCUMULATOR, type CallExpr, type ComprehensionExpr, type Expr, type ListExpr, type MapExpr, qualifiedName, type SelectExpr } from "./expression.ts";
import { accepts, type FunctionTable, invoke, noSuchOverload, type Overload } from "./functions.ts";
import { ArrayList, CelError, CelFailure, CelList, CelMap, type CelValue, keyText, LiteralMap, Optional, Uint } from "./values.ts";

export const SELECT_COST = 1;
export const LIST_COST = 10;
export const MAP_COST = 30;
export const STRUCT_COST = 40;

/** Thrown when an evaluation has cost more than it may. */
export class CostLimitExceeded extends Error {
	constructor() {
		super("operation cancelled: actual cost limit exceeded");
	}
}

/** The values of an environment's variables; undefined for one that there is not. */
export type Variables = (name: string) => CelValue | CelError | undefined;

/** One evaluation: its variables, what its folds have bound, and what it has cost. */
export class Frame {
	readonly variables: Variables;
	readonly slots: (CelValue | CelError)[] = [];
	cost = 0;
	readonly #costMax: number;

	constructor(variables: Variables, costMax: number) {
		this.variables = variables;
		this.#costMax = costMax;
	}

	spend(cost: number): void {
		this.cost += cost;
		if (this.cost > this.#costMax) throw new CostLimitExceeded();
	}
}

export type Step = (frame: Frame) => CelValue | CelError;

/** Makes the value of `Type{...}`; absent where an environment has no such types. */
export type StructMaker = (type: string, fields: ReadonlyMap<string, CelValue>) => CelValue;

export interface PlanOptions {
	functions: FunctionTable;
	/** Names that are variables, dotted ones too. */
	isVariable(name: string): boolean;
	/** The value of a name that is a type's. */
	typeNamed(name: string): CelValue | undefined;
	makeStruct?: StructMaker;
}

const isTrue = (value: CelValue | CelError): boolean => value === true;

/** The member of a map or object, or the item of a list; undefined where there is none. */
function member(value: CelValue, key: CelValue): CelValue | CelError | undefined {
	if (value instanceof CelMap) return value.get(key);
	return undefined;
}

/** Null is a value. */
const orError = (value: CelValue | CelError | undefined, message: string): CelValue | CelError => (value === undefined ? new CelError(message) : value);

function listIndex(list: CelList, key: CelValue): CelValue | CelError {
	const index = key instanceof Uint ? key.value : key;
	if (typeof index === "number" ? !Number.isInteger(index) : typeof index !== "bigint") return new CelError(`unsupported index type: ${keyText(key)}`);
	return orError(list.at(Number(index)), `index out of bounds: ${index}`);
}

function index(value: CelValue, key: CelValue): CelValue | CelError {
	if (value instanceof CelList) return listIndex(value, key);
	if (value instanceof Optional) return optionalIndex(value, key);
	return orError(member(value, key), value instanceof CelMap ? `no such key: ${keyText(key)}` : "no such overload");
}

function optionalIndex(value: CelValue, key: CelValue): CelValue | CelError {
	if (value instanceof Optional) return value.value === undefined ? value : optionalIndex(value.value, key);
	if (value instanceof CelList) {
		const found = listIndex(value, key);
		return found instanceof CelError ? (found.message.startsWith("index out") ? Optional.NONE : found) : new Optional(found);
	}
	const found = member(value, key);
	if (found instanceof CelError) return found;
	if (found === undefined && !(value instanceof CelMap)) return new CelError("no such overload");
	return found === undefined ? Optional.NONE : new Optional(found);
}

function select(value: CelValue, field: string): CelValue | CelError {
	if (value instanceof Optional) return optionalIndex(value, field);
	return orError(member(value, field), `no such key: ${field}`);
}

function isPresent(value: CelValue, field: string): boolean | CelError {
	if (value instanceof Optional) return value.value !== undefined && isPresent(value.value, field);
	const found = member(value, field);
	return found instanceof CelError ? found : found !== undefined;
}

/** A list that a fold adds to: made into a plain one when the fold is done. */
class GrowingList extends ArrayList {
	readonly growing: CelValue[];

	constructor() {
		const items: CelValue[] = [];
		super(items);
		this.growing = items;
	}
}

/** `accu + [item]`, which a fold does in place. */
function addedItem(step: Expr): Expr | undefined {
	if (step.kind !== "call" || step.name !== "_+_") return undefined;
	const [accu, list] = step.args;
	if (accu?.kind !== "identifier" || accu.name !== ACCUMULATOR || list?.kind !== "list" || list.elements.length !== 1) return undefined;
	const [element] = list.elements;
	return element?.optional ? undefined : element?.value;
}

class Planner {
	readonly #options: PlanOptions;
	/** What folds bind: the slot of each name that is in scope. */
	#scope: ReadonlyMap<string, number> = new Map();
	#slots = 0;

	constructor(options: PlanOptions) {
		this.#options = options;
	}

	plan(expr: Expr): Step {
		switch (expr.kind) {
			case "constant":
				return () => expr.value;
			case "identifier":
				return this.#name(expr.name) ?? unknownName(expr.name);
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
				return this.#fold(expr);
		}
	}

	/** A variable or a type, whether plain or dotted. */
	#name(dotted: string): Step | undefined {
		const name = dotted.replace(/^\./, "");
		const slot = dotted.startsWith(".") ? undefined : this.#scope.get(name);
		if (slot !== undefined)
			return (frame) => {
				frame.spend(SELECT_COST);
				return frame.slots[slot] as CelValue | CelError;
			};
		if (this.#options.isVariable(name))
			return (frame) => {
				frame.spend(SELECT_COST);
				return orError(frame.variables(name), `no such attribute(s): ${name}`);
			};
		const type = this.#options.typeNamed(name);
		return type === undefined ? undefined : () => type;
	}

	#select({ operand, field, testOnly, ...place }: SelectExpr): Step {
		const dotted = testOnly ? undefined : qualifiedName({ operand, field, testOnly, ...place });
		const head = dotted?.split(".")[0] ?? "";
		const whole = dotted !== undefined && !this.#scope.has(head) ? this.#name(dotted) : undefined;
		if (whole) return whole;
		const inner = this.plan(operand);
		if (testOnly)
			return (frame) => {
				const value = inner(frame);
				return value instanceof CelError ? value : isPresent(value, field);
			};
		return (frame) => {
			const value = inner(frame);
			frame.spend(SELECT_COST);
			return value instanceof CelError ? value : select(value, field);
		};
	}

	#call(expr: CallExpr): Step {
		const special = this.#special(expr);
		if (special) return special;
		const { name, target, args } = expr;
		const dotted = target && qualifiedName(target);
		const isNamespaced = dotted !== undefined && !this.#scope.has(dotted.split(".")[0] ?? "") && this.#options.functions.has(`${dotted}.${name}`);
		if (target === undefined || isNamespaced) {
			const full = isNamespaced ? `${dotted}.${name}` : name.replace(/^\./, "");
			return this.#dispatch(full, this.#options.functions.overloads(full, false), args);
		}
		return this.#dispatch(name, this.#options.functions.overloads(name, true), [target, ...args]);
	}

	/** What does not look at all of its arguments, or at them in its own way. */
	#special({ name, target, args }: CallExpr): Step | undefined {
		if (target !== undefined) return name === "or" || name === "orValue" ? this.#orValue(name, target, args) : undefined;
		switch (name) {
			case "_&&_":
				return this.#junction(args, false);
			case "_||_":
				return this.#junction(args, true);
			case "_?_:_":
				return this.#conditional(args);
			case "_[_]":
				return this.#binary(args, SELECT_COST, index);
			case "_?._":
			case "_[?_]":
				return this.#binary(args, SELECT_COST, optionalIndex);
			case "@not_strictly_false":
				return this.#notStrictlyFalse(args[0] as Expr);
			default:
				return undefined;
		}
	}

	#binary(args: readonly Expr[], cost: number, give: (left: CelValue, right: CelValue) => CelValue | CelError): Step {
		const [left, right] = args.map((arg) => this.plan(arg)) as [Step, Step];
		return (frame) => {
			const one = left(frame);
			if (one instanceof CelError) return one;
			const other = right(frame);
			if (other instanceof CelError) return other;
			frame.spend(cost);
			return give(one, other);
		};
	}

	#notStrictlyFalse(arg: Expr): Step {
		const inner = this.plan(arg);
		return (frame) => {
			const value = inner(frame);
			frame.spend(1);
			return value !== false;
		};
	}

	/** `&&` and `||`: a side that decides makes up for an error of the other. */
	#junction(args: readonly Expr[], decisive: boolean): Step {
		const [left, right] = args.map((arg) => this.plan(arg)) as [Step, Step];
		return (frame) => {
			const one = left(frame);
			if (one === decisive) return decisive;
			const other = right(frame);
			if (other === decisive) return decisive;
			if (typeof one === "boolean" && typeof other === "boolean") return !decisive;
			if (one instanceof CelError) return one;
			return other instanceof CelError ? other : new CelError("no such overload");
		};
	}

	#conditional(args: readonly Expr[]): Step {
		const [condition, yes, no] = args.map((arg) => this.plan(arg)) as [Step, Step, Step];
		return (frame) => {
			const value = condition(frame);
			if (typeof value === "boolean") return value ? yes(frame) : no(frame);
			return value instanceof CelError ? value : new CelError("no such overload");
		};
	}

	#orValue(name: "or" | "orValue", target: Expr, args: readonly Expr[]): Step {
		const [inner, other] = [target, args[0] as Expr].map((arg) => this.plan(arg)) as [Step, Step];
		return (frame) => {
			const value = inner(frame);
			if (value instanceof CelError) return value;
			if (!(value instanceof Optional)) return noSuchOverload(name, [value]);
			if (value.value === undefined) return other(frame);
			return name === "or" ? value : value.value;
		};
	}

	#dispatch(name: string, candidates: readonly Overload[], args: readonly Expr[]): Step {
		const fitting = candidates.filter(({ params }) => params.length === args.length);
		const steps = args.map((arg) => this.plan(arg));
		return (frame) => {
			const values: CelValue[] = [];
			let failed: CelError | undefined;
			for (const step of steps) {
				const value = step(frame);
				if (value instanceof CelError) failed ??= value;
				else values.push(value);
			}
			if (failed) return failed;
			const one = fitting.find((each) => accepts(each, values));
			const result = one === undefined ? noSuchOverload(name, values) : invoke(one, values);
			frame.spend(one?.cost?.(values, result) ?? 1);
			return result;
		};
	}

	#list({ elements }: ListExpr): Step {
		const steps = elements.map(({ value, optional }) => ({ step: this.plan(value), optional }));
		return (frame) => {
			const items: CelValue[] = [];
			for (const { step, optional } of steps) {
				const value = step(frame);
				if (value instanceof CelError) return value;
				if (!optional) items.push(value);
				else if (!(value instanceof Optional)) return new CelError(`cannot initialize optional list element from non-optional value`);
				else if (value.value !== undefined) items.push(value.value);
			}
			frame.spend(LIST_COST);
			return new ArrayList(items);
		};
	}

	#map({ entries }: MapExpr): Step {
		const steps = entries.map(({ key, value, optional }) => ({ key: this.plan(key), value: this.plan(value), optional }));
		return (frame) => {
			const made: [CelValue, CelValue][] = [];
			for (const { key: keyStep, value: valueStep, optional } of steps) {
				const key = keyStep(frame);
				if (key instanceof CelError) return key;
				const value = valueStep(frame);
				if (value instanceof CelError) return value;
				if (!optional) made.push([key, value]);
				else if (!(value instanceof Optional)) return new CelError("cannot initialize optional entry from non-optional value");
				else if (value.value !== undefined) made.push([key, value.value]);
			}
			frame.spend(MAP_COST);
			return failing(() => new LiteralMap(made));
		};
	}

	#struct({ type, fields }: Extract<Expr, { kind: "struct" }>): Step {
		const steps = fields.map(({ name, value, optional }) => ({ name, step: this.plan(value), optional }));
		const { makeStruct } = this.#options;
		return (frame) => {
			const made = new Map<string, CelValue>();
			for (const { name, step, optional } of steps) {
				const value = step(frame);
				if (value instanceof CelError) return value;
				if (!optional) made.set(name, value);
				else if (!(value instanceof Optional)) return new CelError("cannot initialize optional entry from non-optional value");
				else if (value.value !== undefined) made.set(name, value.value);
			}
			frame.spend(STRUCT_COST);
			return makeStruct === undefined ? new CelError(`unknown type: ${type}`) : failing(() => makeStruct(type, made));
		};
	}

	#fold(expr: ComprehensionExpr): Step {
		const range = this.plan(expr.range);
		const init = this.plan(expr.init);
		const outer = this.#scope;
		const [first, second, accu] = [this.#slots++, this.#slots++, this.#slots++] as [number, number, number];
		const withAccu = new Map(outer).set(expr.accuVar, accu);
		this.#scope = new Map(withAccu).set(expr.iterVar, first);
		if (expr.iterVar2 !== "") this.#scope = new Map(this.#scope).set(expr.iterVar2, second);
		const condition = expr.condition.kind === "constant" ? undefined : this.plan(expr.condition);
		const never = expr.condition.kind === "constant" && expr.condition.value === false;
		const step = this.#foldStep(expr);
		this.#scope = withAccu;
		const result = this.plan(expr.result);
		this.#scope = outer;
		const bind = binder(first, expr.iterVar2 === "" ? undefined : second);
		return (frame) => {
			const over = range(frame);
			if (over instanceof CelError) return over;
			const start = init(frame);
			frame.slots[accu] = start instanceof ArrayList && step.grows ? new GrowingList() : start;
			const failed = never
				? undefined
				: bind(frame, over, () => {
						if (condition !== undefined && !isTrue(condition(frame))) return false;
						frame.slots[accu] = step.run(frame, accu);
						return true;
					});
			return failed ?? result(frame);
		};
	}

	/** Where each turn adds an item, it is added in place: nothing else holds the list yet. */
	#foldStep({ step, accuVar }: ComprehensionExpr): { grows: boolean; run: (frame: Frame, accu: number) => CelValue | CelError } {
		const filter = step.kind === "call" && step.name === "_?_:_" ? step : undefined;
		const item = accuVar === ACCUMULATOR ? addedItem((filter?.args[1] ?? step) as Expr) : undefined;
		if (item === undefined) return { grows: false, run: this.plan(step) };
		const value = this.plan(item);
		const condition = filter === undefined ? undefined : this.plan(filter.args[0] as Expr);
		const run = (frame: Frame, accu: number): CelValue | CelError => {
			const gathered = frame.slots[accu] as CelValue | CelError;
			const wanted = condition?.(frame) ?? true;
			if (wanted instanceof CelError) return wanted;
			if (typeof wanted !== "boolean") return new CelError("no such overload");
			if (!(gathered instanceof GrowingList)) return gathered;
			frame.spend(SELECT_COST);
			if (!wanted) return gathered;
			const added = value(frame);
			if (added instanceof CelError) return added;
			frame.spend(LIST_COST + 1);
			gathered.growing.push(added);
			return gathered;
		};
		return { grows: true, run };
	}
}

/** Calls `turn` for each item of a list or key of a map until it says false; an error where there is nothing to go through. */
function binder(first: number, second: number | undefined): (frame: Frame, over: CelValue, turn: () => boolean) => CelError | undefined {
	return (frame, over, turn) => {
		if (over instanceof CelList) {
			let place = 0n;
			for (const item of over) {
				frame.slots[first] = second === undefined ? item : place++;
				if (second !== undefined) frame.slots[second] = item;
				if (!turn()) return undefined;
			}
			return undefined;
		}
		if (!(over instanceof CelMap)) return new CelError("no such overload");
		for (const key of over.keys()) {
			frame.slots[first] = key;
			if (second !== undefined) frame.slots[second] = orError(over.get(key), `no such key: ${keyText(key)}`);
			if (!turn()) return undefined;
		}
		return undefined;
	};
}

function failing(make: () => CelValue): CelValue | CelError {
	try {
		return make();
	} catch (error) {
		if (error instanceof CelFailure) return new CelError(error.message);
		throw error;
	}
}

const unknownName =
	(name: string): Step =>
	() =>
		new CelError(`no such attribute(s): ${name}`);

export const plan = (expr: Expr, options: PlanOptions): Step => new Planner(options).plan(expr);
