/** Ends what a supervisor that was killed has left running. */
import { cleanNode } from "./agent-process.ts";
import type { DataDirectory } from "./data-directory.ts";
import { endProcess, isRunning } from "./process-identity.ts";

const AGENT_GRACE_MS = 60_000;
/** workerd waits for its clients to hang up, watches among them; every answered write is on disk by then, so it need not. */
const CONTROL_PLANE_GRACE_MS = 500;

/** True when there was something to end. To be called with the directory's lock held, or with nothing running in it. */
export async function endLeftovers(data: DataDirectory): Promise<boolean> {
	const state = data.runState();
	if (state === undefined) return false;
	if (state.agent !== undefined && isRunning(state.agent)) await endProcess(state.agent, AGENT_GRACE_MS);
	else await cleanNode(data);
	if (state.controlPlane !== undefined) await endProcess(state.controlPlane, CONTROL_PLANE_GRACE_MS);
	data.remove("run.json");
	return true;
}
