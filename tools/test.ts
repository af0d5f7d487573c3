/** `npm test`: every test of the project; the last line is "N passed, N failed". Arguments choose projects: `npm test -- unit sim`. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../src/cli/bundle.ts";

/** In turn: what needs the machine for itself comes last. */
const STAGES: readonly (readonly string[])[] = [["unit"], ["sim"], ["workerd"], ["e2e"]];

interface Report {
	numPassedTests: number;
	numFailedTests: number;
}

const directory = mkdtempSync(join(tmpdir(), "petrel-test-"));
const chosen = process.argv.slice(2);
const known = STAGES.flat();
const unknown = chosen.filter((name) => !known.includes(name));
if (unknown.length > 0) {
	process.stderr.write(`petrel: there are no tests called ${unknown.join(", ")}. Choose from ${known.join(", ")}.\n`);
	process.exit(2);
}

function run(projects: readonly string[]): Promise<Report> {
	const file = join(directory, `${projects.join("-")}.json`);
	const args = [
		join(packageRoot, "node_modules", "vitest", "vitest.mjs"),
		"run",
		"--passWithNoTests",
		"--reporter=default",
		"--reporter=json",
		`--outputFile.json=${file}`,
		...projects.flatMap((name) => ["--project", name]),
	];
	return new Promise((resolve) => {
		const child = spawn(process.execPath, args, { cwd: packageRoot, stdio: ["ignore", "inherit", "inherit"] });
		for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
		child.on("close", (code) => resolve(readReport(file, code)));
	});
}

/** A run that failed without a failed test (a file that does not load, a crash) counts as one failure. */
function readReport(file: string, code: number | null): Report {
	let report: Report = { numPassedTests: 0, numFailedTests: 0 };
	try {
		report = JSON.parse(readFileSync(file, "utf8")) as Report;
	} catch {
		// Without a report only the exit code speaks.
	}
	return code !== 0 && report.numFailedTests === 0 ? { ...report, numFailedTests: 1 } : report;
}

let passed = 0;
let failed = 0;
for (const stage of STAGES) {
	const projects = stage.filter((name) => chosen.length === 0 || chosen.includes(name));
	if (projects.length === 0) continue;
	const report = await run(projects);
	passed += report.numPassedTests;
	failed += report.numFailedTests;
}
rmSync(directory, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
