/** The file of --scheduler-config, as the control plane takes it. */
import { readFileSync } from "node:fs";
import { parseYaml } from "../core/codec/yaml.ts";
import { readSchedulerConfiguration } from "../core/scheduler/configuration/scheduler-configuration.ts";
import { CliError } from "./cli-error.ts";

/** Its JSON. Throws a CliError that says what is wrong with it. */
export function readSchedulerFile(path: string): string {
	try {
		const { value } = parseYaml(readFileSync(path, "utf8"));
		readSchedulerConfiguration(value);
		return JSON.stringify(value);
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		throw new CliError(
			`The scheduler's configuration ${path} cannot be used: ${why}.`,
			"It is a KubeSchedulerConfiguration of kubescheduler.config.k8s.io/v1.",
		);
	}
}
