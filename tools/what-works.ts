/**
 * Writes the README's table of what works: the first sentence of every end-to-end, workerd, simulator and golden test
 * file's head comment. What has no test is not in it.
 *
 * Usage: node tools/what-works.ts
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const BEGIN = "<!-- what works: begin -->";
const END = "<!-- what works: end -->";
const FOLDERS: readonly [folder: string, kind: string][] = [
	["test/e2e", "end to end"],
	["test/workerd", "in workerd"],
	["test/sim", "simulated under faults"],
	["test/golden", "by files"],
];

/** The head comment up to its first full stop; undefined where a file has none. */
function headSentence(text: string): string | undefined {
	const comment = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1];
	const words = comment?.replaceAll(/\s*\n?\s*\*\s+/g, " ").trim();
	return words === undefined || words === "" ? undefined : (/^.*?\.(?= |$)/.exec(words)?.[0] ?? words);
}

export function whatWorks(root: string): string {
	const rows = FOLDERS.flatMap(([folder, kind]) =>
		readdirSync(join(root, folder))
			.filter((file) => file.endsWith(".test.ts"))
			.sort()
			.flatMap((file) => {
				const sentence = headSentence(readFileSync(join(root, folder, file), "utf8"));
				return sentence === undefined ? [] : [`| ${sentence} | ${kind}: [${file}](${folder}/${file}) |`];
			}),
	);
	return [BEGIN, "| what works | shown |", "|---|---|", ...rows, END].join("\n");
}

/** The README with the table as it should be. */
export function withTable(readme: string, table: string): string {
	const [start, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
	if (start < 0 || end < 0) throw new Error(`README.md lacks ${BEGIN} and ${END}`);
	return readme.slice(0, start) + table + readme.slice(end + END.length);
}

if (import.meta.main) {
	const root = join(import.meta.dirname, "..");
	const file = join(root, "README.md");
	writeFileSync(file, withTable(readFileSync(file, "utf8"), whatWorks(root)));
}
