/** `petrel`: the commands. */
import { Command, CommanderError } from "commander";
import { accountCommand } from "./account.ts";
import { agentCommand } from "./agent.ts";
import { errorText } from "./cli-error.ts";
import { downCommand } from "./down.ts";
import { encryptionCommand } from "./encryption.ts";
import { hostedClusterCommand } from "./hosted-cluster.ts";
import { kubeconfigCommand } from "./kubeconfig.ts";
import { statusCommand } from "./status.ts";
import { nodeCommand } from "./node-token.ts";
import { upCommand } from "./up.ts";
import { versionCommand } from "./version.ts";

const program = new Command("petrel").description("Kubernetes without servers to run").exitOverride();
for (const add of [
	upCommand,
	downCommand,
	statusCommand,
	kubeconfigCommand,
	agentCommand,
	nodeCommand,
	hostedClusterCommand,
	accountCommand,
	encryptionCommand,
	versionCommand,
])
	add(program);

try {
	await program.parseAsync();
} catch (error) {
	// Commander has printed its own message already.
	if (error instanceof CommanderError) process.exitCode = error.exitCode;
	else {
		process.stderr.write(`petrel: ${errorText(error)}\n`);
		if (process.env["PETREL_DEBUG"]) console.error(error);
		process.exitCode = 1;
	}
}
