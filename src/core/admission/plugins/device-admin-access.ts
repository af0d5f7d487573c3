/**
 * Administrators' access to devices that others use is for namespaces that say so (pkg/registry/resource, AuthorizedForAdmin). Upstream's
 * registry asks; here it is a plugin, because what a kind's own rules are given has no Namespace.
 */
import { type FieldError, forbidden } from "../../errors/field-error.ts";
import { invalidObject } from "../../errors/status-error.ts";
import { DEVICE_GROUP } from "../../kinds/device-rules.ts";
import { resourceOf } from "../../kinds/define-kind.ts";
import type { ResourceClaimSpec, ResourceClaimTemplate, ResourceV1ResourceClaim as ResourceClaim } from "../../schema/kubernetes.d.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../plugin.ts";

const CLAIMS = `${DEVICE_GROUP}/resourceclaims`;
const TEMPLATES = `${DEVICE_GROUP}/resourceclaimtemplates`;
const LABEL = "resource.kubernetes.io/admin-access";

function firstAccess(path: string, entries: readonly { adminAccess?: boolean }[]): FieldError[] {
	const index = entries.findIndex(({ adminAccess }) => adminAccess === true);
	if (index < 0) return [];
	return [forbidden(`${path}[${index}].adminAccess`, `admin access to devices requires the \`${LABEL}: true\` label on the containing namespace`)];
}

const resultsOf = ({ status }: ResourceClaim) => status?.allocation?.devices?.results ?? [];

function accessAskedFor({ kind, object, old, subresource }: AdmissionRequest): FieldError[] {
	if (subresource === "status") {
		// An allocation does not change: it was judged when it was written.
		const isNew = resultsOf(old as ResourceClaim).length === 0;
		return isNew ? firstAccess("status.allocation.devices.results", resultsOf(object as ResourceClaim)) : [];
	}
	if (old !== undefined) return [];
	const spec: ResourceClaimSpec | undefined = resourceOf(kind) === TEMPLATES ? (object as ResourceClaimTemplate).spec.spec : (object as ResourceClaim).spec;
	return firstAccess(
		"spec.devices.requests",
		(spec?.devices?.requests ?? []).map(({ exactly }) => exactly ?? {}),
	);
}

export const deviceAdminAccess: AdmissionPlugin = {
	name: "DeviceAdminAccess",
	resources: [CLAIMS, TEMPLATES],
	operations: ["CREATE", "UPDATE"],
	subresources: ["", "status"],
	validate(request, view) {
		const errors = accessAskedFor(request);
		if (errors.length === 0 || view.namespaceObject()?.metadata.labels?.[LABEL] === "true") return;
		throw invalidObject(request.kind.group, request.kind.kind, request.object.metadata.name ?? request.name, errors);
	},
};
