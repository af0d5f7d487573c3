/** IngressClass: pkg/registry/networking/ingressclass, pkg/apis/networking/validation. */
import { type FieldError, forbidden, invalid, notSupported, required, tooLong } from "../errors/field-error.ts";
import { byteLength, dns1123Label, domainPrefixedPath } from "../meta/name-rules.ts";
import type { IngressClass, IngressClassParametersReference } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateTypedReference } from "./object-reference-validation.ts";
import { prepareSpecUpdate } from "./strategy.ts";

const CONTROLLER_BYTES_MAX = 250;
const SCOPES = ["Cluster", "Namespace"];

function validateParameters(parameters: IngressClassParametersReference, path: string): FieldError[] {
	const { scope, namespace } = parameters;
	const errors = validateTypedReference(parameters, path);
	if (scope == null) return [...errors, required(`${path}.scope`)];
	if (!SCOPES.includes(scope)) return [...errors, notSupported(`${path}.scope`, scope, SCOPES)];
	if (scope === "Cluster") return namespace === undefined ? errors : [...errors, forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'")];
	if (namespace === undefined) return [...errors, required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'")];
	return [...errors, ...dns1123Label(namespace).map((problem) => invalid(`${path}.namespace`, namespace, problem))];
}

function validate({ spec = {} }: IngressClass): FieldError[] {
	const errors: FieldError[] = [];
	const path = "spec.controller";
	if (!spec.controller) errors.push(required(path));
	else {
		if (byteLength(spec.controller) > CONTROLLER_BYTES_MAX) errors.push(tooLong(path, CONTROLLER_BYTES_MAX));
		for (const { value, problem } of domainPrefixedPath(spec.controller)) errors.push(invalid(path, value, problem));
	}
	if (spec.parameters) errors.push(...validateParameters(spec.parameters, "spec.parameters"));
	return errors;
}

function shownParameters(parameters: IngressClassParametersReference | undefined): string {
	if (!parameters) return "<none>";
	const group = parameters.apiGroup === undefined ? "" : `.${parameters.apiGroup}`;
	return `${parameters.kind}${group}/${parameters.name}`;
}

export const ingressClassKind = defineKind<IngressClass>({
	group: "networking.k8s.io",
	version: "v1",
	kind: "IngressClass",
	plural: "ingressclasses",
	singular: "ingressclass",
	scope: "Cluster",
	schema: "networking/v1.IngressClass",
	defaults({ spec }) {
		if (spec?.parameters) spec.parameters.scope ??= "Cluster";
	},
	prepareCreate(ingressClass) {
		ingressClass.metadata.generation = 1;
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	validateUpdate: (next, old) => validateImmutable(next.spec?.controller, old.spec?.controller, "spec.controller"),
	columns: [
		{ name: "Controller", type: "string", description: "Controller that is responsible for handling this class", cell: ({ spec }) => spec?.controller ?? "" },
		{
			name: "Parameters",
			type: "string",
			description: "A reference to a resource with additional parameters",
			cell: ({ spec }) => shownParameters(spec?.parameters),
		},
		ageColumn,
	],
});
