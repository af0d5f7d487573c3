/**
 * The kinds of a cluster as the front door knows them: the built-in ones, and those of its CustomResourceDefinitions, which
 * the Cluster object is asked for. A request for a built-in kind never asks.
 */
import { customKinds } from "../core/crd/custom-kinds.ts";
import type { KindDefinition, KindRegistry } from "../core/kinds/define-kind.ts";
import { LayeredRegistry } from "../core/kinds/layered-registry.ts";
import { builtinKinds } from "../core/kinds/registry.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject } from "../objects/addresses.ts";

/** A known kind may be this old, in milliseconds. */
const STALE_AFTER_MS = 1_000;
/** Clusters whose kinds an isolate keeps. */
const CLUSTERS_MAX = 256;

interface Known {
	version: number;
	registry: KindRegistry;
	askedMs: number;
}

const known = new Map<string, Known>();

function remember(cluster: string, entry: Known): void {
	known.delete(cluster);
	known.set(cluster, entry);
	const oldest = known.size > CLUSTERS_MAX ? known.keys().next().value : undefined;
	if (oldest !== undefined) known.delete(oldest);
}

/** The cluster's kinds as of now; the same registry for as long as no definition changes. */
export async function currentKinds(env: WorkerEnv, cluster: string): Promise<KindRegistry> {
	const before = known.get(cluster);
	const askedMs = Date.now();
	const { version, definitions } = await clusterObject(env, cluster).definitions(before?.version ?? -1);
	const kept = definitions === null ? before?.registry : undefined;
	const registry = kept ?? (definitions?.length ? new LayeredRegistry(builtinKinds, definitions.flatMap(customKinds)) : builtinKinds);
	remember(cluster, { version, registry, askedMs });
	return registry;
}

/** Where a resource is found: among the built-in kinds, or among the cluster's as they were a moment ago or are now. */
export async function kindsFor(
	env: WorkerEnv,
	cluster: string,
	{ group, version, resource }: { group: string; version: string; resource: string },
): Promise<KindRegistry> {
	const knows = (registry: KindRegistry): KindDefinition | undefined => registry.byResource(group, version, resource);
	if (knows(builtinKinds)) return builtinKinds;
	const recent = known.get(cluster);
	if (recent && Date.now() - recent.askedMs < STALE_AFTER_MS && knows(recent.registry)) return recent.registry;
	return currentKinds(env, cluster);
}
