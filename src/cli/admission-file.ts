/** The file of --admission-control-config-file, as the control plane takes it. */
import { readFileSync } from "node:fs";
import { readAdmissionConfiguration } from "../core/admission/configuration.ts";
import { parseYaml } from "../core/codec/yaml.ts";
import { CliError } from "./cli-error.ts";

/** Its JSON. Throws a CliError that says what is wrong with it. */
export function readAdmissionFile(path: string): string {
	try {
		const { value } = parseYaml(readFileSync(path, "utf8"));
		readAdmissionConfiguration(value);
		return JSON.stringify(value);
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		throw new CliError(`The admission configuration ${path} cannot be used: ${why}.`, "It is an AdmissionConfiguration of apiserver.config.k8s.io/v1.");
	}
}
