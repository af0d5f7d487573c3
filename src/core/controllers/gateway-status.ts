/** What the Edge object says of Gateways and HTTPRoutes, written into their status. */
import { type Gateway, GATEWAY_CONTROLLER, GATEWAY_GROUP, GATEWAYS, HTTP_ROUTES, type HttpRoute } from "../edge/gateway-api.ts";
import type { ConditionEntry, ListenerState, ParentEntry } from "../edge/gateway-attachment.ts";
import type { EdgeSettings } from "../edge/edge-settings.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Condition } from "../schema/kubernetes.d.ts";
import type { Action, View } from "./controller.ts";
import { draftOf } from "./identity.ts";
import { metaTime } from "./meta-time.ts";

export interface GatewayStatusMessage {
	type: "gatewayStatus";
	name: string;
	generation: number;
	listeners: ListenerState[];
}

export interface HttpRouteStatusMessage {
	type: "httpRouteStatus";
	name: string;
	generation: number;
	parents: ParentEntry[];
}

/** With the time at which each last became what it is. */
function dated(now: readonly ConditionEntry[], before: readonly Condition[] | undefined, observedGeneration: number, nowMs: number): Condition[] {
	return now.map((one) => {
		const old = before?.find(({ type }) => type === one.type);
		return { ...one, observedGeneration, lastTransitionTime: old?.status === one.status ? old.lastTransitionTime : metaTime(nowMs) };
	});
}

const fine = (type: string): ConditionEntry => ({ type, status: "True", reason: type, message: "" });

export function applyGatewayStatus(view: View, { name, generation, listeners }: GatewayStatusMessage, { addresses }: EdgeSettings, nowMs: number): Action[] {
	const gateway = view.get<Gateway>(GATEWAYS, name);
	if (!gateway) return [];
	const { status: old } = gateway;
	const draft = draftOf(gateway);
	draft.status = {
		...old,
		addresses: addresses.map((one) => ("ip" in one ? { type: "IPAddress", value: one.ip } : { type: "Hostname", value: one.hostname })),
		conditions: dated([fine("Accepted"), fine("Programmed")], old?.conditions, generation, nowMs),
		listeners: listeners.map(({ name: listener, attachedRoutes, http, conditions }) => ({
			name: listener,
			supportedKinds: http ? [{ group: GATEWAY_GROUP, kind: "HTTPRoute" }] : [],
			attachedRoutes,
			conditions: dated(conditions, old?.listeners?.find((one) => one.name === listener)?.conditions, generation, nowMs),
		})),
	};
	return semanticEqual(draft.status, old) ? [] : [{ type: "updateStatus", resource: GATEWAYS, object: draft }];
}

/** What other controllers say of the route stays. */
export function applyHttpRouteStatus(view: View, { name, generation, parents }: HttpRouteStatusMessage, nowMs: number): Action[] {
	const route = view.get<HttpRoute>(HTTP_ROUTES, name);
	if (!route) return [];
	const old = route.status?.parents ?? [];
	const others = old.filter(({ controllerName }) => controllerName !== GATEWAY_CONTROLLER);
	const ours = parents.map(({ parentRef, conditions }) => {
		const before = old.find((one) => one.controllerName === GATEWAY_CONTROLLER && semanticEqual(one.parentRef, parentRef));
		return { parentRef, controllerName: GATEWAY_CONTROLLER, conditions: dated(conditions, before?.conditions, generation, nowMs) };
	});
	const draft = draftOf(route);
	draft.status = { parents: [...others, ...ours] };
	return semanticEqual(draft.status.parents, old) ? [] : [{ type: "updateStatus", resource: HTTP_ROUTES, object: draft }];
}
