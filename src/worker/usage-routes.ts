/**
 * metrics.k8s.io: the owner of the objects authorises and says which there are, their nodes' objects ask the agents, all at
 * the same time. Nothing is kept but what a Node object remembers for a few seconds.
 */
import type { ApiRequest } from "../core/api/request.ts";
import { notFound, StatusError } from "../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import type { NodeUsage } from "../core/protocol/agent-protocol.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { nodeMetricsOf, podMetricsOf, type UsageTarget } from "../core/usage/resource-metrics.ts";
import { clusterObject, namespaceObject, nodeObject } from "../objects/addresses.ts";
import type { UsageTargets } from "../objects/rpc.ts";
import { inParallel } from "../objects/parallel.ts";

/** Objects asked at the same time. */
const FAN_OUT = 64;

function targetsOrThrow(found: UsageTargets): UsageTarget[] {
	if (!found.ok) throw StatusError.from(found.status);
	return found.targets;
}

async function acrossNamespaces(env: WorkerEnv, cluster: string, request: ApiRequest): Promise<UsageTarget[]> {
	const owner = clusterObject(env, cluster);
	const [refusal, namespaces] = await Promise.all([owner.authorizeCluster(request), owner.namespaces()]);
	if (refusal) throw StatusError.from(refusal);
	const parts = await inParallel([...namespaces].sort(), FAN_OUT, (namespace) =>
		namespaceObject(env, cluster, namespace).usageTargets({ ...request, namespace }, true),
	);
	return parts.flatMap(targetsOrThrow);
}

async function targetsOf(env: WorkerEnv, cluster: string, request: ApiRequest, kind: KindDefinition): Promise<UsageTarget[]> {
	if (kind.scope === "Cluster") return targetsOrThrow(await clusterObject(env, cluster).usageTargets(request));
	if (request.namespace === "") return acrossNamespaces(env, cluster, request);
	return targetsOrThrow(await namespaceObject(env, cluster, request.namespace).usageTargets(request, false));
}

async function usagesOf(env: WorkerEnv, cluster: string, targets: readonly UsageTarget[]): Promise<Map<string, NodeUsage | null>> {
	const nodes = [...new Set(targets.map(({ node }) => node))];
	const usages = await inParallel(nodes, FAN_OUT, (node) => nodeObject(env, cluster, node).usage());
	return new Map(nodes.map((node, at) => [node, usages[at] ?? null]));
}

/** The object or the list, as JSON. @throws StatusError 404 for an object that is not there or whose usage nobody can tell. */
export async function usageAnswer(env: WorkerEnv, cluster: string, request: ApiRequest, kind: KindDefinition, nowMs: number): Promise<Response> {
	const targets = await targetsOf(env, cluster, request, kind);
	const usages = await usagesOf(env, cluster, targets);
	const metricsOf = kind.scope === "Cluster" ? nodeMetricsOf : podMetricsOf;
	const items = targets.flatMap((target) => {
		const usage = usages.get(target.node);
		return (usage && metricsOf(target, usage, nowMs)) ?? [];
	});
	if (request.verb === "list") {
		const head = { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata: {} };
		return Response.json({ ...head, items: items.map(({ kind: _kind, apiVersion: _version, ...item }) => item) });
	}
	const [only] = items;
	const name = request.namespace === "" ? request.name : `${request.namespace}/${request.name}`;
	if (only === undefined) throw notFound({ group: kind.group, resource: kind.kind.toLowerCase() }, name);
	return Response.json(only);
}
