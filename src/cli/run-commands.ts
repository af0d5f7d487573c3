/** Runs the command that the arguments name, and says what went wrong in a sentence. */
import { Command, CommanderError } from "commander";
import { errorText } from "./cli-error.ts";

export async function runCommands(commands: readonly ((program: Command) => void)[]): Promise<void> {
	const program = new Command("petrel").description("Kubernetes without servers to run").exitOverride().enablePositionalOptions();
	for (const add of commands) add(program);
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
}
