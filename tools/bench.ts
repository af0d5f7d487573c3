/**
 * `npm run bench`: starts a Petrel on a temporary data directory and measures how fast it starts, what it costs while idle, and
 * how long pods take to run. `npm run bench:api` loads the API.
 *
 *   npm run bench -- --runtime process     with a given runtime (default: what `petrel up` takes)
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/cli/bundle.ts";
import { DataDirectory } from "../src/cli/data-directory.ts";
import { startControlPlane } from "./bench/control-plane.ts";
import { cpuSeconds, residentMegabytes, type Target } from "./bench/load.ts";
import { measurePodStart } from "./bench/pod-start.ts";

const STARTS = 3;
const IDLE_MS = 20_000;

const { values: options } = parseArgs({ options: { runtime: { type: "string" } } });
const dataPath = mkdtempSync(join(tmpdir(), "petrel-bench-"));

function petrel(...args: string[]): void {
	const result = spawnSync(process.execPath, [join(packageRoot, "src", "cli", "main.ts"), ...args, "--data", dataPath], { encoding: "utf8" });
	if (result.status !== 0) throw new Error(`petrel ${args.join(" ")}: ${result.stdout}${result.stderr}`);
}

/** From starting workerd to its first answer. */
async function measureControlPlaneStart(): Promise<void> {
	const times: number[] = [];
	for (let i = 0; i < STARTS; i++) {
		const { startMs, stop } = await startControlPlane();
		times.push(startMs);
		await stop();
	}
	console.log(`\nfirst response of the control plane: ${times.map((ms) => `${ms.toFixed(0)} ms`).join(", ")}`);
}

const number = (value: number, digits = 1): string => (Number.isFinite(value) ? value.toFixed(digits) : "");

async function measureIdle(controlPlanePid: number, agentPid: number): Promise<void> {
	const before = [cpuSeconds(controlPlanePid), cpuSeconds(agentPid)] as const;
	await delay(IDLE_MS);
	const percent = (pid: number, at: number): string => number(((cpuSeconds(pid) - at) / (IDLE_MS / 1000)) * 100, 2);
	console.log(
		`\nidle: control plane ${number(residentMegabytes(controlPlanePid), 0)} MB, ${percent(controlPlanePid, before[0])}% of a core; agent ${number(residentMegabytes(agentPid), 0)} MB, ${percent(agentPid, before[1])}%`,
	);
}

async function measurePods(target: Target): Promise<void> {
	console.log("\n| pods | apply to first Ready | apply to all Ready |\n|---|---|---|");
	for (const replicas of [1, 1, 1, 30]) {
		const start = await measurePodStart(target, replicas);
		console.log(`| ${replicas} | ${number(start.firstReadyMs, 0)} ms | ${number(start.allReadyMs, 0)} ms |`);
	}
}

try {
	petrel("up", "--detach", "--no-example", ...(options.runtime === undefined ? [] : ["--runtime", options.runtime]));
	const data = new DataDirectory(dataPath);
	const state = data.runState();
	if (state?.controlPlane === undefined || state.agent === undefined) throw new Error("petrel up left no running control plane and agent");
	const target: Target = {
		url: state.server,
		ca: readFileSync(data.file("ca.crt"), "utf8"),
		token: data.read("admin.token") ?? "",
		pid: state.controlPlane.pid,
	};
	await measureIdle(state.controlPlane.pid, state.agent.pid);
	await measurePods(target);
	console.log(
		`\nafter the pods: control plane ${number(residentMegabytes(state.controlPlane.pid), 0)} MB, agent ${number(residentMegabytes(state.agent.pid), 0)} MB`,
	);
} finally {
	petrel("down");
	rmSync(dataPath, { recursive: true, force: true });
}
await measureControlPlaneStart();
