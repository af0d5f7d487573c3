/**
 * `npm run sim`: the simulator with a thousand seeds, the fixed ones of `npm test` and fresh ones. What it prints of a failing seed is
 * enough to run it alone: `npm run sim -- --storm NAME --seed N`. `--base N` runs the fresh seeds of an earlier run again.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/cli/bundle.ts";
import { freshSeeds, SIM_SEEDS_TOTAL, STORMS } from "../test/sim/seeds.ts";

/** Bases lie between, so that no fresh seed is a fixed one, and all are whole numbers of 31 bits. */
const BASE_MIN = 10_000;
const BASE_MAX = 2_000_000_000;

interface Report {
	numPassedTests: number;
	numFailedTests: number;
	testResults: { name: string; assertionResults: { status: string; title: string }[] }[];
}

const { values } = parseArgs({ options: { storm: { type: "string" }, seed: { type: "string" }, base: { type: "string" } } });
if (values.storm !== undefined && STORMS[values.storm] === undefined) {
	console.error(`There is no storm ${values.storm}. There are ${Object.keys(STORMS).join(", ")}.`);
	process.exit(1);
}
const base = values.base ?? String(BASE_MIN + Math.floor(Math.random() * (BASE_MAX - BASE_MIN)));

function announce(): void {
	const fresh = freshSeeds(Number(base), SIM_SEEDS_TOTAL);
	console.log(`Fresh seeds from ${base} on; the same again: npm run sim -- --base ${base}`);
	for (const [storm, { fixed }] of Object.entries(STORMS)) {
		if (values.storm !== undefined && values.storm !== storm) continue;
		const { first, count } = fresh.get(storm) ?? { first: 0, count: 0 };
		console.log(`  ${storm}: fixed ${fixed.join(" ")}; fresh ${first} to ${first + count - 1}`);
	}
}

function run(): { report: Report | undefined; code: number } {
	const directory = mkdtempSync(join(tmpdir(), "petrel-sim-"));
	const file = join(directory, "report.json");
	const seeds = values.seed === undefined ? { SIM_BASE: base } : { SIM_SEED: values.seed };
	const vitest = [
		join(packageRoot, "node_modules/vitest/vitest.mjs"),
		"run",
		"--project",
		"sim",
		"--reporter=default",
		"--reporter=json",
		`--outputFile.json=${file}`,
	];
	const { status } = spawnSync(process.execPath, [...vitest, ...(values.storm === undefined ? [] : [`test/sim/${values.storm}.sim.test.ts`])], {
		cwd: packageRoot,
		stdio: "inherit",
		env: { ...process.env, ...seeds },
	});
	let report: Report | undefined;
	try {
		report = JSON.parse(readFileSync(file, "utf8")) as Report;
	} catch (error) {
		console.error(`no report: ${String(error)}`);
	}
	rmSync(directory, { recursive: true, force: true });
	return { report, code: status ?? 1 };
}

function tellFailures({ testResults }: Report): void {
	for (const { name, assertionResults } of testResults)
		for (const { title } of assertionResults.filter(({ status }) => status === "failed")) {
			const storm = /([^/]+)\.sim\.test\.ts$/.exec(name)?.[1];
			const seed = /seed (\d+)/.exec(title)?.[1];
			console.log(seed ? `failed: ${storm}, seed ${seed}; alone: npm run sim -- --storm ${storm} --seed ${seed}` : `failed: ${storm}: ${title}`);
		}
}

if (values.seed === undefined) announce();
const { report, code } = run();
if (report !== undefined) {
	tellFailures(report);
	console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed`);
}
process.exit(code);
