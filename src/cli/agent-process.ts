/** The agent of `petrel up` as a process of its own: a crash of either side leaves the other one running. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { ensureAgentBundle } from "./bundle.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { RuntimeChoice } from "./runtime-choice.ts";
import { SupervisedProcess } from "./supervised-process.ts";
import { createJoinToken } from "./tokens.ts";

/** How the agent is told its join token: an environment variable does not show in the list of processes. */
export const JOIN_TOKEN_VARIABLE = "PETREL_JOIN_TOKEN";

export interface AgentSpec {
	server: string;
	nodeName: string;
	runtime: RuntimeChoice | undefined;
	/** Address and port where it ends TLS for the edge. */
	edgeListen: string;
}

/** The machine's disk is full of its user's own things: neither pods nor images go for that, as in other local clusters. */
const localConfiguration = (data: DataDirectory) => ({
	apiVersion: "kubelet.config.k8s.io/v1beta1",
	kind: "KubeletConfiguration",
	imageGCHighThresholdPercent: 100,
	evictionHard: { "memory.available": "100Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%" },
	staticPodPath: data.file("manifests"),
	fileCheckFrequency: "2s",
});

interface Hooks {
	onChange(identity: ProcessIdentity | undefined): void;
	onCrash(outcome: string, pauseMs: number): void;
}

/**
 * Node's options for an agent, which lives long and does little: little young memory, one thread for the collector, and machine code for
 * what is called very often alone: without it the compilers are not even read from the disk. With 30 pods an agent takes 70 MB instead
 * of 95 with these and the variables below; 45 of them are Node's own program, which the kernel can drop.
 */
const NODE_OPTIONS = [
	"--max-semi-space-size=1",
	"--optimize-for-size",
	"--v8-pool-size=1",
	"--no-maglev",
	"--invocation-count-for-turbofan=2000000",
	"--disable-warning=ExperimentalWarning",
];

/** For glibc's malloc: one arena for all threads, and what is free goes back to the kernel soon (65536 bytes). */
export const AGENT_ENVIRONMENT = { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "65536" };

/** The agent's own program, with arguments for Node. */
export async function agentArguments(args: readonly string[]): Promise<string[]> {
	return [...NODE_OPTIONS, await ensureAgentBundle(), "agent", ...args];
}

export function agentProcess(data: DataDirectory, spec: AgentSpec, hooks: Hooks): SupervisedProcess {
	const runtime = spec.runtime === undefined ? [] : ["--runtime", spec.runtime];
	const args = [
		"--server",
		spec.server,
		"--name",
		spec.nodeName,
		"--data",
		data.file("node"),
		"--ca-file",
		data.file("ca.crt"),
		"--images",
		data.file("images"),
		"--config",
		data.file("kubelet.json"),
		"--edge-listen",
		spec.edgeListen,
		"--remove-on-exit",
		...runtime,
	];
	return new SupervisedProcess({
		name: "agent",
		command: process.execPath,
		arguments: async () => {
			const token = await createJoinToken(readFileSync(data.file("signing-key.json"), "utf8"), Date.now());
			data.write("join.token", token);
			data.write("kubelet.json", `${JSON.stringify(localConfiguration(data), undefined, "\t")}\n`);
			return { args: await agentArguments(args), env: { ...AGENT_ENVIRONMENT, [JOIN_TOKEN_VARIABLE]: token } };
		},
		logFile: data.file("logs", "agent.log"),
		...hooks,
	});
}

/** Removes what an agent that was killed has left on this machine: containers, mounts, interfaces, rules. */
export async function cleanNode(data: DataDirectory): Promise<void> {
	const args = await agentArguments(["--data", data.file("node"), "--clean"]);
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
		let output = "";
		child.stderr.on("data", (chunk: Buffer) => {
			output += chunk.toString();
		});
		child.on("error", reject);
		child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`the node could not be cleaned: ${output.trim()}`))));
	});
}
