/**
 * Which Durable Objects belong to which cluster, and that none is left of one that was deleted.
 *
 * A cluster is reached by its name and kept by its id: `default` has one life, a hosted cluster's id is its name with a
 * suffix that no other cluster ever has. Objects are named by the id and tokens are for the id, so what was meant for a
 * cluster that is gone never reaches one that has its name now. An object of a hosted cluster keeps nothing before the
 * Cluster object has taken it into its list; the list is what a deletion works off.
 */
import { type Status, StatusError } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject, DEFAULT_CLUSTER } from "./addresses.ts";

const SEPARATOR = ".";
/** Errors lose their class between objects: this is how one is known again. */
const GONE = "petrel: there is no such cluster";

/** A cluster that can be deleted. */
export const isHosted = (clusterId: string): boolean => clusterId !== DEFAULT_CLUSTER;

/** A label, and no dot in it: the suffix cannot be taken for part of a name. */
export const clusterIdOf = (name: string, suffix: string): string => `${name}${SEPARATOR}${suffix}`;

/** The name of the cluster with this id. */
export const clusterNameOf = (id: string): string => id.split(SEPARATOR)[0] ?? "";

/** Whether `id` is, or once was, a cluster of this name. */
export const isIdOf = (id: string, name: string): boolean => (id === name ? !isHosted(name) : isHosted(name) && id.startsWith(`${name}${SEPARATOR}`));

export const clusterGone = (): Error => new Error(GONE);

/** The 404 of a cluster that is not there, if the error says that. */
export function goneStatus(error: unknown): Status | undefined {
	if (!(error instanceof Error) || !error.message.includes(GONE)) return undefined;
	return new StatusError(404, "NotFound", "the server could not find the requested resource: there is no such cluster", {}).status;
}

/** Whether the object has kept anything. Reads alone: an object that is merely asked for stays empty. */
export const keepsAnything = (storage: DurableObjectStorage): boolean =>
	storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").toArray().length > 0;

/**
 * For an object's constructor: makes it at once, or, when it keeps nothing yet, once its cluster has taken it into its
 * list. Where the cluster is not there it stays unmade.
 */
export function makeAdopted(ctx: DurableObjectState, env: WorkerEnv, object: "namespace" | "node" | "edge", make: () => void): void {
	const [cluster = "", name = ""] = (ctx.id.name ?? "").split("/");
	const address = object === "edge" ? { object } : { object, name };
	if (!isHosted(cluster) || keepsAnything(ctx.storage)) return make();
	ctx.blockConcurrencyWhile(async () => {
		try {
			await clusterObject(env, cluster).adopt(address);
		} catch (error) {
			if (goneStatus(error) !== undefined) return;
			throw error;
		}
		make();
	});
}

/** Leaves nothing of the object. */
export async function wipe(ctx: DurableObjectState): Promise<void> {
	for (const socket of ctx.getWebSockets()) closeQuietly(socket);
	await ctx.storage.deleteAlarm();
	await ctx.storage.deleteAll();
}

const GOING_AWAY = 1001;

function closeQuietly(socket: WebSocket): void {
	try {
		socket.close(GOING_AWAY, "the cluster was deleted");
	} catch {
		// Closed already.
	}
}
