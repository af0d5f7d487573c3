/** DefaultIngressClass: an Ingress that names no class gets the cluster's default one (plugin/pkg/admission/network/defaultingressclass). */
import type { Ingress, IngressClass } from "../../schema/kubernetes.d.ts";
import type { AdmissionPlugin } from "../plugin.ts";
import { defaultClassOf } from "./default-class.ts";

const CLASS_ANNOTATION = "kubernetes.io/ingress.class";
const DEFAULT_ANNOTATION = "ingressclass.kubernetes.io/is-default-class";

export const defaultIngressClass: AdmissionPlugin = {
	name: "DefaultIngressClass",
	resources: ["networking.k8s.io/ingresses"],
	operations: ["CREATE"],
	mutate(request, view) {
		const ingress = request.object as Ingress;
		if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
		const found = defaultClassOf(view.clusterList<IngressClass>("networking.k8s.io/ingressclasses"), [DEFAULT_ANNOTATION]);
		if (found?.metadata.name) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata.name };
	},
};
