/** Before the end-to-end tests: Debian's packages that real containers need, where they are missing and root may install them. */
import { installPackages, missingPackages } from "../../../src/agent/runtime/detect.ts";
import { absentFiles, canRunContainers } from "./runtimes.ts";

export async function setup(): Promise<void> {
	sayWhatIsAbsent();
	const missing = await missingPackages();
	if (missing.length === 0) return;
	process.stderr.write(`Installing ${missing.join(", ")} ...\n`);
	const { installed, message } = await installPackages();
	if (!installed && canRunContainers) throw new Error(message);
	process.stderr.write(`${message}\n`);
}

function sayWhatIsAbsent(): void {
	for (const { file, lacks } of absentFiles) process.stderr.write(`Not in this machine's suite: ${file}. The machine lacks ${lacks}.\n`);
}
