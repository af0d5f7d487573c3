/** What a request, or a question about one, asks to do, as the authorizers see it (k8s.io/apiserver/pkg/endpoints/request, pkg/registry/authorization/util). */
import type { ApiRequest } from "../api/request.ts";
import type { ResourceAttributes as AskedAttributes } from "../schema/kubernetes.d.ts";
import { type FieldRequirement, fieldRequirements } from "../selector/field-selector.ts";
import type { ResourceAttributes } from "./attributes.ts";

/** A selector that cannot be read is refused by the verb itself; here it selects nothing. */
function requirementsOf(text: string | undefined): readonly FieldRequirement[] {
	try {
		return text ? fieldRequirements(text) : [];
	} catch {
		return [];
	}
}

/** A list or watch of the one object that its field selector names counts as that object's. */
export function requestAttributes({ verb, group, resource, subresource, name, query }: ApiRequest): Omit<ResourceAttributes, "namespace"> {
	const fields = requirementsOf(query.fieldSelector);
	const named = verb === "list" || verb === "watch" ? fields.find(({ path, operator }) => path === "metadata.name" && operator === "=")?.value : undefined;
	return { verb, group, resource, subresource, name: name || (named ?? ""), ...(fields.length > 0 ? { fields } : {}) };
}

/** Of a SubjectAccessReview. Only what selects by equality can narrow anything. */
export function reviewAttributes(asked: AskedAttributes): ResourceAttributes {
	const { verb = "", group = "", resource = "", subresource = "", namespace = "", name = "", fieldSelector } = asked;
	const given = (fieldSelector?.requirements ?? [])
		.filter(({ operator, values }) => (operator === "In" || operator === "NotIn") && values?.length === 1)
		.map(({ key, operator, values }): FieldRequirement => ({ path: key, operator: operator === "In" ? "=" : "!=", value: values?.[0] ?? "" }));
	const fields = [...requirementsOf(fieldSelector?.rawSelector), ...given];
	return { verb, group, resource, subresource, namespace, name, ...(fields.length > 0 ? { fields } : {}) };
}
