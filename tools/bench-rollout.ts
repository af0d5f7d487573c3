/**
 * `npm run bench:rollout`: starts a control plane of its own with 100 nodes that only exist in its API, and measures how fast
 * Deployments become available and pods get their nodes.
 *
 *   npm run bench:rollout -- --sizes 500,500,5000 --pods 1000
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ApiClient } from "../src/cli/api-client.ts";
import { controlPlane, serverUrl, waitUntilReady, writeControlPlane } from "../src/cli/control-plane.ts";
import { prepareCredentials } from "../src/cli/credentials.ts";
import { DataDirectory } from "../src/cli/data-directory.ts";
import { choosePort } from "../src/cli/ports.ts";
import type { Target } from "./bench/load.ts";
import { RolloutBench } from "./bench/rollout.ts";

const GRACE_MS = 3_000;

const { values: options } = parseArgs({
	options: { sizes: { type: "string", default: "100,500,500,500,1000,5000" }, pods: { type: "string", default: "1000" } },
});

async function measure(target: Target): Promise<void> {
	const bench = new RolloutBench(target);
	await bench.start();
	console.log(
		"| Deployment of | all bound | bound a second | all available | all deleted | CPU s | ms a pod | CPU ms a pod |\n|---|---|---|---|---|---|---|---|",
	);
	for (const size of options.sizes.split(",").map(Number)) {
		const { pods, boundMs, availableMs, deletedMs, cpuSeconds } = await bench.deploy(size);
		const [bound, available, deleted] = [boundMs, availableMs, deletedMs].map((ms) => `${ms.toFixed(0)} ms`);
		const times = [bound, ((pods * 1000) / boundMs).toFixed(0), available, deleted].join(" | ");
		console.log(`| ${pods} | ${times} | ${cpuSeconds.toFixed(2)} | ${(availableMs / pods).toFixed(2)} | ${((cpuSeconds * 1000) / pods).toFixed(2)} |`);
	}
	const waiting = await bench.bindWaiting(Number(options.pods));
	console.log(
		`\n${options.pods} pods that waited for nodes: ${waiting.boundPerSecond.toFixed(0)} bound a second, CPU ${waiting.cpuSeconds.toFixed(2)} s until they run`,
	);
	const { boundPerSecond, p99Ms, cpuSeconds } = await bench.bindPods(Number(options.pods));
	console.log(
		`${options.pods} pods, created one by one: ${boundPerSecond.toFixed(0)} bound a second, p99 ${p99Ms.toFixed(0)} ms from request to node, CPU ${cpuSeconds.toFixed(2)} s`,
	);
	bench.close();
}

const path = mkdtempSync(join(tmpdir(), "petrel-rollout-"));
const data = new DataDirectory(path);
data.prepare();
const port = await choosePort(undefined, undefined);
const credentials = await prepareCredentials(data, Date.now());
data.complete(port);
await writeControlPlane(data, port);
let pid = 0;
const plane = controlPlane(data, {
	onChange: (identity) => {
		pid = identity?.pid ?? pid;
	},
	onCrash: () => {},
});
try {
	await plane.start();
	const client = new ApiClient({ url: serverUrl(port), ca: credentials.ca, token: credentials.adminToken });
	await waitUntilReady(plane, client, data.file("logs", "control-plane.log"));
	await measure({ url: serverUrl(port), ca: credentials.ca, token: credentials.adminToken, pid });
} finally {
	await plane.stop(GRACE_MS);
	rmSync(path, { recursive: true, force: true });
}
