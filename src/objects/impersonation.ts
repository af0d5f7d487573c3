/** Whether a user may act as another: the verb "impersonate" on each thing it takes over (k8s.io/apiserver filters/impersonation.go). */
import type { UserInfo } from "../core/api/request.ts";
import type { ResourceAttributes } from "../core/authz/attributes.ts";

const SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:";

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
