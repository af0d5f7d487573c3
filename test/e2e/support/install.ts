/** Before the end-to-end tests: Debian's packages that real containers and other clients need, where they are missing and root may install them. */
import { execFileSync } from "node:child_process";
import { installPackages, missingPackages } from "../../../src/agent/runtime/detect.ts";
import { absentFiles, absentParts, canInstall, canRunContainers, isPythonClientInstalled, PYTHON_CLIENT_PACKAGE } from "./runtimes.ts";

export async function setup(): Promise<void> {
	sayWhatIsAbsent();
	await installContainers();
	if (canInstall && !isPythonClientInstalled()) installPackage(PYTHON_CLIENT_PACKAGE);
}

function installPackage(name: string): void {
	process.stderr.write(`Installing ${name} ...\n`);
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
	execFileSync("apt-get", ["-o", "DPkg::Lock::Timeout=60", "install", "-y", "-q", "--no-install-recommends", name], { env, stdio: "pipe" });
}

async function installContainers(): Promise<void> {
	const missing = await missingPackages();
	if (missing.length === 0) return;
	process.stderr.write(`Installing ${missing.join(", ")} ...\n`);
	const { installed, message } = await installPackages();
	if (!installed && canRunContainers) throw new Error(message);
	process.stderr.write(`${message}\n`);
}

function sayWhatIsAbsent(): void {
	for (const { file, lacks } of [...absentFiles, ...absentParts]) process.stderr.write(`Not in this machine's suite: ${file}. The machine lacks ${lacks}.\n`);
}
