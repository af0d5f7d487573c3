/** Patterns of untrusted schemas and rules: RE2's syntax, which is Go's, in time linear in the text. */
import { RE2JS } from "@bufbuild/re2";
import { findFrom } from "./find.ts";

export class Pattern {
	readonly #program: RE2JS;

	constructor(source: string) {
		this.#program = RE2JS.compile(source);
	}

	/** Whether the pattern is found anywhere in the text. */
	test(text: string): boolean {
		return this.#program.test(text);
	}

	/** What the first match consists of: the whole, and each of its groups, "" for one that took no part. */
	captures(text: string): string[] | undefined {
		const found = findFrom(this.#program, text, 0);
		if (found === undefined) return undefined;
		const { start, end, groups } = found;
		const pairs = Array.from({ length: Math.ceil(groups.length / 2) }, (_, i) => text.slice(groups[2 * i] ?? 0, groups[2 * i + 1] ?? groups[2 * i] ?? 0));
		return [text.slice(start, end), ...pairs];
	}

	/** What it finds one behind the other, `countMax` at most. */
	findAll(text: string, countMax: number): string[] {
		const all: string[] = [];
		let previousEnd = -1;
		for (let from = 0; from <= text.length && all.length < countMax; ) {
			const found = findFrom(this.#program, text, from);
			if (found === undefined) break;
			const { start, end } = found;
			// Nothing is not found where the find before it ended.
			if (end > start || end !== previousEnd) all.push(text.slice(start, end));
			previousEnd = end;
			from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
		}
		return all;
	}
}

const compiled = new Map<string, Pattern>();
/** Patterns kept compiled; beyond it all are forgotten and compiled again as they are used. */
const COMPILED_MAX = 1_000;

/** Throws an Error that says what is wrong with the pattern. */
export function compilePattern(source: string): Pattern {
	const known = compiled.get(source);
	if (known) return known;
	const pattern = new Pattern(source);
	if (compiled.size >= COMPILED_MAX) compiled.clear();
	compiled.set(source, pattern);
	return pattern;
}
