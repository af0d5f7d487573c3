import { execFileSync } from "node:child_process";
import { ProcessRuntime } from "../../src/agent/runtime/process/process-runtime.ts";
import { describeRuntime } from "./runtime-contract.ts";

/** Processes that belong to some container of this runtime. */
function leftovers(): string {
	return execFileSync("sh", ["-c", "grep -lzE '^PETREL_(CONTAINER|SHIM)_ID=' /proc/[0-9]*/environ 2>/dev/null || true"], { encoding: "utf8" });
}

describeRuntime("process runtime", { create: (dataDir) => new ProcessRuntime({ dataDir }), leftovers });
