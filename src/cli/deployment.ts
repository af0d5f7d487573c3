/** Which deployment a command speaks to: the one that runs from a data directory, one that was put on an account, or any by its address and a token. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { ApiClient, type ApiServer } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { dataDirectory } from "./data-directory.ts";
import { createOwnerToken } from "./tokens.ts";

const ADDRESS_VARIABLE = "PETREL_SERVER";
const TOKEN_VARIABLE = "PETREL_ACCOUNT_TOKEN";

export interface DeploymentOptions {
	data?: string;
	deployment?: string;
	server?: string;
	token?: string;
	caFile?: string;
}

export const withDeploymentOptions = (command: Command): Command =>
	command
		.option("--server <url>", `the deployment's address, or $${ADDRESS_VARIABLE} (default: the one of the data directory)`)
		.option("--token <token>", `the account's token, or $${TOKEN_VARIABLE}`)
		.option("--ca-file <file>", "the CA of the deployment's certificate (default: the system's)")
		.option("--deployment <name>", "a deployment that `npm run deploy` made, as its owner")
		.option("--data <dir>", "the data directory of a running cluster, as its owner (default: $PETREL_DATA or ~/.petrel)");

/** Where `npm run deploy` keeps what it knows of a deployment. */
export const deploymentDirectory = (name: string): string => join(homedir(), ".petrel", "accounts", name);

async function byName(name: string): Promise<ApiServer> {
	const directory = deploymentDirectory(name);
	const files = ["signing-key.json", "deployment.json"].map((file) => join(directory, file));
	if (!files.every((file) => existsSync(file)))
		throw new CliError(`There is no deployment ${name} on this machine.`, "Run `npm run deploy` first, or give --server and --token.");
	const [key = "", deployment = ""] = files.map((file) => readFileSync(file, "utf8"));
	return { url: (JSON.parse(deployment) as { url: string }).url, token: await createOwnerToken(key, Date.now()) };
}

async function byDirectory(path: string | undefined): Promise<ApiServer> {
	const data = dataDirectory(path);
	const [key, ca, url] = [data.read("signing-key.json"), data.read("ca.crt"), data.runState()?.server];
	if (key === undefined || ca === undefined || url === undefined)
		throw new CliError(`No cluster runs from ${data.path}.`, "Start one with `petrel up`, name its directory with --data, or give --server and --token.");
	return { url, ca, token: await createOwnerToken(key, Date.now()) };
}

function byAddress(url: string, { token = process.env[TOKEN_VARIABLE], caFile }: DeploymentOptions): ApiServer {
	if (!URL.canParse(url)) throw new CliError(`${JSON.stringify(url)} is no address.`, "Give --server https://HOST.");
	if (token === undefined) throw new CliError("There is no account token.", `Give one with --token or in $${TOKEN_VARIABLE}.`);
	return { url: url.replace(/\/$/, ""), token, ...(caFile === undefined ? {} : { ca: readFileSync(caFile, "utf8") }) };
}

async function serverOf(options: DeploymentOptions): Promise<ApiServer> {
	if (options.deployment !== undefined) return byName(options.deployment);
	const url = options.server ?? (options.data === undefined ? process.env[ADDRESS_VARIABLE] : undefined);
	return url === undefined ? byDirectory(options.data) : byAddress(url, options);
}

export interface Deployment {
	server: ApiServer;
	/** The answer's body. Throws the deployment's own words when it refuses. */
	call<T>(method: string, path: string, body?: unknown): Promise<T>;
}

export async function deploymentOf(options: DeploymentOptions): Promise<Deployment> {
	const server = await serverOf(options);
	const client = new ApiClient(server);
	return {
		server,
		async call<T>(method: string, path: string, body?: unknown): Promise<T> {
			const answer = await client.send<T & { message?: string }>(method, path, body).catch((error: unknown) => {
				throw new CliError(`${server.url} cannot be reached: ${(error as Error).message}.`, "Check the address and that the control plane runs.", {
					cause: error,
				});
			});
			if (answer.code === 401) throw new CliError(`${server.url} does not know this token.`, "Ask the deployment's owner for another.");
			if (answer.code >= 300) throw new CliError(`${answer.body.message ?? `The deployment answered ${answer.code}`}.`, "");
			return answer.body;
		},
	};
}

/** Columns of a list, as kubectl prints them. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
	const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
	for (const row of [head, ...rows])
		console.log(row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3))).join(""));
}
