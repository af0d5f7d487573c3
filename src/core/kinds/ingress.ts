/** Ingress: pkg/registry/networking/ingress. */
import { semanticEqual } from "../meta/equality.ts";
import type { Ingress } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { INGRESS_CLASS_ANNOTATION, validateIngress, validateIngressClassAnnotation, validateIngressStatus } from "./ingress-validation.ts";
import { prepareSpecUpdate, statusSubresource } from "./strategy.ts";

const HOSTS_SHOWN_MAX = 3;

function shownHosts({ spec }: Ingress): string {
	const hosts = (spec?.rules ?? []).flatMap(({ host }) => (host ? [host] : []));
	const shown = hosts.slice(0, HOSTS_SHOWN_MAX).join(",") || "*";
	return hosts.length > HOSTS_SHOWN_MAX ? `${shown} + ${hosts.length - HOSTS_SHOWN_MAX} more...` : shown;
}

function shownAddress({ status }: Ingress): string {
	const addresses = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
	return [...new Set(addresses)].sort().join(",");
}

export const ingressKind = defineKind<Ingress>({
	group: "networking.k8s.io",
	version: "v1",
	kind: "Ingress",
	plural: "ingresses",
	singular: "ingress",
	shortNames: ["ing"],
	scope: "Namespaced",
	schema: "networking/v1.Ingress",
	subresources: { status: { prepareUpdate: statusSubresource.prepareUpdate, validateUpdate: validateIngressStatus } },
	prepareCreate(ingress) {
		ingress.metadata.generation = 1;
		ingress.status = { loadBalancer: {} };
	},
	prepareUpdate: prepareSpecUpdate,
	validate: (ingress) => [...validateIngress(ingress), ...(ingress.metadata.resourceVersion ? [] : validateIngressClassAnnotation(ingress))],
	warnings(ingress, old) {
		const annotation = ingress.metadata.annotations?.[INGRESS_CLASS_ANNOTATION];
		if (annotation === undefined || (old && semanticEqual(old.metadata.annotations?.[INGRESS_CLASS_ANNOTATION], annotation))) return [];
		return [`annotation "${INGRESS_CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`];
	},
	columns: [
		{
			name: "Class",
			type: "string",
			description: "The name of the IngressClass resource that should be used for additional configuration",
			cell: ({ spec }) => spec?.ingressClassName ?? "<none>",
		},
		{ name: "Hosts", type: "string", description: "Hosts that incoming requests are matched against before the ingress rule", cell: shownHosts },
		{ name: "Address", type: "string", description: "Address is a list containing ingress points for the load-balancer", cell: shownAddress },
		{
			name: "Ports",
			type: "string",
			description: "Ports of TLS configurations that open",
			cell: ({ spec }) => (spec?.tls?.length ? "80, 443" : "80"),
		},
		ageColumn,
	],
});
