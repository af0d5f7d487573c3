/** `petrel node token create`: what another machine joins with. */
import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { dataDirectory } from "./data-directory.ts";
import { createJoinToken, JOIN_TOKEN_TTL_SECONDS } from "./tokens.ts";

const LONGEST_TTL_SECONDS = 365 * 24 * 3600;

export function nodeCommand(program: Command): void {
	const token = program.command("node").description("nodes of the cluster").command("token").description("tokens that nodes join with");
	token
		.command("create")
		.description("print a new join token")
		.option("--data <dir>", "the cluster's data directory (default: $PETREL_DATA or ~/.petrel)")
		.option("--ttl <seconds>", "how long it can be used, in seconds", String(JOIN_TOKEN_TTL_SECONDS))
		.action(async (options: { data?: string; ttl: string }) => {
			const data = dataDirectory(options.data);
			const ttlSeconds = Number(options.ttl);
			if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > LONGEST_TTL_SECONDS)
				throw new CliError(`${JSON.stringify(options.ttl)} is no time to live.`, `Give seconds from 1 to ${LONGEST_TTL_SECONDS}.`);
			const key = data.read("signing-key.json");
			if (!data.exists() || key === undefined)
				throw new CliError(`There is no cluster in ${data.path}.`, "Start one with `petrel up`, or name its directory with --data.");
			console.log(await createJoinToken(key, Date.now(), ttlSeconds));
		});
}
