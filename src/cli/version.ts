/** `petrel version`: this program's version and that of what it runs on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { packageRoot } from "./bundle.ts";

export function packageVersion(): string {
	return (JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string }).version;
}

export function versionCommand(program: Command): void {
	program
		.command("version")
		.description("print the version")
		.action(() => console.log(`petrel ${packageVersion()} (Node.js ${process.versions.node})`));
}
