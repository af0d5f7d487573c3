/** Shows what differs between two values, for messages that say "may not be changed". */
import { semanticEqual } from "../meta/equality.ts";

const LINES_MAX = 20;

/** One "- path: value" and "+ path: value" for each leaf that differs, in at most 20 pairs. */
export function changedPaths(old: unknown, next: unknown, path: string): string {
	const lines: string[] = [];
	collect(old, next, path, lines);
	const shown = lines.slice(0, 2 * LINES_MAX);
	if (lines.length > shown.length) shown.push(`... and ${(lines.length - shown.length) / 2} more`);
	return shown.map((line) => `${line}\n`).join("");
}

function collect(old: unknown, next: unknown, path: string, lines: string[]): void {
	if (semanticEqual(old, next)) return;
	if (isContainer(old) && isContainer(next) && Array.isArray(old) === Array.isArray(next)) {
		const keys = new Set([...Object.keys(old), ...Object.keys(next)]);
		for (const key of keys) collect(old[key], next[key], Array.isArray(old) ? `${path}[${key}]` : `${path}.${key}`, lines);
		return;
	}
	lines.push(`- ${path}: ${text(old)}`, `+ ${path}: ${text(next)}`);
}

const isContainer = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const text = (value: unknown): string => (value === undefined ? "<unset>" : JSON.stringify(value));
