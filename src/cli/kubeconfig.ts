/** `petrel kubeconfig`: prints the administrator's kubeconfig. */
import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { dataDirectory } from "./data-directory.ts";

export function kubeconfigCommand(program: Command): void {
	program
		.command("kubeconfig")
		.description("print the administrator's kubeconfig")
		.option("--data <dir>", "the cluster's data directory (default: $PETREL_DATA or ~/.petrel)")
		.action((options: { data?: string }) => {
			const data = dataDirectory(options.data);
			const text = data.read("kubeconfig");
			if (text === undefined) throw new CliError(`There is no cluster in ${data.path}.`, "Start one with `petrel up`, or name its directory with --data.");
			process.stdout.write(text);
		});
}
