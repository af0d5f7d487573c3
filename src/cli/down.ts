/** `petrel down`: stops the cluster of a data directory, whoever started it. Doing it twice is no error. */
import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { type DataDirectory, dataDirectory } from "./data-directory.ts";
import { endLeftovers } from "./leftovers.ts";
import { waitForEnd } from "./process-identity.ts";

/** Longer than the supervisor gives its agent. */
const STOP_TIMEOUT_MS = 90_000;

export function downCommand(program: Command): void {
	program
		.command("down")
		.description("stop the cluster; its state stays on disk")
		.option("--data <dir>", "the cluster's data directory (default: $PETREL_DATA or ~/.petrel)")
		.action((options: { data?: string }) => down(dataDirectory(options.data)));
}

async function down(data: DataDirectory): Promise<void> {
	const supervisor = data.lockHolder();
	if (supervisor !== undefined) {
		process.kill(supervisor.pid, "SIGTERM");
		if (!(await waitForEnd(supervisor, STOP_TIMEOUT_MS))) {
			throw new CliError(
				`Petrel (process ${supervisor.pid}) did not stop within ${STOP_TIMEOUT_MS / 1000} s.`,
				`See ${data.file("logs")}; \`kill -9 ${supervisor.pid}\`, then \`petrel down\` again, ends it by force.`,
			);
		}
	}
	const leftovers = await endLeftovers(data);
	if (data.read("lock") !== undefined) data.unlock();
	console.log(supervisor !== undefined || leftovers ? "Petrel is stopped." : `Petrel does not run in ${data.path}.`);
}
