/** `petrel cluster create | list | delete | kubeconfig`: the clusters of a deployment that serves many. */
import type { Command } from "commander";
import { type Deployment, type DeploymentOptions, deploymentOf, printTable, withDeploymentOptions } from "./deployment.ts";
import { kubeconfigText, mergeKubeconfig } from "./kubeconfig-file.ts";

interface ShownCluster {
	name: string;
	account: string;
	phase: string;
	creationTimestamp: string;
}

type Options = DeploymentOptions & { merge?: boolean };

const pathOf = (name: string): string => `/clusters/${encodeURIComponent(name)}`;

/** The kubeconfig has the address that this machine reaches the deployment by. */
function giveKubeconfig({ server }: Deployment, { name, token }: { name: string; token: string }, merge: boolean | undefined): void {
	const cluster = { ...server, url: server.url + pathOf(name), token };
	if (!merge) process.stdout.write(kubeconfigText(cluster, name));
	else console.error(`The cluster ${name} is the current context of ${mergeKubeconfig(cluster, name)}.`);
}

async function create(name: string | undefined, options: Options): Promise<void> {
	const deployment = await deploymentOf(options);
	giveKubeconfig(deployment, await deployment.call("POST", "/clusters", name === undefined ? {} : { name }), options.merge);
}

async function list(options: Options): Promise<void> {
	const { items } = await (await deploymentOf(options)).call<{ items: ShownCluster[] }>("GET", "/clusters");
	const rows = items.map(({ name, account, phase, creationTimestamp }) => [name, account, phase, creationTimestamp]);
	printTable(["NAME", "ACCOUNT", "PHASE", "CREATED"], rows);
}

async function remove(name: string, options: Options): Promise<void> {
	await (await deploymentOf(options)).call("DELETE", pathOf(name));
	console.log(`cluster ${JSON.stringify(name)} deleted`);
}

async function kubeconfig(name: string, options: Options): Promise<void> {
	const deployment = await deploymentOf(options);
	giveKubeconfig(deployment, await deployment.call("POST", `${pathOf(name)}/credentials`), options.merge);
}

const MERGE = ["--merge", "make it the current context of your own kubeconfig instead of printing it"] as const;

export function hostedClusterCommand(program: Command): void {
	const cluster = program.command("cluster").description("clusters of a deployment that serves many");
	withDeploymentOptions(cluster.command("create").argument("[name]").description("make a cluster and print the kubeconfig of its administrator"))
		.option(...MERGE)
		.action(create);
	withDeploymentOptions(cluster.command("list").description("list the account's clusters")).action(list);
	withDeploymentOptions(cluster.command("delete").argument("<name>").description("delete a cluster and everything in it")).action(remove);
	withDeploymentOptions(cluster.command("kubeconfig").argument("<name>").description("print a new kubeconfig for the cluster's administrator"))
		.option(...MERGE)
		.action(kubeconfig);
}
