/** What the front door must know of a cluster that its credentials do not say: its id, and how others' tokens are read. */
import { pathNotFound } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { registryObject } from "../objects/addresses.ts";
import { isHosted } from "../objects/tenancy.ts";

/** An entry may be this old, in milliseconds: the worst is a 404 from a cluster that has been deleted and made again. */
const STALE_AFTER_MS = 10_000;
/** Clusters that an isolate remembers. */
const CLUSTERS_MAX = 1_000;

export interface ClusterEntry {
	id: string;
	/** AuthenticationConfiguration as JSON; "" for none. */
	authentication: string;
}

const known = new Map<string, { entry: ClusterEntry; untilMs: number }>();

/** @throws StatusError 404 when no cluster has this name. */
export async function clusterNamed(env: WorkerEnv, name: string, nowMs: number): Promise<ClusterEntry> {
	if (!isHosted(name)) return { id: name, authentication: env.PETREL_AUTHENTICATION ?? "" };
	const before = known.get(name);
	if (before && before.untilMs > nowMs) return before.entry;
	known.delete(name);
	const entry = await registryObject(env).clusterEntry(name);
	if (entry === null) throw pathNotFound();
	if (known.size >= CLUSTERS_MAX) known.clear();
	known.set(name, { entry, untilMs: nowMs + STALE_AFTER_MS });
	return entry;
}
