/**
 * The kinds of a cluster as the front door knows them: the built-in ones, those of its CustomResourceDefinitions, and the group
 * versions that extension API servers serve; the Cluster object is asked for both. A request for a built-in kind never asks.
 */
import { customKinds } from "../core/crd/custom-kinds.ts";
import { apiVersionOf, type KindDefinition, type KindRegistry } from "../core/kinds/define-kind.ts";
import { LayeredRegistry } from "../core/kinds/layered-registry.ts";
import { builtinKinds } from "../core/kinds/registry.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import type { APIService } from "../core/schema/kubernetes.d.ts";
import { clusterObject } from "../objects/addresses.ts";

/** A known kind may be this old, in milliseconds. */
const STALE_AFTER_MS = 1_000;
/** Clusters whose kinds an isolate keeps. */
const CLUSTERS_MAX = 256;

interface Known {
	version: number;
	registry: KindRegistry;
	/** The APIServices that other servers serve. */
	services: readonly APIService[];
	askedMs: number;
}

const known = new Map<string, Known>();

function remember(cluster: string, entry: Known): void {
	known.delete(cluster);
	known.set(cluster, entry);
	const oldest = known.size > CLUSTERS_MAX ? known.keys().next().value : undefined;
	if (oldest !== undefined) known.delete(oldest);
}

/** Group versions of this server's own that no APIService takes from it: what is only computed has a server that others may replace. */
const OWN: ReadonlySet<string> = new Set(
	builtinKinds
		.all()
		.filter(({ computed }) => !computed)
		.map(apiVersionOf),
);

/** As of now; the same registry for as long as no definition changes. */
async function ask(env: WorkerEnv, cluster: string): Promise<Known> {
	const before = known.get(cluster);
	const askedMs = Date.now();
	const { version, definitions, services } = await clusterObject(env, cluster).definitions(before?.version ?? -1);
	const kept = definitions === null ? before?.registry : undefined;
	const registry = kept ?? (definitions?.length ? new LayeredRegistry(builtinKinds, definitions.flatMap(customKinds)) : builtinKinds);
	const entry: Known = {
		version,
		registry,
		services: services?.filter(({ spec }) => !OWN.has(apiVersionOf({ group: spec?.group ?? "", version: spec?.version ?? "" }))) ?? before?.services ?? [],
		askedMs,
	};
	remember(cluster, entry);
	return entry;
}

/** The cluster's kinds as of now. */
export const currentKinds = async (env: WorkerEnv, cluster: string): Promise<KindRegistry> => (await ask(env, cluster)).registry;

/** What is served as of now: by this server, and by others. */
export const currentlyServed = (env: WorkerEnv, cluster: string): Promise<{ registry: KindRegistry; services: readonly APIService[] }> => ask(env, cluster);

/** The APIService by which another server serves a group version. */
export async function extensionOf(env: WorkerEnv, cluster: string, at: { group: string; version: string; resource: string }): Promise<APIService | undefined> {
	if (OWN.has(apiVersionOf(at))) return undefined;
	const isIts = ({ spec }: APIService): boolean => spec?.group === at.group && spec.version === at.version;
	const recent = known.get(cluster);
	if (recent && Date.now() - recent.askedMs < STALE_AFTER_MS) {
		const found = recent.services.find(isIts);
		if (found || recent.registry.byResource(at.group, at.version, at.resource)) return found;
	}
	return (await ask(env, cluster)).services.find(isIts);
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
