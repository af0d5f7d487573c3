import { ProcessRuntime } from "../../src/agent/runtime/process/process-runtime.ts";
import { describeRuntime, processesNaming } from "./runtime-contract.ts";

describeRuntime("process runtime", {
	create: (dataDir) => new ProcessRuntime({ dataDir }),
	leftovers: (dataDir) => processesNaming(dataDir).join("\n"),
});
