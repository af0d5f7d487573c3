/**
 * `npm run bench:cuts`: cuts each link of three nodes in turn, under traffic, and mends it. What flows must flow again by itself, and rules and
 * routes be what they were. Needs root and containerd.
 *
 *   npm run bench:cuts -- --rounds 20 --cut-seconds 8 --long-every 10 --long-cut-seconds 60
 */
import { parseArgs } from "node:util";
import { CutRounds, type Link, LINKS } from "./bench/cut-rounds.ts";
import { percentile } from "./bench/load.ts";

const { values: options } = parseArgs({
	options: {
		rounds: { type: "string", default: "20" },
		/** Relays are found out after 3 s. */
		"cut-seconds": { type: "string", default: "8" },
		/** A node is lost after 40 s: its endpoints go, and come back. */
		"long-cut-seconds": { type: "string", default: "60" },
		"long-every": { type: "string", default: "10" },
		/** By their numbers. */
		links: { type: "string", default: "1,2,3,4,5" },
	},
});

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const links = options.links.split(",").flatMap((number) => LINKS[Number(number) - 1] ?? []);
const rounds = new CutRounds();
const found = new Map<Link, { recovered: number[]; settled: number[]; failed: number }>(links.map((link) => [link, { recovered: [], settled: [], failed: 0 }]));
try {
	await rounds.start();
	for (let number = 1; number <= Number(options.rounds); number++) {
		const long = number % Number(options["long-every"]) === 0;
		for (const link of links) {
			const round = await rounds.round(link, Number(options[long ? "long-cut-seconds" : "cut-seconds"]) * 1000);
			const row = found.get(link);
			row?.recovered.push(round.recoveredMs);
			row?.settled.push(round.settledMs);
			if (row && round.problems.length > 0) row.failed++;
			const lines = [
				...round.problems.map((problem) => `\n  PROBLEM ${problem}`),
				...round.failures.map((failure) => `\n    while it was cut and after: ${failure}`),
			];
			console.log(`${number} ${link}: traffic after ${seconds(round.recoveredMs)} s, rules after ${seconds(round.settledMs)} s${lines.join("")}`);
			if (round.problems.length > 0) process.exitCode = 1;
		}
	}
	console.log(
		"\n| link | rounds | with problems | seconds until traffic flowed, median | most | until rules were as before, median | most |\n|---|---|---|---|---|---|---|",
	);
	for (const [link, { recovered, settled, failed }] of found) {
		const figures = [recovered, settled].flatMap((values) => [50, 100].map((rank) => seconds(percentile(values, rank))));
		console.log(`| ${link} | ${recovered.length} | ${failed} | ${figures.join(" | ")} |`);
	}
} catch (error) {
	console.error(rounds.logs());
	throw error;
} finally {
	await rounds.dispose();
}
