/** Runs the node agent in this process until it is told to stop. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { AgentError } from "../agent/agent-error.ts";
import type { CredentialProvider } from "../agent/image/credential-providers.ts";
import { runNode } from "../agent/main.ts";
import { JOIN_TOKEN_VARIABLE } from "./agent-process.ts";
import { machineStops } from "./agent-service.ts";
import { CliError } from "./cli-error.ts";
import { dataDirectory } from "./data-directory.ts";
import { parseListenAddress } from "./listen-address.ts";
import { cleanMachine } from "./machine-cleanup.ts";
import { parseNodeAddress, parseNodeLabels, readCredentialProviders, readKubeletConfiguration } from "./node-options.ts";
import { parsePort } from "./ports.ts";
import { parseRuntime } from "./runtime-choice.ts";
import { interruption } from "./signals.ts";

export interface AgentOptions {
	server?: string;
	token?: string;
	name?: string;
	data?: string;
	runtime?: string;
	caFile?: string;
	images?: string;
	config?: string;
	imageCredentialProviderConfig?: string;
	imageCredentialProviderBinDir?: string;
	rootDir?: string;
	nodeLabels?: string;
	nodeIp?: string;
	edgeListen?: string;
	removeOnExit?: boolean;
	clean?: boolean;
}

export async function runAgent(options: AgentOptions): Promise<void> {
	const dataDir = options.data ?? join(dataDirectory(undefined).path, "node");
	if (options.clean) return cleanMachine(dataDir);
	const runtimeKind = parseRuntime(options.runtime);
	if (options.server === undefined) throw new CliError("The agent does not know its cluster.", "Give its address with --server https://HOST:PORT.");
	if (!URL.canParse(options.server)) throw new CliError(`${JSON.stringify(options.server)} is no address.`, "Give --server https://HOST:PORT.");
	if (options.caFile !== undefined) requireReadable(options.caFile);
	const interrupted = interruption();
	try {
		const agent = await runNode({
			server: options.server,
			token: options.token ?? process.env[JOIN_TOKEN_VARIABLE],
			caFile: options.caFile,
			nodeName: options.name ?? hostname().toLowerCase(),
			dataDir,
			runtimeKind,
			imagesDir: options.images,
			...(options.config === undefined ? {} : { configuration: await readKubeletConfiguration(options.config) }),
			...(await credentialProvidersOf(options)),
			...(options.rootDir === undefined ? {} : { rootDir: options.rootDir }),
			...(options.nodeLabels === undefined ? {} : { labels: parseNodeLabels(options.nodeLabels) }),
			...(options.edgeListen === undefined ? {} : { edge: parseEdgeListen(options.edgeListen) }),
			...(options.nodeIp === undefined ? {} : { nodeIP: parseNodeAddress(options.nodeIp) }),
		});
		await interrupted;
		if (machineStops()) await agent.shutDown();
		await agent.stop({ removeAll: options.removeOnExit === true });
		process.exit(0);
	} catch (error) {
		if (error instanceof AgentError) throw new CliError(sentence(error.message), "", { cause: error });
		throw error;
	}
}

/** Kubelet's two flags, of which each needs the other. */
async function credentialProvidersOf(
	options: AgentOptions,
): Promise<{ credentialProviders?: { providers: readonly CredentialProvider[]; directory: string } }> {
	const { imageCredentialProviderConfig: config, imageCredentialProviderBinDir: directory } = options;
	if (config === undefined && directory === undefined) return {};
	if (config === undefined || directory === undefined)
		throw new CliError(
			"A credential provider has a configuration and a directory.",
			"Give --image-credential-provider-config with --image-credential-provider-bin-dir.",
		);
	return { credentialProviders: { providers: await readCredentialProviders(config), directory: resolve(directory) } };
}

/** "0.0.0.0:8443" or "[::]:8443". */
function parseEdgeListen(text: string): { address: string; port: number } {
	const [, address = "", port = ""] = /^\[?([^\]]+)\]?:(\d+)$/.exec(text) ?? [];
	if (address === "") throw new CliError(`${JSON.stringify(text)} is no address with a port.`, "Give --edge-listen ADDRESS:PORT.");
	return { address: parseListenAddress(address), port: parsePort(port) };
}

function requireReadable(path: string): void {
	try {
		readFileSync(path);
	} catch (error) {
		throw new CliError(`The CA file ${path} cannot be read: ${(error as Error).message}.`, "Give the cluster's ca.crt with --ca-file.", { cause: error });
	}
}

/** The agent's errors begin in lower case. */
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!]$/.test(text) ? "" : "."}`;
