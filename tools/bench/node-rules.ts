/** What a node's kernel is told: its nftables ruleset element by element, its routes, and its permanent forwarding and neighbour entries. */
import { execFileSync } from "node:child_process";

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** Filled by the kernel as clients come; and what cuts a link. */
const LEARNED = new Set(["map affinity", "table ip cut"]);

export interface Rules {
	node: string;
	/** Sorted. */
	lines: string[];
}

/** `network` is the path of the node's network namespace; this process's own without it. */
export function rulesOf(node: string, network: string | undefined): Rules {
	const run = (command: string, ...args: string[]): string => {
		const [program = "", ...rest] = network === undefined ? [command, ...args] : ["nsenter", `--net=${network}`, command, ...args];
		return execFileSync(program, rest, { encoding: "utf8", maxBuffer: OUTPUT_BYTES_MAX });
	};
	const rules = tablesOf(run("nft", "list", "ruleset"));
	const ways = [
		run("ip", "route", "show", "table", "all"),
		run("ip", "-6", "route", "show", "table", "all"),
		run("bridge", "fdb", "show"),
		run("ip", "neighbour", "show", "nud", "permanent"),
	];
	const told = ways.flatMap((text) => text.split("\n")).filter((line) => line.trim() !== "" && !/ proto (kernel|ra)\b|^(multicast|anycast|local) /.test(line));
	return { node, lines: [...rules, ...told].sort() };
}

/** A line for each statement and for each element, after the names of what it is in. */
function tablesOf(ruleset: string): string[] {
	const lines: string[] = [];
	const within: string[] = [];
	for (const line of ruleset
		.replace(/elements = \{([^}]*)\}/g, (_, elements: string) =>
			elements
				.split(",")
				.map((one) => `element ${one.trim()}`)
				.join("\n"),
		)
		.split("\n")) {
		const text = line.trim();
		if (text.endsWith("{")) within.push(text.slice(0, -1).trim());
		else if (text === "}") within.pop();
		else if (text !== "" && !within.some((name) => LEARNED.has(name))) lines.push([...within, text].join(" / "));
	}
	return lines;
}
