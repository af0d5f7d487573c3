/** One cluster for the tests of one block: started before the first, its logs shown when one fails, gone without a trace after the last. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { ControlPlane } from "./control-plane.ts";
import { Petrel } from "./petrel.ts";
import { NO_TRACES, tracesOf } from "./traces.ts";

/** Control plane and node, as `petrel up` starts them. */
export function useCluster(runtime: "containerd" | "process"): Petrel {
	const petrel = new Petrel();
	beforeAll(async () => {
		await petrel.up("--no-example", "--runtime", runtime);
	});
	showLogsOnFailure(() => petrel.logs());
	afterAll(async () => {
		await petrel.dispose();
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
	});
	return petrel;
}

/** The API alone; `listen`, an address that is made for it, is where nodes reach it. */
export function useControlPlane(listen?: string): ControlPlane {
	const plane = new ControlPlane();
	const address = (what: "add" | "delete") => listen !== undefined && execFileSync("ip", ["address", what, `${listen}/32`, "dev", "lo"]);
	beforeAll(async () => {
		address("add");
		await plane.start({}, listen);
	});
	showLogsOnFailure(() => plane.logs());
	afterAll(async () => {
		await plane.dispose();
		address("delete");
		expect(tracesOf(plane.data.path)).toEqual(NO_TRACES);
	});
	return plane;
}

function showLogsOnFailure(logs: () => string): void {
	beforeEach(({ onTestFailed }) => {
		onTestFailed(() => {
			process.stderr.write(`${logs()}\n`);
		});
	});
}
