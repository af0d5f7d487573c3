/** `petrel account create | list | delete`, `petrel account token create | delete`: who may make clusters; for the deployment's owner. */
import type { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { type DeploymentOptions, deploymentOf, printTable, withDeploymentOptions } from "./deployment.ts";

interface ShownAccount {
	name: string;
	maxClusters: number;
	creationTimestamp: string;
	tokens: Record<string, { creationTimestamp: string }>;
	/** Shown once, when it is made. */
	token?: string;
}

type Options = DeploymentOptions & { maxClusters?: string };

const pathOf = (name: string): string => `/accounts/${encodeURIComponent(name)}`;

async function create(name: string, options: Options): Promise<void> {
	const maxClusters = options.maxClusters === undefined ? undefined : Number(options.maxClusters);
	if (maxClusters !== undefined && !Number.isInteger(maxClusters)) throw new CliError(`${JSON.stringify(options.maxClusters)} is no number of clusters.`, "");
	const deployment = await deploymentOf(options);
	console.log((await deployment.call<ShownAccount>("POST", "/accounts", { name, ...(maxClusters === undefined ? {} : { maxClusters }) })).token);
}

async function list(options: Options): Promise<void> {
	const { items } = await (await deploymentOf(options)).call<{ items: ShownAccount[] }>("GET", "/accounts");
	const rows = items.map(({ name, maxClusters, tokens, creationTimestamp }) => [name, String(maxClusters), Object.keys(tokens).join(","), creationTimestamp]);
	printTable(["NAME", "MAX CLUSTERS", "TOKENS", "CREATED"], rows);
}

async function remove(name: string, options: Options): Promise<void> {
	await (await deploymentOf(options)).call("DELETE", pathOf(name));
	console.log(`account ${JSON.stringify(name)} deleted`);
}

async function createToken(name: string, options: Options): Promise<void> {
	console.log((await (await deploymentOf(options)).call<ShownAccount>("POST", `${pathOf(name)}/tokens`)).token);
}

async function removeToken(name: string, id: string, options: Options): Promise<void> {
	await (await deploymentOf(options)).call("DELETE", `${pathOf(name)}/tokens/${encodeURIComponent(id)}`);
	console.log(`token ${JSON.stringify(id)} of account ${JSON.stringify(name)} deleted`);
}

export function accountCommand(program: Command): void {
	const account = program.command("account").description("accounts that may make clusters (for the deployment's owner)");
	withDeploymentOptions(account.command("create").argument("<name>").description("make an account and print its token"))
		.option("--max-clusters <count>", "how many clusters it may have")
		.action(create);
	withDeploymentOptions(account.command("list").description("list the accounts")).action(list);
	withDeploymentOptions(account.command("delete").argument("<name>").description("delete an account that has no clusters")).action(remove);
	const token = account.command("token").description("tokens of an account");
	withDeploymentOptions(token.command("create").argument("<account>").description("print another token of the account")).action(createToken);
	withDeploymentOptions(token.command("delete").argument("<account>").argument("<id>").description("revoke a token; `account list` has the ids")).action(
		removeToken,
	);
}
