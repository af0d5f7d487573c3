/** The tree of a CEL expression. Macros are expanded in it, as cel-go does: that is what its types, its cost and its value are told of. */
import type { CelValue } from "./values.ts";

interface Placed {
	/** Where it stands in the source, in code points. */
	readonly at: number;
}

export interface ConstantExpr extends Placed {
	readonly kind: "constant";
	readonly value: CelValue;
}
export interface IdentifierExpr extends Placed {
	readonly kind: "identifier";
	readonly name: string;
}
export interface SelectExpr extends Placed {
	readonly kind: "select";
	readonly operand: Expr;
	readonly field: string;
	/** `has(operand.field)`. */
	readonly testOnly: boolean;
}
export interface CallExpr extends Placed {
	readonly kind: "call";
	readonly name: string;
	readonly target: Expr | undefined;
	readonly args: readonly Expr[];
}
export interface ListExpr extends Placed {
	readonly kind: "list";
	readonly elements: readonly { readonly value: Expr; readonly optional: boolean }[];
}
export interface MapExpr extends Placed {
	readonly kind: "map";
	readonly entries: readonly { readonly at: number; readonly key: Expr; readonly value: Expr; readonly optional: boolean }[];
}
export interface StructExpr extends Placed {
	readonly kind: "struct";
	readonly type: string;
	readonly fields: readonly { readonly at: number; readonly name: string; readonly value: Expr; readonly optional: boolean }[];
}
/** A fold: what every macro over a list or a map becomes. */
export interface ComprehensionExpr extends Placed {
	readonly kind: "comprehension";
	/** The element, or the key of a map; the index or the key where there are two. */
	readonly iterVar: string;
	/** "" where there is one. */
	readonly iterVar2: string;
	readonly range: Expr;
	readonly accuVar: string;
	readonly init: Expr;
	readonly condition: Expr;
	readonly step: Expr;
	readonly result: Expr;
}

export type Expr = ConstantExpr | IdentifierExpr | SelectExpr | CallExpr | ListExpr | MapExpr | StructExpr | ComprehensionExpr;

/** What a fold gathers in; no source can name it. */
export const ACCUMULATOR = "@result";

/** The dotted name that a chain of selections spells, if it is one. */
export function qualifiedName(expr: Expr): string | undefined {
	if (expr.kind === "identifier") return expr.name;
	if (expr.kind !== "select" || expr.testOnly) return undefined;
	const head = qualifiedName(expr.operand);
	return head === undefined ? undefined : `${head}.${expr.field}`;
}

/** The expressions right below one. */
export function partsOf(expr: Expr): readonly Expr[] {
	switch (expr.kind) {
		case "select":
			return [expr.operand];
		case "call":
			return expr.target ? [expr.target, ...expr.args] : expr.args;
		case "list":
			return expr.elements.map(({ value }) => value);
		case "map":
			return expr.entries.flatMap(({ key, value }) => [key, value]);
		case "struct":
			return expr.fields.map(({ value }) => value);
		case "comprehension":
			return [expr.range, expr.init, expr.condition, expr.step, expr.result];
		default:
			return [];
	}
}

/** Whether the expression speaks of the variable. */
export const mentions = (expr: Expr, name: string): boolean =>
	(expr.kind === "identifier" && expr.name === name) || partsOf(expr).some((part) => mentions(part, name));
