/** A metric of an adapter, for the autoscalers of a namespace. */
import { adapterFor, AUTOSCALER_USER, metricAnswer, metricPath, notRegistered } from "../../core/controllers/autoscaling/metric-api.ts";
import { isAvailable } from "../../core/controllers/apiservice/availability.ts";
import type { MetricAnswer, MetricQuery } from "../../core/controllers/autoscaling/metric-samples.ts";
import type { KindRegistry } from "../../core/kinds/define-kind.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { APIService } from "../../core/schema/kubernetes.d.ts";
import { deadlineAfter, withDeadline } from "../outside/deadline.ts";
import { bounded, reasonOf } from "../outside/make-calls.ts";
import { callExtension } from "./extension-call.ts";

const TIMEOUT_MS = 10_000;
const UNAVAILABLE = 503;

/** By the kind's group, in whatever version: "deployments.apps". */
function resourceIn(registry: KindRegistry, apiVersion = "v1", kind: string): string {
	const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
	const found = registry.all().find((one) => one.group === group && one.kind === kind);
	if (found === undefined)
		throw new Error(`unable to map kind ${kind} to resource: no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`);
	return group === "" ? found.plural : `${found.plural}.${group}`;
}

export interface MetricPlace {
	cluster: string;
	namespace: string;
	registry: KindRegistry;
	services: readonly APIService[];
}

/** Never rejects. */
export async function adapterMetric(env: WorkerEnv, { cluster, namespace, registry, services }: MetricPlace, query: MetricQuery): Promise<MetricAnswer> {
	const service = adapterFor(query, services);
	if (service === undefined) return { ok: false, message: notRegistered(query) };
	if (!isAvailable(service)) return metricAnswer(UNAVAILABLE, "", query);
	const { signal, cancel } = deadlineAfter(TIMEOUT_MS);
	try {
		const path = metricPath(query, namespace, service, (apiVersion, kind) => resourceIn(registry, apiVersion, kind));
		const headers: [string, string][] = [["Accept", "application/json"]];
		const call = callExtension(env, cluster, service, { method: "GET", path, user: AUTOSCALER_USER, headers, priority: "bulk", signal });
		const response = await withDeadline(call, signal);
		return metricAnswer(response.status, await withDeadline(bounded(response), signal), query);
	} catch (error) {
		return { ok: false, message: reasonOf(error) };
	} finally {
		cancel();
	}
}
