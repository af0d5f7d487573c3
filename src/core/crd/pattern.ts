/** Patterns of untrusted schemas: RE2's syntax, which is Go's, in time linear in the text. */
import { RE2JS } from "@bufbuild/re2";

export interface Pattern {
	/** Whether the pattern is found anywhere in the text. */
	test(text: string): boolean;
}

const compiled = new Map<string, Pattern>();
/** Patterns kept compiled; beyond it all are forgotten and compiled again as they are used. */
const COMPILED_MAX = 1_000;

/** Throws an Error that says what is wrong with the pattern. */
export function compilePattern(source: string): Pattern {
	const known = compiled.get(source);
	if (known) return known;
	const pattern: Pattern = RE2JS.compile(source);
	if (compiled.size >= COMPILED_MAX) compiled.clear();
	compiled.set(source, pattern);
	return pattern;
}
