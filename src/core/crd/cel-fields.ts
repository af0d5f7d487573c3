/** Looks for selections of members that a rule's values cannot have: a misspelt rule is told when its definition is written. */
import type { parse } from "@bufbuild/cel";
import { celName, visibleProperties } from "./cel-value.ts";
import { type JsonSchema, valueSchemaOf } from "./json-schema.ts";

type Expr = NonNullable<ReturnType<typeof parse>["expr"]>;

/** What is known of an expression's value: its schema, if it is a part of self. */
type Known = { schema: JsonSchema; isResource: boolean } | undefined;
type Scope = ReadonlyMap<string, Known>;

/** The functions that work through a list or a map: their variable is an item. */
class FieldSearch {
	missing: string | undefined;

	/** The schema of the expression's value, where it is known; notes the first member that is not there. */
	typeOf(expr: Expr | undefined, scope: Scope): Known {
		const kind = expr?.exprKind;
		switch (kind?.case) {
			case "identExpr":
				return scope.get(kind.value.name);
			case "selectExpr":
				return this.#member(this.typeOf(kind.value.operand, scope), kind.value.field);
			case "callExpr":
				return this.#call(kind.value, scope);
			case "comprehensionExpr":
				return this.#comprehension(kind.value, scope);
			case "listExpr":
				for (const element of kind.value.elements) this.typeOf(element, scope);
				return undefined;
			case "structExpr":
				for (const entry of kind.value.entries) this.typeOf(entry.value, scope);
				return undefined;
			default:
				return undefined;
		}
	}

	#member(owner: Known, field: string): Known {
		if (owner === undefined || owner.schema.type !== "object") return undefined;
		const values = valueSchemaOf(owner.schema);
		if (values) return { schema: values, isResource: false };
		for (const [name, schema] of Object.entries(visibleProperties(owner.schema, owner.isResource)))
			if (celName(name) === field) return { schema, isResource: false };
		this.missing ??= field;
		return undefined;
	}

	#call(call: { function: string; target?: Expr; args: Expr[] }, scope: Scope): Known {
		this.typeOf(call.target, scope);
		const [first] = call.args.map((arg) => this.typeOf(arg, scope));
		if (call.function !== "_[_]" || first === undefined) return undefined;
		const below = first.schema.items ?? valueSchemaOf(first.schema);
		return below && { schema: below, isResource: false };
	}

	#comprehension(
		loop: { iterVar: string; iterVar2: string; iterRange?: Expr; accuVar: string; accuInit?: Expr; loopCondition?: Expr; loopStep?: Expr; result?: Expr },
		scope: Scope,
	): Known {
		const range = this.typeOf(loop.iterRange, scope);
		const items = range?.schema.items;
		const inner = new Map(scope);
		// Over a map the variable is a key.
		inner.set(loop.iterVar, items && loop.iterVar2 === "" ? { schema: items, isResource: false } : undefined);
		if (loop.iterVar2 !== "") inner.set(loop.iterVar2, undefined);
		inner.set(loop.accuVar, undefined);
		for (const part of [loop.accuInit, loop.loopCondition, loop.loopStep, loop.result]) this.typeOf(part, inner);
		return undefined;
	}
}

/** The first member that an expression selects of self or oldSelf though the schema has none of the name. */
export function undefinedField(expr: Expr, schema: JsonSchema, isResource: boolean): string | undefined {
	const search = new FieldSearch();
	const self: Known = { schema, isResource };
	search.typeOf(
		expr,
		new Map([
			["self", self],
			["oldSelf", self],
		]),
	);
	return search.missing;
}
