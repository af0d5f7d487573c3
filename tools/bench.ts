/**
 * `npm run bench`: starts a Petrel on a temporary data directory, measures it, and prints a table. Times depend on the
 * machine; CPU per request and the ratio to a Worker that does nothing, measured in the same run, depend on it less.
 *
 *   npm run bench -- --runtime process     with a given runtime (default: what `petrel up` takes)
 *   npm run bench -- --api | --pods        only one half
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ApiClient } from "../src/cli/api-client.ts";
import { packageRoot } from "../src/cli/bundle.ts";
import { controlPlane, serverUrl, waitUntilReady, writeControlPlane } from "../src/cli/control-plane.ts";
import { prepareCredentials } from "../src/cli/credentials.ts";
import { DataDirectory } from "../src/cli/data-directory.ts";
import { choosePort } from "../src/cli/ports.ts";
import { measureApi } from "./bench/api-load.ts";
import { startBareWorker } from "./bench/bare-worker.ts";
import { cpuSeconds, type Figures, load, residentMegabytes, type Target } from "./bench/load.ts";
import { measurePodStart } from "./bench/pod-start.ts";

const BARE_REQUESTS = 3000;
const STARTS = 3;
const IDLE_MS = 20_000;
const GRACE_MS = 3_000;

const { values: options } = parseArgs({ options: { runtime: { type: "string" }, api: { type: "boolean" }, pods: { type: "boolean" } } });
const both = !options.api && !options.pods;
const dataPath = mkdtempSync(join(tmpdir(), "petrel-bench-"));

function petrel(...args: string[]): void {
	const result = spawnSync(process.execPath, [join(packageRoot, "src", "cli", "main.ts"), ...args, "--data", dataPath], { encoding: "utf8" });
	if (result.status !== 0) throw new Error(`petrel ${args.join(" ")}: ${result.stdout}${result.stderr}`);
}

/** From starting workerd to its first answer, and its memory then. */
async function measureControlPlaneStart(): Promise<void> {
	const path = mkdtempSync(join(tmpdir(), "petrel-start-"));
	const data = new DataDirectory(path);
	data.prepare();
	const port = await choosePort(undefined, undefined);
	const credentials = await prepareCredentials(data, Date.now());
	data.complete(port);
	await writeControlPlane(data, port);
	const times: number[] = [];
	for (let i = 0; i < STARTS; i++) {
		const process = controlPlane(data, { onChange: () => {}, onCrash: () => {} });
		const startMs = performance.now();
		await process.start();
		await waitUntilReady(
			process,
			new ApiClient({ url: serverUrl(port), ca: credentials.ca, token: credentials.adminToken }),
			data.file("logs", "control-plane.log"),
		);
		times.push(performance.now() - startMs);
		await process.stop(GRACE_MS);
	}
	rmSync(path, { recursive: true, force: true });
	console.log(`\nfirst response of the control plane: ${times.map((ms) => `${ms.toFixed(0)} ms`).join(", ")}`);
}

const number = (value: number, digits = 1): string => (Number.isFinite(value) ? value.toFixed(digits) : "");

function printRow(work: string, figures: Figures, bareCpuMs: number): void {
	const { p50Ms, p99Ms, perSecond, cpuMsPerRequest, errors } = figures;
	const ratio = Number.isFinite(cpuMsPerRequest) ? cpuMsPerRequest / bareCpuMs : Number.NaN;
	console.log(`| ${work} | ${number(p50Ms)} | ${number(p99Ms)} | ${number(perSecond, 0)} | ${number(cpuMsPerRequest, 2)} | ${number(ratio)} | ${errors} |`);
}

async function measureIdle(controlPlanePid: number, agentPid: number): Promise<void> {
	const before = [cpuSeconds(controlPlanePid), cpuSeconds(agentPid)] as const;
	await delay(IDLE_MS);
	const percent = (pid: number, at: number): string => number(((cpuSeconds(pid) - at) / (IDLE_MS / 1000)) * 100, 2);
	console.log(
		`\nidle: control plane ${number(residentMegabytes(controlPlanePid), 0)} MB, ${percent(controlPlanePid, before[0])}% of a core; agent ${number(residentMegabytes(agentPid), 0)} MB, ${percent(agentPid, before[1])}%`,
	);
}

async function measureRequests(target: Target): Promise<void> {
	console.log("\n| work | p50 ms | p99 ms | per second | CPU ms per request | ratio to bare | errors |\n|---|---|---|---|---|---|---|");
	const bare = await startBareWorker(dataPath, target.ca);
	const reference = await load(bare.target, 16, BARE_REQUESTS, () => ({ method: "GET", path: "/" }));
	bare.stop();
	printRow("a Worker that does nothing, 16 clients", reference, reference.cpuMsPerRequest);
	await measureApi(target, ({ work, figures }) => printRow(work, figures, reference.cpuMsPerRequest));
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
	if (both || options.pods) await measurePods(target);
	if (both || options.api) await measureRequests(target);
	console.log(
		`\nafter the load: control plane ${number(residentMegabytes(state.controlPlane.pid), 0)} MB, agent ${number(residentMegabytes(state.agent.pid), 0)} MB`,
	);
} finally {
	petrel("down");
	rmSync(dataPath, { recursive: true, force: true });
}
await measureControlPlaneStart();
