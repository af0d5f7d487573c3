/** The agent alone, as one bundled file (dist/agent.js): `petrel agent` without the other commands. */
import { agentCommand } from "./agent.ts";
import { runCommands } from "./run-commands.ts";

await runCommands([agentCommand]);
