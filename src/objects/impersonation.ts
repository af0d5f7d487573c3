/** Whether a user may act as another: the verb "impersonate" on each thing it takes over (k8s.io/apiserver filters/impersonation.go). */
import type { UserInfo } from "../core/api/request.ts";
import { forbiddenRequest, type ResourceAttributes } from "../core/authz/attributes.ts";
import type { Authorizer } from "./authorizer.ts";

const SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:";

/** Throws the 403 of whoever may not. */
export function checkImpersonation(authorizer: Authorizer, user: UserInfo, target: UserInfo): void {
	for (const attributes of impersonations(target)) {
		const { allowed, reason } = authorizer.decide(user, attributes);
		if (!allowed) throw forbiddenRequest(user, attributes, reason);
	}
}

/** What the user must be allowed to impersonate, one by one. */
export function impersonations(target: UserInfo): ResourceAttributes[] {
	const asked = (resource: string, name: string, extra: Partial<ResourceAttributes> = {}): ResourceAttributes => ({
		verb: "impersonate",
		group: "",
		resource,
		subresource: "",
		namespace: "",
		name,
		...extra,
	});
	const [namespace = "", account = ""] = target.name.startsWith(SERVICE_ACCOUNT_PREFIX) ? target.name.slice(SERVICE_ACCOUNT_PREFIX.length).split(":") : [];
	const who = account ? asked("serviceaccounts", account, { namespace }) : asked("users", target.name);
	const groups = target.groups.map((group) => asked("groups", group));
	const uid = target.uid ? [asked("uids", target.uid, { group: "authentication.k8s.io" })] : [];
	const extras = Object.entries(target.extra ?? {}).flatMap(([key, values]) =>
		values.map((value) => asked("userextras", value, { group: "authentication.k8s.io", subresource: key })),
	);
	return [who, ...groups, ...uid, ...extras];
}
