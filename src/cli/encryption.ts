/** `petrel encryption rotate | prune`: the keys that Secrets are sealed with at rest. */
import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { type DataDirectory, dataDirectory } from "./data-directory.ts";
import { encryptionKeyIds, pruneEncryptionKeys, rotateEncryptionKeys } from "./encryption-keys.ts";

const FILE = "encryption-keys.json";

interface Options {
	data?: string;
}

/** Writes what `change` makes of the keys; answers how many there are then. */
function rewrite(data: DataDirectory, change: (text: string) => string): number {
	const text = data.read(FILE);
	if (!data.exists() || text === undefined)
		throw new CliError(`There is no cluster in ${data.path}.`, "Start one with `petrel up`, or name its directory with --data.");
	const next = change(text);
	data.write(FILE, next);
	return encryptionKeyIds(next).length;
}

export function encryptionCommand(program: Command): void {
	const encryption = program.command("encryption").description("keys that Secrets are sealed with at rest");
	const dataOption = ["--data <dir>", "the cluster's data directory (default: $PETREL_DATA or ~/.petrel)"] as const;
	encryption
		.command("rotate")
		.description("make a new key; from the next start all is sealed with it")
		.option(...dataOption)
		.action((options: Options) => {
			const count = rewrite(dataDirectory(options.data), rotateEncryptionKeys);
			console.log(
				`A new key seals from the next start on; ${count} keys open. Once the cluster has run with it, \`petrel encryption prune\` removes the older ones.`,
			);
		});
	encryption
		.command("prune")
		.description("remove all keys but the newest")
		.option(...dataOption)
		.action((options: Options) => {
			rewrite(dataDirectory(options.data), pruneEncryptionKeys);
			console.log("The newest key alone is left. It holds from the next start on.");
		});
}
