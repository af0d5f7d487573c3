/** What is wrong with an expression's source, printed as cel-go prints it: the place, the line, and a mark under it. */

const WIDE_DOT = "．";
const WIDE_MARK = "＾";
const ASCII_MAX = 0x7f;

export interface SourceProblem {
	/** In code points from the start. */
	at: number;
	message: string;
}

/** An expression that does not compile. */
export class CelSourceError extends Error {
	constructor(source: string, problems: readonly SourceProblem[]) {
		super(problemsText(source, problems));
	}
}

function placeOf(points: readonly string[], at: number): { line: number; column: number; text: string[] } {
	const before = points.slice(0, at);
	const start = before.lastIndexOf("\n") + 1;
	const end = points.indexOf("\n", start);
	return { line: before.filter((point) => point === "\n").length + 1, column: at - start, text: points.slice(start, end < 0 ? undefined : end) };
}

const isWide = (point: string | undefined): boolean => (point?.codePointAt(0) ?? 0) > ASCII_MAX;

function problemText(points: readonly string[], { at, message }: SourceProblem): string {
	const { line, column, text } = placeOf(points, at);
	const dots = text.slice(0, column).map((point) => (isWide(point) ? WIDE_DOT : "."));
	const mark = isWide(text[column]) ? WIDE_MARK : "^";
	return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${text.join("").replaceAll("\t", " ")}\n | ${dots.join("")}${mark}`;
}

/** All of them, in the order of their places. */
export function problemsText(source: string, problems: readonly SourceProblem[]): string {
	const points = [...source];
	return [...problems]
		.sort((a, b) => a.at - b.at)
		.map((problem) => problemText(points, problem))
		.join("\n");
}
