/** What people forget: the direction of imports, the length of files and functions, leftovers, vague names. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 60;

/** What the files of a room may import, besides the room itself. */
const ROOMS: Record<string, readonly string[]> = {
	core: [],
	store: ["core"],
	objects: ["core", "store"],
	worker: ["core", "store", "objects"],
	agent: ["core"],
	cli: ["core", "agent"],
	dashboard: ["core"],
};

/** Every file that is or will be committed. */
function listFiles(): string[] {
	const output = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" });
	return output.split("\n").filter((file) => file !== "");
}

interface Source {
	file: string;
	lines: string[];
}

const read = (file: string): Source => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n") });
const isGenerated = ({ file, lines }: Source): boolean => file.endsWith(".d.ts") || /generated/i.test(file) || /^\/\*\*? ?(@)?generated/i.test(lines[0] ?? "");

const files = listFiles().filter((file) => !/^(package-lock\.json|LICENSE|node_modules\/)/.test(file));
const sources = files.filter((file) => /\.(ts|tsx|mjs)$/.test(file)).map(read);
const written = sources.filter((source) => !isGenerated(source));
const inSrc = written.filter(({ file }) => file.startsWith("src/") && !file.endsWith(".test.ts"));

const roomOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];

/** The targets of a file's import and export-from statements. */
function imports({ lines }: Source): string[] {
	const pattern = /^(?:import|export)\s[^"']*?from\s+["']([^"']+)["']|^import\s+["']([^"']+)["']|^\}\s+from\s+["']([^"']+)["']|\bimport\(["']([^"']+)["']\)/;
	return lines.flatMap((line) => {
		const found = pattern.exec(line);
		const target = found?.[1] ?? found?.[2] ?? found?.[3] ?? found?.[4];
		return target === undefined ? [] : [target];
	});
}

function wrongImports(source: Source): string[] {
	const room = roomOf(source.file);
	const allowed = room === undefined ? undefined : ROOMS[room];
	if (room === undefined || allowed === undefined) return [];
	return imports(source).filter((target) => {
		if (!target.startsWith(".")) return room === "core" && /^(cloudflare|node):/.test(target);
		const other = roomOf(normalize(join(dirname(source.file), target)));
		return other !== undefined && other !== room && !allowed.includes(other);
	});
}

/**
 * Functions longer than the limit, by indentation: a line that opens a body at some depth, and the first line at that
 * depth that closes it. The formatter keeps this true.
 */
function longFunctions({ file, lines }: Source): string[] {
	const opening =
		/^(\t*)(?:export )?(?:default )?(?:async )?(?:function\b.*|(?:const|let) \w+.*=>|(?:public |private |static |async |get |set |override |\*)*[#\w]+(?:<[^>]*>)?\(.*\).*) \{$/;
	const found: string[] = [];
	lines.forEach((line, start) => {
		const match = opening.exec(line);
		if (match === null || /^\t*(?:if|for|while|switch|catch|else|return|describe|it|test)\b/.test(line)) return;
		const end = lines.findIndex((other, index) => index > start && other.startsWith(`${match[1]}}`));
		if (end - start + 1 > FUNCTION_LINES_MAX) found.push(`${file}:${start + 1} (${end - start + 1} lines)`);
	});
	return found;
}

/** Spelled in pieces, so that this file does not find itself. */
const LEFTOVERS = [
	["TO", "DO"],
	["FIX", "ME"],
	["(?<!\\w)XX", "X\\b"],
	["\\b(?:it|test|describe)\\.on", "ly\\b"],
	["\\b(?:it|test|describe)\\.sk", "ip\\b"],
	["\\b(?:it|test)\\.to", "do\\b"],
	["\\bas a", "ny(?=[;,)\\].}]|$)"],
	["@ts-ig", "nore"],
	["@ts-no", "check"],
].map((parts) => new RegExp(parts.join("")));

const matches = (patterns: readonly RegExp[], list: readonly Source[]): string[] =>
	list.flatMap(({ file, lines }) =>
		lines.flatMap((line, index) => (patterns.some((pattern) => pattern.test(line)) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
	);

describe("the source tree", () => {
	it("imports one way: core <- store <- objects <- worker; agent, cli and dashboard import core", () => {
		expect(inSrc.flatMap((source) => wrongImports(source).map((target) => `${source.file} imports ${target}`))).toEqual([]);
	});

	it("has no clock, chance or network in core", () => {
		const core = inSrc.filter(({ file }) => roomOf(file) === "core");
		const impure = [/\bDate\.now\(/, /\bnew Date\(\)/, /\bMath\.random\(/, /(?<![.\w])fetch\(/, /\bcrypto\.(?:random|getRandom)/, /\bsetTimeout\(/];
		expect(matches(impure, core)).toEqual([]);
	});

	it("keeps files short", () => {
		expect(inSrc.filter(({ lines }) => lines.length - 1 > FILE_LINES_MAX).map(({ file, lines }) => `${file} (${lines.length - 1} lines)`)).toEqual([]);
	});

	it("keeps functions short", () => {
		expect(inSrc.flatMap(longFunctions)).toEqual([]);
	});

	it("has no leftovers", () => {
		expect(matches(LEFTOVERS, written)).toEqual([]);
	});

	it("makes no code at run time", () => {
		expect(matches([/\bnew Function\(/, /(?<![.\w])eval\(/], inSrc)).toEqual([]);
	});

	it("names files by what they hold", () => {
		const vague = new RegExp(["(^|[/-])(uti", "ls?|hel", "pers?|mana", "gers?|mi", "sc|com", "mon)([-.]|$)"].join(""));
		expect(files.filter((file) => /^(src|test|tools)\//.test(file) && vague.test(file))).toEqual([]);
		expect(inSrc.map(({ file }) => file).filter((file) => !/^[a-z0-9./-]+\.(ts|tsx)$/.test(file))).toEqual([]);
	});

	it("names no path of the machine it was written on", () => {
		const text = files.filter((file) => /\.(ts|mjs|md|json|toml|sh)$/.test(file)).map(read);
		expect(
			matches([new RegExp(["(^|[^\\w.])/wo", "rk/"].join("")), new RegExp(["/ro", "ot/\\w"].join("")), new RegExp(["/ho", "me/\\w+/"].join(""))], text),
		).toEqual([]);
	});
});
