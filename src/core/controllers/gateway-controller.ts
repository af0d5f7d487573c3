/** Tells the edge of the Gateways of our class and of their certificates. Their status comes back from the Edge object, which knows the routes. */
import type { EdgeCertificate } from "../edge/edge-table.ts";
import { type Gateway, GATEWAY_CONTROLLER, type GatewayClass, GATEWAYS, type Listener } from "../edge/gateway-api.ts";
import type { GatewayEntry, ListenerEntry } from "../edge/gateway-attachment.ts";
import { certificateOf } from "../edge/ingress-routes.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Secret } from "../schema/kubernetes.d.ts";
import type { Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { isBeingDeleted, nameOf } from "./identity.ts";

export const GATEWAY = "gateway";
const SECRETS = "secrets";

export interface GatewayDeps {
	gatewayClasses(): readonly GatewayClass[];
}

export function gatewayController(deps: GatewayDeps): Controller {
	return {
		name: GATEWAY,
		watches: [
			{ resource: GATEWAYS, keys: changedSpec },
			{
				resource: SECRETS,
				keys: ({ old, object }, view) =>
					view
						.list<Gateway>(GATEWAYS)
						.filter((gateway) => secretsOf(gateway).includes(nameOf((object ?? old) as Secret)))
						.map(nameOf),
			},
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

/** The status is what we write ourselves. */
export function changedSpec({ old, object }: ObjectChange): string[] {
	const facts = (one: (Gateway & { spec?: unknown }) | undefined): unknown => one && [one.spec, one.metadata.generation, one.metadata.deletionTimestamp];
	return semanticEqual(facts(old as Gateway), facts(object as Gateway)) ? [] : [nameOf((object ?? old) as Gateway)];
}

const secretsOf = ({ spec }: Gateway): string[] => (spec?.listeners ?? []).flatMap(({ tls }) => (tls?.certificateRefs ?? []).map(({ name }) => name));

function reconcile(name: string, view: View, { namespace }: ReconcileContext, { gatewayClasses }: GatewayDeps): ReconcileResult {
	const gateway = view.get<Gateway>(GATEWAYS, name);
	const isOurs = gatewayClasses().some((one) => nameOf(one) === gateway?.spec?.gatewayClassName && one.spec?.controllerName === GATEWAY_CONTROLLER);
	const entry = gateway && isOurs && !isBeingDeleted(gateway) ? entryOf(gateway, namespace, view) : null;
	const row = { row: "gateway" as const, namespace, name, gateway: entry };
	return { actions: [{ type: "send", message: { to: { object: "edge" }, body: { type: "edgeRows", rows: [row] } } }] };
}

function entryOf(gateway: Gateway, namespace: string, view: View): GatewayEntry {
	const certificates: EdgeCertificate[] = [];
	const listeners = (gateway.spec?.listeners ?? []).map((listener): ListenerEntry => {
		if (listener.protocol !== "HTTPS") return listener;
		const found = certificateFor(listener, namespace, view);
		if ("reason" in found) return { ...listener, unresolved: found };
		certificates.push({ ...found, hosts: listener.hostname ? [listener.hostname] : [] });
		return listener;
	});
	return { namespace, name: nameOf(gateway), generation: gateway.metadata.generation ?? 0, listeners, certificates };
}

function certificateFor({ tls }: Listener, namespace: string, view: View): Omit<EdgeCertificate, "hosts"> | { reason: string; message: string } {
	const [reference] = tls?.certificateRefs ?? [];
	if (!reference || (reference.kind ?? "Secret") !== "Secret")
		return { reason: "InvalidCertificateRef", message: "the listener names no Secret with a certificate" };
	if (reference.namespace !== undefined && reference.namespace !== namespace)
		return { reason: "RefNotPermitted", message: `Secret ${reference.namespace}/${reference.name} is of another namespace` };
	const secret = view.get<Secret>(SECRETS, reference.name);
	return certificateOf(secret) ?? { reason: "InvalidCertificateRef", message: `Secret ${namespace}/${reference.name} holds no certificate with its key` };
}
