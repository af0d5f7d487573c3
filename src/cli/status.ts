/** `petrel status`: what runs of a cluster on this machine. */
import type { Command } from "commander";
import type { Node, Pod } from "../core/schema/kubernetes.d.ts";
import { ApiClient } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { type DataDirectory, dataDirectory, type RunState } from "./data-directory.ts";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";

interface StatusOptions {
	data?: string;
	output?: string;
}

interface Status {
	running: boolean;
	dataDirectory: string;
	server: string;
	edge: string;
	secureEdge: string;
	startedAt: string;
	controlPlane: { running: boolean; pid?: number; ready: boolean };
	agent: { running: boolean; pid?: number };
	nodes: { name: string; ready: boolean; runtime: string }[];
	pods: { total: number; running: number };
}

export function statusCommand(program: Command): void {
	program
		.command("status")
		.description("say what runs")
		.option("--data <dir>", "the cluster's data directory (default: $PETREL_DATA or ~/.petrel)")
		.option("-o, --output <format>", "json for programs")
		.action((options: StatusOptions) => status(options));
}

async function status(options: StatusOptions): Promise<void> {
	if (options.output !== undefined && options.output !== "json")
		throw new CliError(`There is no output format ${JSON.stringify(options.output)}.`, "Use json.");
	const found = await findOut(dataDirectory(options.data));
	console.log(options.output === "json" ? JSON.stringify(found, undefined, 2) : describe(found));
	if (!found.running || !found.controlPlane.ready) process.exitCode = 1;
}

async function findOut(data: DataDirectory): Promise<Status> {
	const state = data.runState();
	const running = data.lockHolder() !== undefined;
	const client = state === undefined ? undefined : new ApiClient({ url: state.server, ca: data.read("ca.crt"), token: data.read("admin.token") });
	const ready = (await client?.send("GET", "/readyz").catch(() => undefined))?.code === 200;
	const list = async <T>(path: string): Promise<T[]> => (ready ? ((await client?.call<{ items: T[] }>("GET", path))?.items ?? []) : []);
	const pods = await list<Pod>("/api/v1/pods");
	return {
		running,
		dataDirectory: data.path,
		server: state?.server ?? "",
		edge: state?.edge ?? "",
		secureEdge: state?.secureEdge ?? "",
		startedAt: state?.startedAt ?? "",
		controlPlane: { ...processStatus(state, "controlPlane"), ready },
		agent: processStatus(state, "agent"),
		nodes: (await list<Node>("/api/v1/nodes")).map(nodeStatus),
		pods: { total: pods.length, running: pods.filter((pod) => pod.status?.phase === "Running").length },
	};
}

function processStatus(state: RunState | undefined, name: "controlPlane" | "agent"): { running: boolean; pid?: number } {
	const identity: ProcessIdentity | undefined = state?.[name];
	return identity !== undefined && isRunning(identity) ? { running: true, pid: identity.pid } : { running: false };
}

function nodeStatus(node: Node): Status["nodes"][number] {
	const ready = node.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
	return { name: node.metadata?.name ?? "", ready, runtime: node.status?.nodeInfo?.containerRuntimeVersion ?? "" };
}

function describe(found: Status): string {
	if (!found.running) return `Petrel does not run in ${found.dataDirectory}. Start it with: petrel up`;
	const of = (process: { running: boolean; pid?: number }): string => (process.running ? `runs (process ${process.pid})` : "does not run");
	return [
		`control plane  ${of(found.controlPlane)}, ${found.controlPlane.ready ? "ready" : "not ready"}, ${found.server}`,
		...(found.edge === "" ? [] : [`edge           ${found.edge}, ${found.secureEdge}`]),
		`agent          ${of(found.agent)}`,
		...found.nodes.map((node) => `node           ${node.name}: ${node.ready ? "ready" : "not ready"}, ${node.runtime}`),
		`pods           ${found.pods.running} running of ${found.pods.total}`,
		`data           ${found.dataDirectory}`,
	].join("\n");
}
