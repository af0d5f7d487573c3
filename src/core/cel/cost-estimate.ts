/** What an expression may cost at most, told from its types and the sizes they allow (cel-go checker/cost.go). */
import type { Checked } from "./checker.ts";
import { characters } from "./call-cost.ts";
import { estimateCall } from "./call-estimate.ts";
import { fixed, NOTHING, type Range, scaled, sum, times, union, UNKNOWN } from "./estimate.ts";
import { ACCUMULATOR, type CallExpr, type ComprehensionExpr, type ConstantExpr, type Expr } from "./expression.ts";
import { LIST_COST, MAP_COST, SELECT_COST, STRUCT_COST } from "./planner.ts";
import type { CelType } from "./types.ts";

/** Of what a list or a map holds. */
interface Entries {
	key: Range | undefined;
	value: Range | undefined;
}

/** What a fold binds. */
interface Local {
	size: Range | undefined;
	entries: Entries | undefined;
}

const SCALARS: ReadonlySet<CelType["kind"]> = new Set(["bool", "double", "int", "uint", "duration", "timestamp", "type"]);

function typeSize(type: CelType | undefined): Range | undefined {
	if (type === undefined) return undefined;
	if ("max" in type && type.max !== undefined) return { min: 0, max: type.max };
	if (type.kind === "optional") return SCALARS.has(type.value.kind) ? fixed(1) : undefined;
	return SCALARS.has(type.kind) ? fixed(1) : undefined;
}

function constantSize({ value }: ConstantExpr): Range {
	if (typeof value === "string") return fixed(characters(value));
	return fixed(value instanceof Uint8Array ? value.length : 1);
}

const isBind = ({ range, condition, accuVar }: ComprehensionExpr): boolean =>
	range.kind === "list" && range.elements.length === 0 && condition.kind === "constant" && condition.value === false && accuVar !== ACCUMULATOR;

class Estimator {
	readonly #checked: Checked;
	readonly #sizes = new Map<Expr, Range>();
	readonly #entries = new Map<Expr, Entries>();
	#locals: ReadonlyMap<string, Local> = new Map();

	constructor(checked: Checked) {
		this.#checked = checked;
	}

	cost(expr: Expr): Range {
		switch (expr.kind) {
			case "constant":
				return NOTHING;
			case "identifier":
				return fixed(SELECT_COST);
			case "select":
				return this.#select(expr.operand, expr.testOnly);
			case "call":
				return this.#call(expr);
			case "list":
				return this.#list(
					expr,
					expr.elements.map(({ value }) => value),
				);
			case "map":
				return this.#map(expr);
			case "struct":
				return sum(fixed(STRUCT_COST), ...expr.fields.map(({ value }) => this.cost(value)));
			default:
				return isBind(expr) ? this.#bind(expr) : this.#comprehension(expr);
		}
	}

	#type(expr: Expr): CelType | undefined {
		return this.#checked.types.get(expr);
	}

	#size(expr: Expr): Range | undefined {
		const known = this.#sizes.get(expr);
		if (known) return known;
		if (expr.kind === "constant") return constantSize(expr);
		if (expr.kind === "list") return fixed(expr.elements.length);
		if (expr.kind === "map") return fixed(expr.entries.length);
		const local = expr.kind === "identifier" ? this.#locals.get(expr.name) : undefined;
		return typeSize(this.#type(expr)) ?? local?.size;
	}

	#sizeOrUnknown(expr: Expr): Range {
		return this.#size(expr) ?? UNKNOWN;
	}

	/** What the expression's value holds, if it holds anything. */
	#held(expr: Expr): Entries | undefined {
		const known = this.#entries.get(expr) ?? (expr.kind === "identifier" ? this.#locals.get(expr.name)?.entries : undefined);
		if (known) return known;
		const type = this.#type(expr);
		if (type?.kind === "list") return { key: fixed(1), value: typeSize(type.element) };
		return type?.kind === "map" ? { key: typeSize(type.key), value: typeSize(type.value) } : undefined;
	}

	#select(operand: Expr, testOnly: boolean): Range {
		const inner = this.cost(operand);
		if (testOnly) return inner;
		const kind = this.#type(operand)?.kind;
		return kind === "map" || kind === "object" || kind === "dyn" ? sum(inner, fixed(SELECT_COST)) : inner;
	}

	#list(expr: Expr, elements: readonly Expr[]): Range {
		const costs = elements.map((element) => this.cost(element));
		const value = elements.map((element) => this.#sizeOrUnknown(element)).reduce<Range | undefined>((a, b) => (a ? union(a, b) : b), undefined);
		this.#entries.set(expr, { key: fixed(1), value: value ?? NOTHING });
		return sum(fixed(LIST_COST), ...costs);
	}

	#map(expr: Extract<Expr, { kind: "map" }>): Range {
		const costs = expr.entries.flatMap(({ key, value }) => [this.cost(key), this.cost(value)]);
		const widest = (parts: readonly Expr[]): Range =>
			parts.map((part) => this.#sizeOrUnknown(part)).reduce<Range | undefined>((a, b) => (a ? union(a, b) : b), undefined) ?? NOTHING;
		this.#entries.set(expr, { key: widest(expr.entries.map(({ key }) => key)), value: widest(expr.entries.map(({ value }) => value)) });
		return sum(fixed(MAP_COST), ...costs);
	}

	#call(expr: CallExpr): Range {
		const { name, target, args } = expr;
		const costs = args.map((arg) => this.cost(arg));
		const overloads = this.#checked.overloads.get(expr) ?? [];
		if (target === undefined && (name === "_&&_" || name === "_||_")) return { min: costs[0]?.min ?? 0, max: sum(...costs).max };
		if (target === undefined && name === "_?_:_") return this.#conditional(expr, costs);
		if (target === undefined && name === "dyn") return this.#dyn(expr, args[0] as Expr, costs[0] ?? NOTHING);
		const isMethod = overloads[0]?.isMethod === true && target !== undefined;
		const all = isMethod ? [target, ...args] : args;
		const targetCost = isMethod ? this.cost(target) : NOTHING;
		this.#noteEntries(expr, all);
		const receiver = all[0];
		const receiverType = receiver && this.#type(receiver);
		const itemKind = receiverType?.kind === "list" ? receiverType.element.kind : undefined;
		const { cost, size } = estimateCall(overloads, {
			args: all.map((arg) => this.#sizeOrUnknown(arg)),
			items: receiver && this.#held(receiver)?.value,
			itemsAreSized: itemKind === "string" || itemKind === "bytes",
			literal: (index) => literalNumber(all[index]),
		});
		if (size) this.#sizes.set(expr, size);
		return sum(targetCost, ...costs, name === "_?._" ? fixed(1) : cost);
	}

	/** Items of lists and values of maps have the sizes that their containers' entries have; sums of lists hold what both hold. */
	#noteEntries(expr: CallExpr, args: readonly Expr[]): void {
		const [first, second] = args;
		if (first === undefined || second === undefined) return;
		if (expr.name === "_[_]" || expr.name === "_[?_]") {
			const size = this.#held(first)?.value;
			if (size) this.#sizes.set(expr, size);
		} else if (expr.name === "_+_") {
			const [left, right] = [this.#held(first), this.#held(second)];
			if (left?.value && right?.value) this.#entries.set(expr, { key: left.key, value: union(left.value, right.value) });
		}
	}

	#dyn(expr: Expr, arg: Expr, cost: Range): Range {
		this.#copy(expr, arg);
		return sum(fixed(1), cost);
	}

	#copy(to: Expr, from: Expr): void {
		const [size, held] = [this.#size(from), this.#held(from)];
		if (size) this.#sizes.set(to, size);
		if (held) this.#entries.set(to, held);
	}

	#conditional(expr: CallExpr, [condition = NOTHING, yes = NOTHING, no = NOTHING]: Range[]): Range {
		const [, one, other] = expr.args as [Expr, Expr, Expr];
		this.#sizes.set(expr, union(this.#sizeOrUnknown(one), this.#sizeOrUnknown(other)));
		const [left, right] = [this.#held(one), this.#held(other)];
		if (left?.value && right?.value) this.#entries.set(expr, { key: left.key, value: union(left.value, right.value) });
		return sum(condition, union(yes, no));
	}

	#bind({ range, init, accuVar, result, ...place }: ComprehensionExpr): Range {
		const before = sum(this.cost(range), this.cost(init));
		const outer = this.#locals;
		this.#locals = new Map(outer).set(accuVar, { size: this.#size(init), entries: this.#held(init) });
		const after = this.cost(result);
		this.#copy({ range, init, accuVar, result, ...place }, result);
		this.#locals = outer;
		return sum(before, after);
	}

	#comprehension(expr: ComprehensionExpr): Range {
		const before = sum(this.cost(expr.range), this.cost(expr.init));
		const outer = this.#locals;
		const held = this.#held(expr.range);
		const isList = this.#type(expr.range)?.kind === "list";
		const accu: Local = { size: this.#size(expr.init), entries: this.#held(expr.init) };
		const withAccu = new Map(outer).set(expr.accuVar, accu);
		const [key, value] = [
			{ size: held?.key, entries: undefined },
			{ size: held?.value, entries: undefined },
		];
		this.#locals = new Map(withAccu).set(expr.iterVar, expr.iterVar2 === "" && isList ? value : key);
		if (expr.iterVar2 !== "") this.#locals = new Map(this.#locals).set(expr.iterVar2, value);
		const turn = sum(this.cost(expr.condition), this.cost(expr.step));
		this.#locals = withAccu;
		const result = this.cost(expr.result);
		this.#locals = outer;
		const count = this.#sizeOrUnknown(expr.range);
		this.#gathered(expr, count);
		return sum(before, result, times(count, turn));
	}

	/** A fold that gathers has as many items as its range at most. */
	#gathered(expr: ComprehensionExpr, count: Range): void {
		if (expr.init.kind === "constant") this.#sizes.set(expr, constantSize(expr.init));
		if (expr.init.kind !== "list" && expr.init.kind !== "map") return;
		this.#sizes.set(expr, count);
		const held = this.#entries.get(expr.step);
		if (held) this.#entries.set(expr, held);
	}
}

function literalNumber(expr: Expr | undefined): number | undefined {
	return expr?.kind === "constant" && typeof expr.value === "bigint" && expr.value >= 0n ? Number(expr.value) : undefined;
}

export const estimateCost = (expr: Expr, checked: Checked): Range => scaled(new Estimator(checked).cost(expr), 1);
