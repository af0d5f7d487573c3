/** NamespaceExpiry: who says when a namespace is to be deleted must be allowed to delete it. */
import { forbiddenText, type ResourceAttributes } from "../../authz/attributes.ts";
import { EXPIRES_AT } from "../../webhooks/receivers/actions/preview-namespace.ts";
import { type AdmissionPlugin, refuse } from "../plugin.ts";

export const namespaceExpiry: AdmissionPlugin = {
	name: "NamespaceExpiry",
	resources: ["namespaces"],
	operations: ["CREATE", "UPDATE"],
	subresources: "*",
	validate(request, view) {
		const wanted = request.object.metadata.annotations?.[EXPIRES_AT];
		if (wanted === undefined || wanted === request.old?.metadata.annotations?.[EXPIRES_AT]) return;
		const name = request.object.metadata.name ?? "";
		if (Number.isNaN(Date.parse(wanted))) throw refuse(request, `annotation ${EXPIRES_AT} is no time: ${JSON.stringify(wanted)}`);
		const attributes: ResourceAttributes = { verb: "delete", group: "", resource: "namespaces", subresource: "", namespace: "", name };
		if (!view.allows(request.user, attributes)) throw refuse(request, forbiddenText(request.user, attributes));
	},
};
