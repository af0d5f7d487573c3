/** What a request asks to do, as the authorizers see it (k8s.io/apiserver/pkg/authorization/authorizer), and how a refusal reads. */
import type { UserInfo } from "../api/request.ts";
import type { FieldRequirement } from "../selector/field-selector.ts";
import { forbiddenError, StatusError } from "../errors/status-error.ts";

export interface ResourceAttributes {
	verb: string;
	group: string;
	resource: string;
	/** "" when none. */
	subresource: string;
	/** "" at the cluster scope. */
	namespace: string;
	/** "" for collections. */
	name: string;
	/** What the request's field selector requires, where it has one. */
	fields?: readonly FieldRequirement[];
}

export interface PathAttributes {
	verb: string;
	path: string;
}

export type Attributes = ResourceAttributes | PathAttributes;

export interface Decision {
	allowed: boolean;
	/** Why, for the audit log and SubjectAccessReview; may be "". */
	reason: string;
}

export const isPathRequest = (attributes: Attributes): attributes is PathAttributes => "path" in attributes;

/** `User "x" cannot list resource "pods" in API group "" in the namespace "default"`. */
export function forbiddenText(user: UserInfo, attributes: Attributes): string {
	const head = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
	if (isPathRequest(attributes)) return `${head} path ${JSON.stringify(attributes.path)}`;
	const resource = attributes.subresource === "" ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
	const scope = attributes.namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(attributes.namespace)}`;
	return `${head} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(attributes.group)} ${scope}`;
}

/** The 403 of a refused request. */
export function forbiddenRequest(user: UserInfo, attributes: Attributes, reason: string): StatusError {
	const text = forbiddenText(user, attributes) + (reason === "" ? "" : `: ${reason}`);
	if (isPathRequest(attributes)) return new StatusError(403, "Forbidden", `forbidden: ${text}`, {});
	return forbiddenError({ group: attributes.group, resource: attributes.resource }, attributes.name, text);
}
