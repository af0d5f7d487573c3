/** Starts a control plane alone, on a data directory of its own, in plain workerd. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient } from "../../src/cli/api-client.ts";
import { controlPlane, serverUrl, waitUntilReady, writeControlPlane } from "../../src/cli/control-plane.ts";
import type { ControlPlaneSettings } from "../../src/cli/control-plane-settings.ts";
import { prepareCredentials } from "../../src/cli/credentials.ts";
import { DataDirectory } from "../../src/cli/data-directory.ts";
import { choosePort } from "../../src/cli/ports.ts";
import { createOwnerToken } from "../../src/cli/tokens.ts";
import { cpuSeconds, type Target } from "./load.ts";

const GRACE_MS = 3_000;

export interface StartedControlPlane {
	target: Target;
	/** Makes clusters. */
	ownerToken: string;
	dataPath: string;
	/** From the start of the process to its first answer. */
	startMs: number;
	/** CPU that the process had used by then. */
	startCpuMs: number;
	/** Ends it and removes its data. */
	stop(): Promise<void>;
}

export async function startControlPlane(settings: ControlPlaneSettings = {}): Promise<StartedControlPlane> {
	const dataPath = mkdtempSync(join(tmpdir(), "petrel-bench-"));
	const data = new DataDirectory(dataPath);
	data.prepare();
	const port = await choosePort(undefined, undefined);
	const credentials = await prepareCredentials(data, Date.now());
	data.complete(port);
	await writeControlPlane(data, port, undefined, settings);
	const target: Target = { url: serverUrl(port), ca: credentials.ca, token: credentials.adminToken, pid: 0 };
	const process = controlPlane(data, {
		onChange: (identity) => {
			target.pid = identity?.pid ?? target.pid;
		},
		onCrash: (outcome) => console.error(`the control plane ended: ${outcome}`),
	});
	const startedMs = performance.now();
	await process.start();
	await waitUntilReady(process, new ApiClient(target), data.file("logs", "control-plane.log"));
	return {
		target,
		ownerToken: await createOwnerToken(credentials.signingKey, Date.now()),
		dataPath,
		startMs: performance.now() - startedMs,
		startCpuMs: cpuSeconds(target.pid) * 1000,
		stop: async () => {
			await process.stop(GRACE_MS);
			rmSync(dataPath, { recursive: true, force: true });
		},
	};
}
