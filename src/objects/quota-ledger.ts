/**
 * Keeps status.used of a namespace's ResourceQuotas by every commit, inside its transaction: admission has only to compare,
 * and what it compared with cannot have changed until the object is there.
 */
import { type KindDefinition, resourceOf } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { isOverForQuota } from "../core/quota/pod-evaluator.ts";
import { countUsage, type QuotaStatus, usageAfter } from "../core/quota/quota-usage.ts";
import type { Pod, ResourceQuota } from "../core/schema/kubernetes.d.ts";
import { momentOf } from "../store/revision-clock.ts";
import type { ResourceServer } from "./resource-server.ts";

const QUOTAS = "resourcequotas";

/** A pod that ran out of its time since it was written may or may not be counted still: the difference to what it is now says nothing. */
function isForgotten(old: KubeObject | undefined, nowMs: number): boolean {
	if (!old?.metadata.deletionTimestamp) return false;
	return isOverForQuota(old as Pod, nowMs) && !isOverForQuota(old as Pod, momentOf(Number(old.metadata.resourceVersion)));
}

/** To be called after every commit. */
export function keepQuotas(server: ResourceServer, kind: KindDefinition, old: KubeObject | undefined, next: KubeObject | undefined): void {
	const quotas = server.store.list<ResourceQuota>(QUOTAS);
	if (quotas.length === 0) return;
	const resource = resourceOf(kind);
	const nowMs = server.ports.nowMs();
	for (const quota of quotas) {
		if (quota.status?.hard === undefined) continue;
		const status = resource === "pods" && isForgotten(old, nowMs) ? recount(server, quota, nowMs) : usageAfter(quota, resource, old, next, nowMs);
		if (status !== undefined) writeStatus(server, quota, status);
	}
}

function recount(server: ResourceServer, quota: ResourceQuota, nowMs: number): QuotaStatus {
	const resources = server.kinds.all().filter(({ scope }) => scope === "Namespaced");
	return countUsage(quota, [...new Set(resources.map(resourceOf))], (resource) => server.store.list(resource), nowMs);
}

function writeStatus(server: ResourceServer, quota: ResourceQuota, status: QuotaStatus): void {
	const kind = server.kinds.byStoreName(QUOTAS);
	if (kind !== undefined) server.commit(kind, { ...structuredClone(quota), status: structuredClone(status) }, quota);
}
