/** The question whether a user may act as another, as the object that owns the request answers it. */
import { type Decide, impersonate } from "../core/authz/impersonation.ts";
import { isPathRequest } from "../core/authz/attributes.ts";
import { StatusError } from "../core/errors/status-error.ts";
import type { Authorizer } from "./authorizer.ts";
import type { ImpersonationAnswer, ImpersonationAsked } from "./rpc.ts";

export function authorizeImpersonation(
	authorizer: Authorizer,
	namespace: string,
	{ requestor, target, request, account }: ImpersonationAsked,
): ImpersonationAnswer {
	const decide: Decide = (attributes) => {
		const isElsewhere = !isPathRequest(attributes) && attributes.namespace !== "" && attributes.namespace !== namespace;
		return (isElsewhere ? account[attributes.verb] : undefined) ?? authorizer.decide(requestor, attributes);
	};
	try {
		return { ok: true, ...impersonate(requestor, target, request, decide) };
	} catch (error) {
		if (error instanceof StatusError) return { ok: false, status: error.status };
		throw error;
	}
}
