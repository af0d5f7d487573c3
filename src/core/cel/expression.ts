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
