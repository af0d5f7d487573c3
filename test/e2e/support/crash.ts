/** Kills one of a cluster's processes as a crash would, and waits for the one that the supervisor puts in its place. */
import type { ProcessIdentity } from "../../../src/cli/process-identity.ts";
import { eventually, type Petrel } from "./petrel.ts";

type Name = "controlPlane" | "agent";

function running(petrel: Petrel, name: Name): ProcessIdentity {
	const identity = petrel.data.runState()?.[name];
	if (identity === undefined) throw new Error(`no ${name} runs`);
	return identity;
}

export function kill(petrel: Petrel, name: Name): ProcessIdentity {
	const identity = running(petrel, name);
	process.kill(identity.pid, "SIGKILL");
	return identity;
}

/** Resolves when a successor of the killed process runs. */
export function successor(petrel: Petrel, name: Name, killed: ProcessIdentity): Promise<ProcessIdentity> {
	return eventually(`another ${name}`, async () => {
		const now = petrel.data.runState()?.[name];
		return now !== undefined && now.pid !== killed.pid ? now : undefined;
	});
}

/** Resolves when the API answers again after the crash. */
export async function crashControlPlane(petrel: Petrel): Promise<void> {
	await successor(petrel, "controlPlane", kill(petrel, "controlPlane"));
	await eventually("an answer of the API", async () => ((await petrel.kubectl.try(["get", "--raw", "/readyz"])).code === 0 ? true : undefined));
}
