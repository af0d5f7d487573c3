/** Serves the Ingresses of our class: tells the edge of their routes and certificates, and shows where it is reached. */
import type { EdgeSettings } from "../edge/edge-settings.ts";
import { ingressRoutes, secretsOf } from "../edge/ingress-routes.ts";
import { INGRESS_CLASS_ANNOTATION } from "../kinds/ingress-validation.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Ingress, IngressClass, IngressLoadBalancerIngress, Secret } from "../schema/kubernetes.d.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";

export const INGRESS = "ingress";
export const INGRESSES = "networking.k8s.io/ingresses";
export const INGRESS_CLASSES = "networking.k8s.io/ingressclasses";
/** spec.controller of the classes that are ours. */
export const INGRESS_CONTROLLER = "petrel.dev/ingress";
const SECRETS = "secrets";

export interface IngressDeps {
	ingressClasses(): readonly IngressClass[];
	edge: EdgeSettings;
}

export function ingressController(deps: IngressDeps): Controller {
	return {
		name: INGRESS,
		watches: [
			{ resource: INGRESSES, keys: changedIngress },
			{
				resource: SECRETS,
				keys: (change, view) =>
					view
						.list<Ingress>(INGRESSES)
						.filter((ingress) => secretsOf(ingress).includes(nameIn(change)))
						.map(nameOf),
			},
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

const nameIn = ({ old, object }: ObjectChange): string => nameOf((object ?? old) as Secret);

function changedIngress({ old, object }: ObjectChange): string[] {
	const facts = (ingress: Ingress | undefined): unknown =>
		ingress && [ingress.spec, ingress.metadata.annotations, ingress.metadata.deletionTimestamp, ingress.status];
	return semanticEqual(facts(old as Ingress), facts(object as Ingress)) ? [] : [nameOf((object ?? old) as Ingress)];
}

/** Whether the Ingress names a class that is ours, in the field or in the annotation that was before it. */
export function isServed({ spec, metadata }: Ingress, classes: readonly IngressClass[]): boolean {
	const name = spec?.ingressClassName ?? metadata.annotations?.[INGRESS_CLASS_ANNOTATION];
	return name !== undefined && classes.some((one) => nameOf(one) === name && one.spec?.controller === INGRESS_CONTROLLER);
}

function reconcile(name: string, view: View, { namespace }: ReconcileContext, { ingressClasses, edge }: IngressDeps): ReconcileResult {
	const ingress = view.get<Ingress>(INGRESSES, name);
	const served = ingress !== undefined && !isBeingDeleted(ingress) && isServed(ingress, ingressClasses());
	const origin = { kind: "Ingress", namespace, name, createdMs: Date.parse(ingress?.metadata.creationTimestamp ?? "") || 0 };
	const told = served ? ingressRoutes(ingress, (secret) => view.get<Secret>(SECRETS, secret)) : { routes: null };
	const tell: Action = { type: "send", message: { to: { object: "edge" }, body: { type: "edgeRows", rows: [{ row: "routes", ...origin, ...told }] } } };
	return { actions: [tell, ...(ingress ? shown(ingress, served, edge) : [])] };
}

/** The status of another class's Ingress is its controller's. */
function shown(ingress: Ingress, served: boolean, edge: EdgeSettings): Action[] {
	const addresses = addressesOf(ingress, edge);
	const now = ingress.status?.loadBalancer?.ingress ?? [];
	const wanted = served ? addresses : semanticEqual(now, addresses) ? [] : now;
	if (semanticEqual(wanted, now)) return [];
	const draft = draftOf(ingress);
	draft.status = { loadBalancer: wanted.length > 0 ? { ingress: wanted } : {} };
	return [{ type: "updateStatus", resource: INGRESSES, object: draft }];
}

function addressesOf({ spec }: Ingress, { addresses, ports: { http, https } }: EdgeSettings): IngressLoadBalancerIngress[] {
	const open = [http, (spec?.tls ?? []).length > 0 ? https : undefined].filter((port) => port !== undefined);
	return addresses.map((address) => ({ ...address, ports: open.map((port) => ({ port, protocol: "TCP" })) }));
}
