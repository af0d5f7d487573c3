/** Before the end-to-end tests: Debian's packages that real containers need, where they are missing and root may install them. */
import { installPackages, missingPackages } from "../../../src/agent/runtime/detect.ts";

export async function setup(): Promise<void> {
	const missing = await missingPackages();
	if (missing.length === 0) return;
	process.stderr.write(`Installing ${missing.join(", ")} ...\n`);
	process.stderr.write(`${(await installPackages()).message}\n`);
}
