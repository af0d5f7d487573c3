#!/usr/bin/env node
/** `petrel`: the built command of the published package, or, in a checkout, the sources under Node 24. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);

/** Node 24 of the published package's own dependencies. */
function packagedNode() {
	const require = createRequire(import.meta.url);
	try {
		return join(dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)), "bin", "node");
	} catch {
		return process.execPath;
	}
}

if (existsSync(join(root, "src", "cli", "main.ts"))) {
	const { ensureInstalled, runScript } = await import("../tools/bootstrap.mjs");
	await ensureInstalled();
	runScript(join(root, "src", "cli", "main.ts"), args);
} else {
	// The agent runs for as long as the machine: it gets a file of its own and options that spare memory.
	const program = args[0] === "agent" ? ["--max-semi-space-size=1", "--optimize-for-size", join(root, "dist", "agent.js")] : [join(root, "dist", "petrel.js")];
	const child = spawn(packagedNode(), [...program, ...args], { stdio: "inherit" });
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
	child.on("exit", (code) => process.exit(code ?? 1));
}
