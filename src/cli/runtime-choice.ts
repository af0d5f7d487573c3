/** The runtimes that --runtime names. */
import { CliError } from "./cli-error.ts";

export type RuntimeChoice = "containerd" | "process";

export function parseRuntime(name: string | undefined): RuntimeChoice | undefined {
	if (name === undefined || name === "containerd" || name === "process") return name;
	throw new CliError(`There is no runtime ${JSON.stringify(name)}.`, "Use containerd or process.");
}
