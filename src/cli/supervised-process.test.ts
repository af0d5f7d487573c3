import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";
import { SupervisedProcess } from "./supervised-process.ts";

let directory: string;
beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "petrel-supervised-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function supervise(script: string): {
	process: SupervisedProcess;
	seen: (ProcessIdentity | undefined)[];
	started(count: number): Promise<ProcessIdentity>;
	crashes: string[];
} {
	const seen: (ProcessIdentity | undefined)[] = [];
	const crashes: string[] = [];
	let notify: () => void = () => {};
	const supervised = new SupervisedProcess({
		name: "test",
		command: "/bin/sh",
		arguments: async () => ({ args: ["-c", script] }),
		logFile: join(directory, "log"),
		onChange: (identity) => {
			seen.push(identity);
			notify();
		},
		onCrash: (outcome) => crashes.push(outcome),
	});
	const started = (count: number): Promise<ProcessIdentity> =>
		new Promise((resolve) => {
			notify = () => {
				const identities = seen.filter((identity) => identity !== undefined);
				if (identities.length >= count) resolve(identities[count - 1] as ProcessIdentity);
			};
			notify();
		});
	return { process: supervised, seen, started, crashes };
}

it("starts a killed process again", async () => {
	const { process: supervised, started, crashes } = supervise("exec sleep 60");
	await supervised.start();
	const first = await started(1);
	process.kill(first.pid, "SIGKILL");
	const second = await started(2);
	expect(second.pid).not.toBe(first.pid);
	expect(crashes).toEqual(["signal SIGKILL"]);
	await supervised.stop(1000);
	expect(isRunning(second)).toBe(false);
});

it("ends a process that ignores SIGTERM, and does not start it again", async () => {
	const { process: supervised, started, seen } = supervise("trap '' TERM; echo ready; while :; do sleep 60; done");
	await supervised.start();
	const identity = await started(1);
	await supervised.stop(50);
	expect(isRunning(identity)).toBe(false);
	expect(seen).toEqual([identity, undefined]);
});

it("can be stopped while it waits to start again", async () => {
	const { process: supervised, crashes } = supervise("echo broken; exit 3");
	await supervised.start();
	expect(await supervised.ended).toBe("exit code 3");
	await supervised.stop(1000);
	expect(crashes.length).toBeLessThanOrEqual(1);
	expect(readFileSync(join(directory, "log"), "utf8")).toBe("broken\n");
});
