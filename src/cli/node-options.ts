/** Options of `petrel agent` that say what the node is: kubelet's settings, labels, its address. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { type CredentialProvider, credentialProviders } from "../agent/image/credential-providers.ts";
import { type KubeletConfiguration, kubeletConfiguration } from "../agent/kubelet-configuration.ts";
import { createLogger } from "../agent/log.ts";
import { labelValue, qualifiedName } from "../core/meta/name-rules.ts";
import { CliError } from "./cli-error.ts";

/** Throws a CliError that says what is wrong with the file. */
export async function readKubeletConfiguration(path: string): Promise<KubeletConfiguration> {
	try {
		const { configuration, ignored } = kubeletConfiguration(await parse(readFileSync(path, "utf8")));
		if (ignored.length > 0) createLogger().warn("the agent has no use for these kubelet settings", { file: path, fields: ignored.join(",") });
		return configuration;
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		throw new CliError(`The kubelet configuration ${path} cannot be used: ${why}.`, "It is a KubeletConfiguration of kubelet.config.k8s.io/v1beta1.");
	}
}

/** Throws a CliError that says what is wrong with the file. */
export async function readCredentialProviders(path: string): Promise<CredentialProvider[]> {
	try {
		return credentialProviders(await parse(readFileSync(path, "utf8")));
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		throw new CliError(
			`The credential providers' configuration ${path} cannot be used: ${why}.`,
			"It is a CredentialProviderConfig of kubelet.config.k8s.io/v1.",
		);
	}
}

/** JSON without a YAML parser in memory. */
async function parse(text: string): Promise<unknown> {
	if (text.trimStart().startsWith("{")) return JSON.parse(text);
	const { parseYaml } = await import("../core/codec/yaml.ts");
	return parseYaml(text).value;
}

const isLabel = ([key = "", value = "", ...rest]: string[]): boolean => rest.length === 0 && [...qualifiedName(key), ...labelValue(value)].length === 0;

/** `key=value,key=value`. */
export function parseNodeLabels(text: string): Record<string, string> {
	const pairs = text.split(",").map((pair) => pair.split("="));
	const wrong = pairs.find((pair) => pair.length < 2 || !isLabel(pair));
	if (wrong) throw new CliError(`${JSON.stringify(wrong.join("="))} is no label.`, "Give --node-labels key=value,key=value.");
	return Object.fromEntries(pairs as [string, string][]);
}

export function parseNodeAddress(text: string): string {
	if (isIP(text) === 0) throw new CliError(`${JSON.stringify(text)} is no address.`, "Give --node-ip an IP address of this machine.");
	return text;
}
