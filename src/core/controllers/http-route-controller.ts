/** Tells the edge of HTTPRoutes. Which Gateway takes one is decided in the Edge object, from where its status comes back. */
import { type HttpRoute, HTTP_ROUTES } from "../edge/gateway-api.ts";
import type { HttpRouteEntry } from "../edge/gateway-attachment.ts";
import { compileHttpRoute, servicesOfHttpRoute } from "../edge/http-route.ts";
import type { Service } from "../schema/kubernetes.d.ts";
import type { Controller, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { changedSpec } from "./gateway-controller.ts";
import { isBeingDeleted, nameOf } from "./identity.ts";
import { SERVICES } from "./service-endpoints.ts";

export const HTTP_ROUTE = "http-route";

export interface HttpRouteDeps {
	/** Of the Namespace object. */
	namespaceLabels(): Record<string, string>;
}

export function httpRouteController(deps: HttpRouteDeps): Controller {
	return {
		name: HTTP_ROUTE,
		watches: [
			{ resource: HTTP_ROUTES, keys: changedSpec },
			{
				resource: SERVICES,
				keys: ({ old, object }, view) =>
					view
						.list<HttpRoute>(HTTP_ROUTES)
						.filter((route) => servicesOfHttpRoute(route).includes(nameOf((object ?? old) as Service)))
						.map(nameOf),
			},
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

function reconcile(name: string, view: View, { namespace }: ReconcileContext, { namespaceLabels }: HttpRouteDeps): ReconcileResult {
	const route = view.get<HttpRoute>(HTTP_ROUTES, name);
	const row = {
		row: "httpRoute" as const,
		namespace,
		name,
		route: route && !isBeingDeleted(route) ? entryOf(route, namespace, view, namespaceLabels()) : null,
	};
	return { actions: [{ type: "send", message: { to: { object: "edge" }, body: { type: "edgeRows", rows: [row] } } }] };
}

function entryOf(route: HttpRoute, namespace: string, view: View, namespaceLabels: Record<string, string>): HttpRouteEntry {
	const hasService = (service: string, port: number): boolean =>
		view.get<Service>(SERVICES, service)?.spec?.ports?.some((one) => one.port === port && (one.protocol ?? "TCP") === "TCP") === true;
	return {
		...compileHttpRoute(route, hasService),
		namespace,
		name: nameOf(route),
		generation: route.metadata.generation ?? 0,
		createdMs: Date.parse(route.metadata.creationTimestamp ?? "") || 0,
		hostnames: route.spec?.hostnames ?? [],
		parentRefs: route.spec?.parentRefs ?? [],
		namespaceLabels,
	};
}
