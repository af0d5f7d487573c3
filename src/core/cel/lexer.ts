/** From an expression's text to its tokens (cel-spec, "Lexis"). */
import type { SourceProblem } from "./source-error.ts";

export type TokenKind = "identifier" | "int" | "uint" | "float" | "string" | "bytes" | "punctuation" | "end";

export interface Token {
	kind: TokenKind;
	/** As it is written; of an identifier in backticks what they hold. */
	text: string;
	/** In code points. */
	at: number;
	quoted?: boolean;
}

const PUNCTUATION = ["==", "!=", "<=", ">=", "&&", "||", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*", "/", "%", "<", ">"];
const SPACE = /[ \t\r\n\f]+|\/\/[^\n]*/y;
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const QUOTED_IDENTIFIER = /`([A-Za-z0-9_.\-/ ]+)`/y;
const FLOAT = /[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?/y;
const INTEGER = /(?:0x[0-9a-fA-F]+|[0-9]+)([uU]?)/y;
const TEXT = /([bB][rR]|[rR][bB]|[rR]|[bB])?(?:"""(?:[^\\]|\\[\s\S])*?"""|'''(?:[^\\]|\\[\s\S])*?'''|"(?:[^"\\\n\r]|\\[^\n\r])*"|'(?:[^'\\\n\r]|\\[^\n\r])*')/y;
const RAW_TEXT = /(?:[bB][rR]|[rR][bB]|[rR])(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n\r]*"|'[^'\n\r]*')/y;

/** Cuts a text into tokens, the last of which is its end. */
export class Lexer {
	readonly tokens: Token[] = [];
	readonly problems: SourceProblem[] = [];
	readonly #source: string;
	#index = 0;
	/** The place of #index in code points. */
	#at = 0;

	constructor(source: string) {
		this.#source = source;
		while (this.#index < source.length) this.#next();
		this.tokens.push({ kind: "end", text: "<EOF>", at: this.#at });
	}

	#match(pattern: RegExp): RegExpExecArray | null {
		pattern.lastIndex = this.#index;
		return pattern.exec(this.#source);
	}

	#advance(text: string): void {
		this.#index += text.length;
		for (const _ of text) this.#at++;
	}

	#take(kind: TokenKind, whole: string, text = whole, quoted = false): void {
		this.tokens.push({ kind, text, at: this.#at, ...(quoted ? { quoted } : {}) });
		this.#advance(whole);
	}

	#next(): void {
		const space = this.#match(SPACE);
		if (space) return this.#advance(space[0]);
		const text = this.#match(RAW_TEXT) ?? this.#match(TEXT);
		if (text) return this.#take(/^[rR]?[bB]/.test(text[0]) ? "bytes" : "string", text[0]);
		const name = this.#match(IDENTIFIER);
		if (name) return this.#take("identifier", name[0]);
		const quoted = this.#match(QUOTED_IDENTIFIER);
		if (quoted) return this.#take("identifier", quoted[0], quoted[1], true);
		const float = this.#match(FLOAT);
		if (float) return this.#take("float", float[0]);
		const integer = this.#match(INTEGER);
		if (integer) return this.#take(integer[1] ? "uint" : "int", integer[0]);
		const sign = PUNCTUATION.find((each) => this.#source.startsWith(each, this.#index));
		if (sign !== undefined) return this.#take("punctuation", sign);
		this.#unknown();
	}

	#unknown(): void {
		const point = String.fromCodePoint(this.#source.codePointAt(this.#index) ?? 0);
		// An open text is unknown to its end.
		const rest = point === '"' || point === "'" ? (/^[^\n\r]*/.exec(this.#source.slice(this.#index))?.[0] ?? point) : point;
		this.problems.push({ at: this.#at, message: `Syntax error: token recognition error at: '${rest}'` });
		this.#advance(rest);
	}
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
	a: "\x07",
	b: "\b",
	f: "\f",
	n: "\n",
	r: "\r",
	t: "\t",
	v: "\v",
	"\\": "\\",
	"?": "?",
	'"': '"',
	"'": "'",
	"`": "`",
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/y;
const POINT_MAX = 0x10ffff;

interface Unquoted {
	body: string;
	raw: boolean;
}

function unquote(literal: string): Unquoted {
	const prefix = /^[a-zA-Z]*/.exec(literal)?.[0] ?? "";
	const rest = literal.slice(prefix.length).replaceAll("\r\n", "\n");
	const marks = /^("""|''')/.test(rest) ? 3 : 1;
	return { body: rest.slice(marks, -marks), raw: /r/i.test(prefix) };
}

/** The pieces of a literal: plain text, and the numbers that its escapes stand for. */
function* pieces(literal: string): Generator<{ text: string } | { number: number; isByte: boolean }> {
	const { body, raw } = unquote(literal);
	if (raw) return yield { text: body };
	let from = 0;
	for (let at = body.indexOf("\\"); at >= 0; at = body.indexOf("\\", from)) {
		yield { text: body.slice(from, at) };
		ESCAPE.lastIndex = at;
		const found = ESCAPE.exec(body);
		const [whole = "", x, upperX, u, upperU, octal, simple = ""] = found ?? [];
		const hex = x ?? upperX ?? u ?? upperU;
		if (hex !== undefined) yield { number: Number.parseInt(hex, 16), isByte: (x ?? upperX) !== undefined };
		else if (octal !== undefined) yield { number: Number.parseInt(octal, 8), isByte: true };
		else if (SIMPLE_ESCAPES[simple] !== undefined) yield { text: SIMPLE_ESCAPES[simple] };
		else throw new Error("unable to unescape string");
		from = at + whole.length;
	}
	yield { text: body.slice(from) };
}

/** @throws Error where an escape stands for nothing */
export function stringLiteral(literal: string): string {
	let text = "";
	for (const piece of pieces(literal)) {
		if ("text" in piece) text += piece.text;
		else if (piece.number > POINT_MAX || (piece.number >= 0xd800 && piece.number < 0xe000)) throw new Error("invalid unicode code point");
		else text += String.fromCodePoint(piece.number);
	}
	return text;
}

/** @throws Error where an escape stands for nothing */
export function bytesLiteral(literal: string): Uint8Array {
	const encoder = new TextEncoder();
	const bytes: number[] = [];
	for (const piece of pieces(literal)) {
		if ("number" in piece && piece.isByte) bytes.push(piece.number);
		else bytes.push(...encoder.encode("text" in piece ? piece.text : String.fromCodePoint(piece.number)));
	}
	return Uint8Array.from(bytes);
}
