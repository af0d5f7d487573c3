/** Which objects a request of metrics.k8s.io means: those of the kind that it measures, by the same names and selectors. */
import type { ApiRequest } from "../core/api/request.ts";
import { notFound } from "../core/errors/status-error.ts";
import { type KindDefinition, resourceOf } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import type { UsageTarget } from "../core/usage/resource-metrics.ts";
import type { ResourceServer } from "./resource-server.ts";
import { matcherOf } from "./selection.ts";

const trimmed = ({ name, namespace, uid, labels }: KubeObject["metadata"]): KubeObject["metadata"] => ({
	name,
	uid,
	...(namespace ? { namespace } : {}),
	...(labels ? { labels } : {}),
});

function measured(server: ResourceServer, request: ApiRequest, resource: string): KubeObject[] {
	const kind = server.kinds.byStoreName(resource) as KindDefinition;
	if (request.verb === "list") {
		const matcher = matcherOf(kind, request.query, server.namespace);
		return server.store.list(resourceOf(kind), matcher ? { matcher } : {});
	}
	const found = server.store.get(resourceOf(kind), request.name);
	if (found === undefined) throw notFound({ group: "", resource }, request.name);
	return [found];
}

export const nodeTargets = (server: ResourceServer, request: ApiRequest): UsageTarget[] =>
	measured(server, request, "nodes").map(({ metadata }) => ({ metadata: trimmed(metadata), node: metadata.name ?? "" }));

/** Pods that run. */
export const podTargets = (server: ResourceServer, request: ApiRequest): UsageTarget[] =>
	(measured(server, request, "pods") as Pod[]).flatMap(({ metadata, spec, status }) =>
		spec?.nodeName && status?.phase === "Running" ? [{ metadata: trimmed(metadata), node: spec.nodeName }] : [],
	);
