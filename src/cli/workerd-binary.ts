/** Finds the workerd program itself: the package's `workerd` command is a Node script that would stand between us and its signals. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CliError } from "./cli-error.ts";

const PACKAGES: Record<string, string> = {
	"linux x64": "@cloudflare/workerd-linux-64",
	"linux arm64": "@cloudflare/workerd-linux-arm64",
	"darwin x64": "@cloudflare/workerd-darwin-64",
	"darwin arm64": "@cloudflare/workerd-darwin-arm64",
};

export function workerdBinary(): string {
	const platform = `${process.platform} ${process.arch}`;
	const name = PACKAGES[platform];
	if (name === undefined) throw new CliError(`workerd does not run on ${platform}.`, "Use Linux or macOS on x64 or arm64.");
	const require = createRequire(import.meta.url);
	try {
		const binary = join(dirname(require.resolve("workerd/package.json")), "..", name, "bin", "workerd");
		return existsSync(binary) ? binary : join(dirname(require.resolve(`${name}/package.json`)), "bin", "workerd");
	} catch (error) {
		throw new CliError(`The package ${name} is not installed.`, "Install the dependencies again with `npm ci`; do not omit optional packages.", {
			cause: error,
		});
	}
}
