/** The id of a cluster, for requests whose credentials do not carry it: what the registry said a moment ago. */
import { pathNotFound } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { registryObject } from "../objects/addresses.ts";
import { isHosted } from "../objects/tenancy.ts";

/** An id may be this old, in milliseconds: the worst is a 404 from a cluster that has been deleted and made again. */
const STALE_AFTER_MS = 10_000;
/** Clusters that an isolate remembers. */
const CLUSTERS_MAX = 1_000;

const known = new Map<string, { id: string; untilMs: number }>();

/** @throws StatusError 404 when no cluster has this name. */
export async function clusterIdNamed(env: WorkerEnv, name: string, nowMs: number): Promise<string> {
	if (!isHosted(name)) return name;
	const before = known.get(name);
	if (before && before.untilMs > nowMs) return before.id;
	known.delete(name);
	const id = await registryObject(env).clusterId(name);
	if (id === null) throw pathNotFound();
	if (known.size >= CLUSTERS_MAX) known.clear();
	known.set(name, { id, untilMs: nowMs + STALE_AFTER_MS });
	return id;
}
