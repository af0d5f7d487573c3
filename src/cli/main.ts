/** `petrel`: the commands. */
import { accountCommand } from "./account.ts";
import { agentCommand } from "./agent.ts";
import { downCommand } from "./down.ts";
import { encryptionCommand } from "./encryption.ts";
import { hostedClusterCommand } from "./hosted-cluster.ts";
import { kubeconfigCommand } from "./kubeconfig.ts";
import { statusCommand } from "./status.ts";
import { nodeCommand } from "./node-token.ts";
import { upCommand } from "./up.ts";
import { versionCommand } from "./version.ts";
import { runCommands } from "./run-commands.ts";
import { webhooksCommand } from "./webhooks.ts";

await runCommands([
	upCommand,
	downCommand,
	statusCommand,
	kubeconfigCommand,
	agentCommand,
	nodeCommand,
	hostedClusterCommand,
	accountCommand,
	encryptionCommand,
	webhooksCommand,
	versionCommand,
]);
