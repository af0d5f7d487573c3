/** From an expression's text to its tree (cel-spec, "Syntax"), with cel-go's places and words for what is wrong. */
import type { Expr } from "./expression.ts";
import { bytesLiteral, Lexer, stringLiteral, type Token } from "./lexer.ts";
import { expandMacro } from "./macros.ts";
import { CelSourceError, type SourceProblem } from "./source-error.ts";
import { INT_MAX, INT_MIN, Uint, UINT_MAX } from "./values.ts";

/** Longest expression, in code points. */
const SOURCE_POINTS_MAX = 100_000;
/** Expressions within each other: the parser, the checker and the planner go down as deep. */
const DEPTH_MAX = 250;

const RESERVED: ReadonlySet<string> = new Set(
	"as break const continue else for function if import let loop package namespace return var void while".split(" "),
);
const RELATIONS: ReadonlySet<string> = new Set(["<", "<=", ">", ">=", "==", "!="]);
const SUMS: ReadonlySet<string> = new Set(["+", "-"]);
const PRODUCTS: ReadonlySet<string> = new Set(["*", "/", "%"]);
const NOT_NAMES: ReadonlySet<string> = new Set(["true", "false", "null", "in"]);

const PRIMARY = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
const AFTER_OPERAND = "{'==', '!=', 'in', '<', '<=', '>=', '>', '&&', '||', '[', ')', '.', '-', '?', '+', '*', '/', '%'}";

/** Ends the parse: what comes after the first syntax error is guesswork. */
class Stop extends Error {}

class Parser {
	readonly #source: string;
	readonly #tokens: readonly Token[];
	readonly #problems: SourceProblem[] = [];
	#next = 0;
	#depth = 0;

	constructor(source: string) {
		this.#source = source;
		const lexer = new Lexer(source);
		this.#tokens = lexer.tokens;
		this.#problems.push(...lexer.problems);
	}

	parse(): Expr {
		let expr: Expr | undefined;
		try {
			expr = this.#expression();
			if (this.#token.kind !== "end") this.#unexpectedEnd();
		} catch (error) {
			if (!(error instanceof Stop)) throw error;
		}
		if (expr === undefined || this.#problems.length > 0) throw new CelSourceError(this.#source, this.#problems);
		return expr;
	}

	get #token(): Token {
		return this.#tokens[this.#next] as Token;
	}

	#is(text: string): boolean {
		const token = this.#token;
		return token.text === text && (token.kind === "punctuation" || (token.kind === "identifier" && !token.quoted));
	}

	#take(text: string): Token | undefined {
		if (!this.#is(text)) return undefined;
		return this.#tokens[this.#next++];
	}

	#problem(at: number, message: string): void {
		this.#problems.push({ at, message });
	}

	#stop(at: number, message: string): never {
		this.#problem(at, message);
		throw new Stop();
	}

	#mismatch(expected: string): never {
		const { text, at } = this.#token;
		return this.#stop(at, `Syntax error: mismatched input '${text}' expecting ${expected}`);
	}

	#unexpectedEnd(): never {
		const { text, at } = this.#token;
		const isLast = this.#tokens[this.#next + 1]?.kind === "end";
		return this.#stop(at, `Syntax error: ${isLast ? "extraneous" : "mismatched"} input '${text}' expecting <EOF>`);
	}

	#expect(text: string, expected: string): Token {
		return this.#take(text) ?? this.#mismatch(expected);
	}

	#expression(): Expr {
		if (++this.#depth > DEPTH_MAX) this.#stop(this.#token.at, `expression recursion limit exceeded: ${DEPTH_MAX}`);
		const condition = this.#junction("||", "_||_", () => this.#junction("&&", "_&&_", () => this.#relation()));
		const question = this.#take("?");
		let expr = condition;
		if (question) {
			const yes = this.#junction("||", "_||_", () => this.#junction("&&", "_&&_", () => this.#relation()));
			this.#expect(":", "':'");
			expr = { kind: "call", at: question.at, name: "_?_:_", target: undefined, args: [condition, yes, this.#expression()] };
		}
		this.#depth--;
		return expr;
	}

	/** Operands of one operator, as a balanced tree: a long chain is no deep tree. */
	#junction(operator: string, name: string, operand: () => Expr): Expr {
		const terms = [operand()];
		const places: number[] = [];
		for (let token = this.#take(operator); token; token = this.#take(operator)) {
			places.push(token.at);
			terms.push(operand());
		}
		const balanced = (low: number, high: number): Expr => {
			if (low === high) return terms[low] as Expr;
			const middle = Math.floor((low + high) / 2);
			return { kind: "call", at: places[middle] ?? 0, name, target: undefined, args: [balanced(low, middle), balanced(middle + 1, high)] };
		};
		return balanced(0, terms.length - 1);
	}

	#binary(operators: ReadonlySet<string>, operand: () => Expr): Expr {
		let left = operand();
		for (let length = 1; this.#token.kind === "punctuation" && operators.has(this.#token.text); length++) {
			const { text, at } = this.#tokens[this.#next++] as Token;
			if (length > DEPTH_MAX) this.#stop(at, `expression recursion limit exceeded: ${DEPTH_MAX}`);
			left = { kind: "call", at, name: `_${text}_`, target: undefined, args: [left, operand()] };
		}
		return left;
	}

	#relation(): Expr {
		let left = this.#sum();
		for (;;) {
			const token = this.#token;
			const isIn = this.#is("in");
			if (!isIn && !(token.kind === "punctuation" && RELATIONS.has(token.text))) return left;
			this.#next++;
			left = { kind: "call", at: token.at, name: isIn ? "@in" : `_${token.text}_`, target: undefined, args: [left, this.#sum()] };
		}
	}

	#sum(): Expr {
		return this.#binary(SUMS, () => this.#binary(PRODUCTS, () => this.#unary()));
	}

	#unary(): Expr {
		const first = this.#token;
		if (first.kind !== "punctuation" || (first.text !== "!" && first.text !== "-")) return this.#member();
		let count = 0;
		while (this.#take(first.text)) count++;
		const number = this.#token;
		if (first.text === "-" && count % 2 === 1 && (number.kind === "int" || number.kind === "float")) return this.#member(first);
		const operand = this.#member();
		return count % 2 === 0 ? operand : { kind: "call", at: first.at, name: first.text === "!" ? "!_" : "-_", target: undefined, args: [operand] };
	}

	#member(sign?: Token): Expr {
		let expr = this.#primary(sign);
		for (let length = 0; ; length++) {
			if (length > DEPTH_MAX) this.#stop(this.#token.at, `expression recursion limit exceeded: ${DEPTH_MAX}`);
			const dot = this.#take(".");
			const open = dot ? undefined : this.#take("[");
			if (dot) expr = this.#selection(expr, dot);
			else if (open) expr = this.#index(expr, open);
			else return expr;
		}
	}

	#selection(operand: Expr, dot: Token): Expr {
		const optional = this.#take("?") !== undefined;
		const name = this.#token;
		if (name.kind !== "identifier" || (!name.quoted && NOT_NAMES.has(name.text))) this.#mismatch("IDENTIFIER");
		this.#next++;
		const open = optional || name.quoted ? undefined : this.#take("(");
		if (open) return this.#call(name.text, operand, open);
		if (!optional) return { kind: "select", at: dot.at, operand, field: name.text, testOnly: false };
		return { kind: "call", at: dot.at, name: "_?._", target: undefined, args: [operand, { kind: "constant", at: name.at, value: name.text }] };
	}

	#index(operand: Expr, open: Token): Expr {
		const optional = this.#take("?") !== undefined;
		const index = this.#expression();
		this.#expect("]", "']'");
		return { kind: "call", at: open.at, name: optional ? "_[?_]" : "_[_]", target: undefined, args: [operand, index] };
	}

	#call(name: string, target: Expr | undefined, open: Token): Expr {
		const args: Expr[] = [];
		if (!this.#is(")"))
			do args.push(this.#expression());
			while (this.#take(","));
		this.#expect(")", args.length === 0 ? PRIMARY : AFTER_OPERAND);
		const expanded = expandMacro(name, target, args, open.at, (at, message) => this.#problem(at, message));
		return expanded ?? { kind: "call", at: open.at, name, target, args };
	}

	#primary(sign?: Token): Expr {
		const token = this.#token;
		switch (token.kind) {
			case "int":
			case "uint":
			case "float":
				this.#next++;
				return this.#number(token, sign);
			case "string":
			case "bytes":
				this.#next++;
				return this.#text(token);
			case "identifier":
				return this.#named("");
			default:
				return this.#bracketed(token);
		}
	}

	#bracketed({ at }: Token): Expr {
		if (this.#take("(")) {
			const expr = this.#expression();
			this.#expect(")", AFTER_OPERAND);
			return expr;
		}
		if (this.#take("[")) return this.#list(at);
		if (this.#take("{")) return this.#map(at);
		if (this.#take(".")) return this.#named(".");
		return this.#mismatch(PRIMARY);
	}

	#named(lead: "" | "."): Expr {
		const token = this.#token;
		if (token.kind !== "identifier" || token.quoted) this.#mismatch("IDENTIFIER");
		this.#next++;
		const { text, at } = token;
		if (lead === "" && (text === "true" || text === "false")) return { kind: "constant", at, value: text === "true" };
		if (lead === "" && text === "null") return { kind: "constant", at, value: null };
		if (text === "in") this.#stop(at, `Syntax error: mismatched input 'in' expecting ${PRIMARY}`);
		if (RESERVED.has(text)) this.#problem(at, `reserved identifier: ${text}`);
		const open = this.#take("(");
		if (open) return this.#call(lead + text, undefined, open);
		return this.#struct(lead + text, at) ?? { kind: "identifier", at, name: lead + text };
	}

	/** `a.b.C{...}`: told from a selection by the brace behind it. */
	#struct(head: string, at: number): Expr | undefined {
		let type = head;
		let ahead = this.#next;
		while (this.#tokens[ahead]?.text === "." && this.#tokens[ahead + 1]?.kind === "identifier") {
			type += `.${this.#tokens[ahead + 1]?.text}`;
			ahead += 2;
		}
		const brace = this.#tokens[ahead];
		if (brace?.kind !== "punctuation" || brace.text !== "{") return undefined;
		this.#next = ahead + 1;
		const fields: { at: number; name: string; value: Expr; optional: boolean }[] = [];
		while (!this.#is("}")) {
			const optional = this.#take("?") !== undefined;
			const name = this.#token;
			if (name.kind !== "identifier") this.#mismatch("IDENTIFIER");
			this.#next++;
			const colon = this.#expect(":", "':'");
			fields.push({ at: colon.at, name: name.text, value: this.#expression(), optional });
			if (!this.#take(",")) break;
		}
		this.#expect("}", "'}'");
		return { kind: "struct", at: brace.at ?? at, type, fields };
	}

	#list(at: number): Expr {
		const elements: { value: Expr; optional: boolean }[] = [];
		while (!this.#is("]")) {
			const optional = this.#take("?") !== undefined;
			elements.push({ value: this.#expression(), optional });
			if (!this.#take(",")) break;
		}
		this.#expect("]", elements.length === 0 ? PRIMARY : "']'");
		return { kind: "list", at, elements };
	}

	#map(at: number): Expr {
		const entries: { at: number; key: Expr; value: Expr; optional: boolean }[] = [];
		while (!this.#is("}")) {
			const optional = this.#take("?") !== undefined;
			const key = this.#expression();
			const colon = this.#expect(":", "':'");
			entries.push({ at: colon.at, key, value: this.#expression(), optional });
			if (!this.#take(",")) break;
		}
		this.#expect("}", entries.length === 0 ? PRIMARY : "'}'");
		return { kind: "map", at, entries };
	}

	#number({ kind, text, at }: Token, sign?: Token): Expr {
		const start = sign?.at ?? at;
		if (kind === "float") return { kind: "constant", at: start, value: Number(`${sign ? "-" : ""}${text}`) };
		const magnitude = BigInt(text.replace(/[uU]$/, ""));
		if (kind === "uint") {
			if (magnitude > UINT_MAX) this.#problem(at, "invalid uint literal");
			return { kind: "constant", at: start, value: new Uint(magnitude) };
		}
		const value = sign ? -magnitude : magnitude;
		if (value > INT_MAX || value < INT_MIN) this.#problem(start, "invalid int literal");
		return { kind: "constant", at: start, value };
	}

	#text({ kind, text, at }: Token): Expr {
		try {
			return { kind: "constant", at, value: kind === "bytes" ? bytesLiteral(text) : stringLiteral(text) };
		} catch (error) {
			this.#problem(at, (error as Error).message);
			return { kind: "constant", at, value: "" };
		}
	}
}

/** @throws CelSourceError */
export function parse(source: string): Expr {
	const size = [...source].length;
	if (size > SOURCE_POINTS_MAX)
		throw new CelSourceError("", [{ at: 0, message: `expression code point size exceeds limit: size: ${size}, limit ${SOURCE_POINTS_MAX}` }]);
	return new Parser(source).parse();
}
