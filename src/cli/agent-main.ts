/** The agent alone, as one bundled file (dist/agent.cjs): `petrel agent` without the other commands. */
import { agentCommand } from "./agent.ts";
import { runCommands } from "./run-commands.ts";

void runCommands([agentCommand]);
