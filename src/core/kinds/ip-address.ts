/** IPAddress: pkg/registry/networking/ipaddress, pkg/apis/networking/validation. */
import { type FieldError, required } from "../errors/field-error.ts";
import { dns1123Subdomain, pathSegment } from "../meta/name-rules.ts";
import type { IPAddress } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateSegment, validateWith } from "./object-reference-validation.ts";

const PATH = "spec.parentRef";

function validate({ spec }: IPAddress): FieldError[] {
	const parent = spec?.parentRef;
	if (!parent) return [required(PATH)];
	return [
		...validateWith(dns1123Subdomain, parent.group, `${PATH}.group`),
		...validateSegment(parent.resource, `${PATH}.resource`),
		...validateSegment(parent.name, `${PATH}.name`),
		...validateWith((text) => pathSegment(text), parent.namespace, `${PATH}.namespace`),
	];
}

function shownParent({ spec }: IPAddress): string {
	const { group, resource, namespace, name } = spec?.parentRef ?? {};
	return spec?.parentRef ? [`${resource}${group ? `.${group}` : ""}`, namespace, name].filter((part) => part).join("/") : "<none>";
}

export const ipAddressKind = defineKind<IPAddress>({
	group: "networking.k8s.io",
	version: "v1",
	kind: "IPAddress",
	plural: "ipaddresses",
	singular: "ipaddress",
	shortNames: ["ip"],
	scope: "Cluster",
	schema: "networking/v1.IPAddress",
	nameRule: "ip",
	validate,
	validateUpdate: (next, old) => validateImmutable(next.spec?.parentRef, old.spec?.parentRef, PATH),
	columns: [
		{
			name: "ParentRef",
			type: "string",
			description: "ParentRef references the resource that an IPAddress is attached to. An IPAddress must reference a parent object.",
			cell: shownParent,
		},
	],
});
