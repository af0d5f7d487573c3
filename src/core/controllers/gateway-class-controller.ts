/** Accepts the GatewayClasses that name us, and makes one once upstream's CustomResourceDefinitions are there. */
import { isEstablished } from "../crd/custom-kinds.ts";
import { GATEWAY_CLASSES, GATEWAY_CONTROLLER, GATEWAY_GROUP, type GatewayClass } from "../edge/gateway-api.ts";
import type { CustomResourceDefinition } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";
import { metaTime } from "./meta-time.ts";

const DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions";
const DEFINITION = `gatewayclasses.${GATEWAY_GROUP}`;
/** Of the class that every cluster has that knows Gateways. */
const OWN_CLASS = "petrel";
/** "The GatewayClass exists already" is remembered under this key: who deletes it does not want it. */
const MADE = "made";

export const gatewayClassController: Controller = {
	name: "gateway-class",
	watches: [
		{ resource: DEFINITIONS, keys: ({ object }) => (object && nameOf(object) === DEFINITION ? [OWN_CLASS] : []) },
		{ resource: GATEWAY_CLASSES, keys: ({ object }) => (object ? [nameOf(object)] : []) },
	],
	reconcile,
};

function reconcile(name: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const definition = view.get<CustomResourceDefinition>(DEFINITIONS, DEFINITION);
	if (!definition || isBeingDeleted(definition) || !isEstablished(definition)) return NOTHING;
	const found = view.get<GatewayClass>(GATEWAY_CLASSES, name);
	if (found) return { actions: accepted(found, ctx) };
	const uid = definition.metadata.uid ?? "";
	if (name !== OWN_CLASS || ctx.recall(MADE) === uid) return NOTHING;
	const version = definition.spec.versions.find(({ storage }) => storage)?.name ?? "v1";
	const object: GatewayClass = {
		apiVersion: `${GATEWAY_GROUP}/${version}`,
		kind: "GatewayClass",
		metadata: { name: OWN_CLASS },
		spec: { controllerName: GATEWAY_CONTROLLER },
	};
	return {
		actions: [
			{ type: "remember", key: MADE, value: uid },
			{ type: "create", resource: GATEWAY_CLASSES, object },
		],
	};
}

function accepted(gatewayClass: GatewayClass, { nowMs }: ReconcileContext): Action[] {
	const { spec, status, metadata } = gatewayClass;
	const old = status?.conditions?.find(({ type }) => type === "Accepted");
	const observedGeneration = metadata.generation ?? 0;
	if (spec?.controllerName !== GATEWAY_CONTROLLER || (old?.status === "True" && old.observedGeneration === observedGeneration)) return [];
	const draft = draftOf(gatewayClass);
	const others = (status?.conditions ?? []).filter(({ type }) => type !== "Accepted");
	const lastTransitionTime = old?.status === "True" ? old.lastTransitionTime : metaTime(nowMs);
	const now = { type: "Accepted", status: "True", reason: "Accepted", message: "Petrel's edge serves this class", observedGeneration, lastTransitionTime };
	draft.status = { ...status, conditions: [...others, now] };
	return [{ type: "updateStatus", resource: GATEWAY_CLASSES, object: draft }];
}
