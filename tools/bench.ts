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
import { cpuSeconds, percentile, residentMegabytes, type Target } from "./bench/load.ts";
import { measurePodStart } from "./bench/pod-start.ts";
import { measureRuntimeStart } from "./bench/runtime-start.ts";

const STARTS = 3;
const IDLE_MS = 60_000;
/** After the last pod was ready: the agent has settled. */
const SETTLE_MS = 20_000;
/** Of one pod. */
const SINGLE_STARTS = 10;
/** As many as a node takes is the last. */
const BURSTS = [30, 110];
const IDLE_PODS = 30;

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

/** All that this machine has said to itself: nothing but the agent and the control plane talk over it here. */
const loopbackBytes = (): number => Number(/\blo: *(\d+)/.exec(readFileSync("/proc/self/net/dev", "utf8"))?.[1] ?? Number.NaN);

async function measureIdle(what: string, controlPlanePid: number, agentPid: number): Promise<void> {
	const before = [cpuSeconds(controlPlanePid), cpuSeconds(agentPid)] as const;
	const bytes = loopbackBytes();
	await delay(IDLE_MS);
	const percent = (pid: number, at: number): string => number(((cpuSeconds(pid) - at) / (IDLE_MS / 1000)) * 100, 2);
	console.log(
		`\n${what}: control plane ${number(residentMegabytes(controlPlanePid), 0)} MB, ${percent(controlPlanePid, before[0])}% of a core; agent ${number(residentMegabytes(agentPid), 0)} MB, ${percent(agentPid, before[1])}%; ${number((loopbackBytes() - bytes) / (IDLE_MS / 60_000), 0)} bytes a minute between them`,
	);
}

/** Pods that start at once on one node, and the share of the time that the container runtime alone does not account for. */
async function measurePods(target: Target, idle: () => Promise<void>): Promise<void> {
	const rows: string[] = [];
	const alone = options.runtime === "process" ? new Map<number, number[]>() : await measureRuntimeStart([1, ...BURSTS]);
	const row = (pods: string, times: readonly number[], runtime: readonly number[] = []): void => {
		const [p50, p99] = [percentile(times, 50), percentile(times, 99)];
		const own = (rank: number, whole: number): string => number((1 - percentile(runtime, rank) / whole) * 100, 0);
		rows.push(`| ${pods} | ${number(p50, 0)} ms | ${number(p99, 0)} ms | ${own(50, p50)}% | ${own(99, p99)}% |`);
	};
	const single: number[] = [];
	for (let i = 0; i < SINGLE_STARTS; i++) single.push(...(await measurePodStart(target, 1)));
	row("1", single, alone.get(1));
	for (const replicas of BURSTS) {
		const times = await measurePodStart(target, replicas, async () => {
			if (replicas !== IDLE_PODS) return;
			await delay(SETTLE_MS);
			await idle();
		});
		row(String(replicas), times, alone.get(replicas));
	}
	console.log(`\n| pods | apply to Ready, p50 | p99 | not the container runtime's own, of the p50 | of the p99 |\n|---|---|---|---|---|\n${rows.join("\n")}`);
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
	const { controlPlane, agent } = state;
	await measureIdle("idle", controlPlane.pid, agent.pid);
	await measurePods(target, () => measureIdle(`idle with ${IDLE_PODS} pods`, controlPlane.pid, agent.pid));
	console.log(
		`\nafter the pods: control plane ${number(residentMegabytes(state.controlPlane.pid), 0)} MB, agent ${number(residentMegabytes(state.agent.pid), 0)} MB`,
	);
} finally {
	petrel("down");
	rmSync(dataPath, { recursive: true, force: true });
}
await measureControlPlaneStart();
