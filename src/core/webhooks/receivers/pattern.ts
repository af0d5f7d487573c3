/** Filters of names: * stands for any text, everything else for itself. */

export const isPattern = (text: string): boolean => text.includes("*");

/** Without backtracking over more than the last *: the text is a stranger's. */
export function matchesPattern(pattern: string, text: string): boolean {
	const [first = "", ...rest] = pattern.split("*");
	if (rest.length === 0) return text === pattern;
	const last = rest.pop() as string;
	if (!text.startsWith(first)) return false;
	let at = first.length;
	for (const part of rest) {
		const found = text.indexOf(part, at);
		if (found < 0) return false;
		at = found + part.length;
	}
	return text.length - last.length >= at && text.endsWith(last);
}
