/** The grammar of label selector texts, token by token as k8s.io/apimachinery/pkg/labels reads them, with its error texts. */
import { badRequest } from "../errors/status-error.ts";
import { type LabelOperator, type LabelRequirement, newRequirement } from "./label-requirement.ts";
import { qualifiedName } from "../meta/name-rules.ts";

type TokenKind = "error" | "end" | "identifier" | ")" | "," | "!" | "==" | "=" | ">" | "in" | "<" | "!=" | "notin" | "(";

interface Token {
	kind: TokenKind;
	text: string;
}

const SYMBOLS: ReadonlySet<string> = new Set([")", ",", "!", "==", "=", ">", "<", "!=", "("]);
const SPECIAL = "=!(),><";
const SPACE = " \t\r\n";
const BINARY_OPERATORS: Readonly<Partial<Record<TokenKind, LabelOperator>>> = {
	in: "in",
	notin: "notin",
	"=": "=",
	"==": "==",
	"!=": "!=",
	">": "gt",
	"<": "lt",
};

/** The longest symbol at `start`; upstream reads on while what it has is still a symbol. */
function symbolAt(text: string, start: number): Token {
	let end = start;
	let found: Token | undefined;
	while (end < text.length && SPECIAL.includes(text[end] as string)) {
		end++;
		const symbol = text.slice(start, end);
		if (SYMBOLS.has(symbol)) found = { kind: symbol as TokenKind, text: symbol };
		else if (found) break;
	}
	return found ?? { kind: "error", text: `error expected: keyword found '${text.slice(start, end)}'` };
}

function tokensOf(text: string): Token[] {
	const tokens: Token[] = [];
	let at = 0;
	while (at < text.length) {
		const char = text[at] as string;
		if (SPACE.includes(char)) {
			at++;
			continue;
		}
		if (SPECIAL.includes(char)) {
			const token = symbolAt(text, at);
			tokens.push(token);
			at += token.text.length;
			continue;
		}
		const start = at;
		while (at < text.length && !SPACE.includes(text[at] as string) && !SPECIAL.includes(text[at] as string)) at++;
		const word = text.slice(start, at);
		tokens.push({ kind: word === "in" || word === "notin" ? word : "identifier", text: word });
	}
	return tokens;
}

const END: Token = { kind: "end", text: "" };
const REQUIREMENT_ERROR = "unable to parse requirement: ";

class SelectorParser {
	private readonly tokens: Token[];
	private at = 0;

	constructor(text: string) {
		this.tokens = tokensOf(text);
	}

	/** Where a value may stand, the words `in` and `notin` are plain identifiers. */
	private peek(): Token {
		const token = this.tokens[this.at] ?? END;
		return token.kind === "in" || token.kind === "notin" ? { kind: "identifier", text: token.text } : token;
	}

	private take(): Token {
		const token = this.peek();
		this.at++;
		return token;
	}

	parse(): LabelRequirement[] {
		const requirements: LabelRequirement[] = [];
		for (;;) {
			const first = this.peek();
			if (first.kind === "end") return requirements;
			if (first.kind !== "identifier" && first.kind !== "!") throw badRequest(`found '${first.text}', expected: !, identifier, or 'end of string'`);
			requirements.push(this.requirement());
			const next = this.take();
			if (next.kind === "end") return requirements;
			if (next.kind !== ",") throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
			const after = this.peek();
			if (after.kind !== "identifier" && after.kind !== "!") throw badRequest(`found '${after.text}', expected: identifier after ','`);
		}
	}

	private fail(text: string): never {
		throw badRequest(REQUIREMENT_ERROR + text);
	}

	private requirement(): LabelRequirement {
		let token = this.take();
		const negated = token.kind === "!";
		if (negated) token = this.take();
		if (token.kind !== "identifier") this.fail(`found '${token.text}', expected: identifier`);
		const key = token.text;
		const keyErrors = qualifiedName(key);
		if (keyErrors.length > 0) this.fail(`<nil>: Invalid value: ${JSON.stringify(key)}: ${keyErrors.join("; ")}`);
		if (negated) return newRequirement(key, "!", [], REQUIREMENT_ERROR);
		const next = this.peek();
		if (next.kind === "end" || next.kind === ",") return newRequirement(key, "exists", [], REQUIREMENT_ERROR);
		const operatorToken = this.tokens[this.at++] ?? END;
		const operator = BINARY_OPERATORS[operatorToken.kind];
		if (operator === undefined) this.fail(`found '${operatorToken.text}', expected: in, notin, =, ==, !=, gt, lt`);
		const values = operator === "in" || operator === "notin" ? this.valueSet() : this.exactValue();
		return newRequirement(key, operator, values, REQUIREMENT_ERROR);
	}

	private exactValue(): string[] {
		const next = this.peek();
		if (next.kind === "end" || next.kind === ",") return [""];
		const token = this.take();
		if (token.kind !== "identifier") this.fail(`found '${token.text}', expected: identifier`);
		return [token.text];
	}

	private valueSet(): string[] {
		const open = this.take();
		if (open.kind !== "(") this.fail(`found '${open.text}' expected: '('`);
		const first = this.peek();
		if (first.kind === ")") {
			this.take();
			return [];
		}
		if (first.kind !== "identifier" && first.kind !== ",") this.fail(`found '${first.text}', expected: ',', ')' or identifier`);
		const values = this.valueList();
		if (this.take().kind !== ")") this.fail(`found '${first.text}', expected: ')'`);
		return values;
	}

	/** The values between the parentheses; an empty place stands for the empty value. */
	private valueList(): string[] {
		const values: string[] = [];
		for (;;) {
			const token = this.take();
			if (token.kind === "identifier") {
				values.push(token.text);
				const next = this.peek();
				if (next.kind === ")") return values;
				if (next.kind !== ",") this.fail(`found '${next.text}', expected: ',' or ')'`);
			} else if (token.kind === ",") {
				if (values.length === 0) values.push("");
				const next = this.peek();
				if (next.kind === ")") {
					values.push("");
					return values;
				}
				if (next.kind === ",") {
					this.take();
					values.push("");
				}
			} else {
				this.fail(`found '${token.text}', expected: ',', or identifier`);
			}
		}
	}
}

/** The requirements in the order of the text. Throws a 400 StatusError. */
export const parseRequirements = (text: string): LabelRequirement[] => new SelectorParser(text).parse();
