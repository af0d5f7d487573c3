/** The Gateway API's kinds, as its CustomResourceDefinitions name them; their schemas take anything. */
import type { CustomResourceDefinition } from "../../../src/core/schema/kubernetes.d.ts";

const GROUP = "gateway.networking.k8s.io";

function definition(kind: string, plural: string, scope: "Namespaced" | "Cluster"): CustomResourceDefinition {
	const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
	const schema = { openAPIV3Schema: { type: "object", properties: { spec: anything, status: anything } } };
	return {
		apiVersion: "apiextensions.k8s.io/v1",
		kind: "CustomResourceDefinition",
		metadata: { name: `${plural}.${GROUP}`, annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2466" } },
		spec: {
			group: GROUP,
			scope,
			names: { kind, plural, singular: kind.toLowerCase() },
			versions: [{ name: "v1", served: true, storage: true, schema, subresources: { status: {} } }],
		},
	} as CustomResourceDefinition;
}

export const GATEWAY_DEFINITIONS: readonly CustomResourceDefinition[] = [
	definition("GatewayClass", "gatewayclasses", "Cluster"),
	definition("Gateway", "gateways", "Namespaced"),
	definition("HTTPRoute", "httproutes", "Namespaced"),
];
