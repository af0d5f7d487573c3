/**
 * Counts what a ResourceQuota's namespace uses when the quota is new or asks for something else, and when a pod should have
 * been gone for as long as it was given (k8s.io/kubernetes/pkg/controller/resourcequota). Between these the commits keep
 * the count.
 */
import { type KindRegistry, resourceOf } from "../kinds/define-kind.ts";
import { semanticEqual } from "../meta/equality.ts";
import { expiryMs } from "../quota/pod-evaluator.ts";
import { countUsage } from "../quota/quota-usage.ts";
import type { Pod, ResourceQuota } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, nameOf } from "./identity.ts";

const QUOTAS = "resourcequotas";
const PODS = "pods";
/** Before the name of a pod that is being deleted; a quota's own name holds no slash. */
const EXPIRING = "pods/";

const isStale = ({ spec, status }: ResourceQuota): boolean => !semanticEqual(status?.hard, spec?.hard ?? {});

function podKeys({ old, object }: ObjectChange, view: View): string[] {
	const starts = object?.metadata.deletionTimestamp !== undefined && object.metadata.deletionTimestamp !== old?.metadata.deletionTimestamp;
	return starts && view.list(QUOTAS).length > 0 ? [EXPIRING + nameOf(object)] : [];
}

export function resourceQuotaController({ registry }: { registry: KindRegistry }): Controller {
	const count = (quota: ResourceQuota, view: View, nowMs: number): Action[] => {
		const resources = registry.all().filter(({ scope }) => scope === "Namespaced");
		const status = countUsage(quota, [...new Set(resources.map(resourceOf))], (resource) => view.list(resource), nowMs);
		if (semanticEqual(quota.status, status)) return [];
		return [{ type: "updateStatus", resource: QUOTAS, object: { ...draftOf(quota), status } as ResourceQuota }];
	};
	return {
		name: "resourcequota",
		watches: [
			{ resource: QUOTAS, keys: ({ object }) => (object && isStale(object as ResourceQuota) ? [nameOf(object)] : []) },
			{ resource: PODS, keys: podKeys },
		],
		reconcile(key: string, view: View, { nowMs }: ReconcileContext): ReconcileResult {
			if (!key.startsWith(EXPIRING)) {
				const quota = view.get<ResourceQuota>(QUOTAS, key);
				return quota && isStale(quota) ? { actions: count(quota, view, nowMs) } : NOTHING;
			}
			const pod = view.get<Pod>(PODS, key.slice(EXPIRING.length));
			if (!pod?.metadata.deletionTimestamp) return NOTHING;
			const leftMs = expiryMs(pod.metadata) - nowMs;
			if (leftMs >= 0) return { actions: [], requeueAfterMs: leftMs + 1 };
			return { actions: view.list<ResourceQuota>(QUOTAS).flatMap((quota) => count(quota, view, nowMs)) };
		},
	};
}
