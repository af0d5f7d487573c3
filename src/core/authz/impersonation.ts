/**
 * Whether a user may act as another, and as whom exactly (k8s.io/apiserver/pkg/endpoints/filters/impersonation): by one of the
 * constrained modes of KEP-5284, each of which asks what is done as the other and whom it is done as, or by the old verb "impersonate".
 */
import type { UserInfo } from "../api/request.ts";
import { aggregateText, type FieldError, invalid } from "../errors/field-error.ts";
import { StatusError } from "../errors/status-error.ts";
import { dns1123Subdomain } from "../meta/name-rules.ts";
import { GROUP_AUTHENTICATED, GROUP_MASTERS, GROUP_NODES, GROUP_SERVICE_ACCOUNTS } from "../protocol/tokens.ts";
import { type Attributes, type Decision, forbiddenRequest, isPathRequest, type ResourceAttributes } from "./attributes.ts";

const ANONYMOUS = "system:anonymous";
const GROUP_UNAUTHENTICATED = "system:unauthenticated";
const SERVICE_ACCOUNT_USER = /^system:serviceaccount:([^:]+):([^:]+)$/;
const NODE_USER = /^system:node:([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/;
/** The node that a ServiceAccount's token is bound to, in its user's extra. */
const NODE_NAME_EXTRA = "authentication.kubernetes.io/node-name";
/** From so many groups or values on, whoever may impersonate all of them is not asked about each. */
const MANY = 4;
const HTTP_PATH = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;
const AUTHENTICATION = "authentication.k8s.io";

export type Decide = (attributes: Attributes) => Decision;

export interface Impersonated {
	user: UserInfo;
	/** The verb that allowed it, for the audit log; "" for the old one. */
	constraint: string;
}

export const serviceAccountOf = (user: string): { namespace: string; name: string } | undefined => {
	const [, namespace, name] = SERVICE_ACCOUNT_USER.exec(user) ?? [];
	return namespace === undefined || name === undefined ? undefined : { namespace, name };
};
const nodeOf = (user: string): string | undefined => NODE_USER.exec(user)?.[1];

/** The verbs by which a ServiceAccount is impersonated: what the roles of its own namespace are asked. */
export const ACCOUNT_VERBS = ["impersonate:serviceaccount", "impersonate"] as const;

export function accountAttributes(verb: string, { namespace, name }: { namespace: string; name: string }): ResourceAttributes {
	const group = verb === "impersonate" ? "" : AUTHENTICATION;
	return { verb, group, resource: "serviceaccounts", subresource: "", namespace, name };
}

/** What one mode asks, until something is refused. */
class Checks {
	readonly #requestor: UserInfo;
	readonly #target: UserInfo;
	readonly #verb: string;
	readonly #decide: Decide;

	constructor(requestor: UserInfo, target: UserInfo, verb: string, decide: Decide) {
		this.#requestor = requestor;
		this.#target = target;
		this.#verb = verb;
		this.#decide = decide;
	}

	get #isConstrained(): boolean {
		return this.#verb !== "impersonate";
	}

	/** Throws the 403 of a refusal. */
	check(attributes: Attributes): void {
		const { allowed, reason } = this.#decide(attributes);
		if (!allowed) throw forbiddenRequest(this.#requestor, attributes, reason);
	}

	/** Of a name or group: these alone were in the core group before there were modes. */
	#of(resource: string, name: string): ResourceAttributes {
		return { verb: this.#verb, group: this.#isConstrained ? AUTHENTICATION : "", resource, subresource: "", namespace: "", name };
	}

	#refuse(attributes: ResourceAttributes, why: string): StatusError {
		return forbiddenRequest(this.#requestor, attributes, why);
	}

	#allowsAll(attributes: ResourceAttributes): boolean {
		return this.#decide(attributes).allowed;
	}

	/** Throws the 403 of a refusal. */
	all(): UserInfo {
		const { name, uid, groups } = this.#target;
		this.#name();
		if (uid) this.check({ ...this.#of("uids", uid), group: AUTHENTICATION });
		if (groups.length > 0) this.#groups(groups);
		if (this.#target.extra && Object.keys(this.#target.extra).length > 0) this.#extra(this.#target.extra);
		const node = this.#isConstrained ? nodeOf(name) : undefined;
		return withDefaultGroups(node === undefined ? this.#target : { ...this.#target, groups: [GROUP_NODES] });
	}

	#name(): void {
		const { name } = this.#target;
		const account = serviceAccountOf(name);
		const node = this.#isConstrained ? nodeOf(name) : undefined;
		if (account) this.check(accountAttributes(this.#verb, account));
		// Which node its token is bound to the mode has looked at; the roles are asked about all of them.
		else if (node !== undefined) this.check(this.#of("nodes", this.#verb === "impersonate:associated-node" ? "*" : node));
		else this.check(this.#of("users", name));
	}

	#groups(groups: readonly string[]): void {
		const none = this.#of("groups", "");
		if (this.#isConstrained) {
			if (groups.includes("")) throw this.#refuse(none, "impersonating the empty string group is not allowed");
			if (groups.includes(GROUP_MASTERS)) throw this.#refuse({ ...none, name: GROUP_MASTERS }, "impersonating the system:masters group is not allowed");
			if (groups.length >= MANY && this.#allowsAll({ ...none, name: "*" })) return;
		}
		for (const group of groups) this.check({ ...none, name: group });
	}

	#extra(extra: Readonly<Record<string, readonly string[]>>): void {
		const none: ResourceAttributes = { ...this.#of("userextras", ""), group: AUTHENTICATION };
		const entries = Object.entries(extra);
		if (this.#isConstrained) {
			const problem = extraProblem(entries);
			if (problem !== undefined) throw this.#refuse(none, problem);
			const values = entries.reduce((sum, [, each]) => sum + each.length, 0);
			if (Math.max(entries.length, values) >= MANY && this.#allowsAll({ ...none, subresource: "*", name: "*" })) return;
		}
		for (const [key, values] of entries) for (const value of values) this.check({ ...none, subresource: key, name: value });
	}
}

/** IsDomainPrefixedPath. */
function domainPrefixedPathErrors(field: string, value: string): FieldError[] {
	const [, host = "", path = ""] = /^([^/]*)\/(.*)$/s.exec(value) ?? [];
	if (host === "" || path === "") return [invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
	const errors = dns1123Subdomain(host).map((problem) => invalid(field, host, problem));
	if (!HTTP_PATH.test(path)) errors.push(invalid(field, path, `Invalid path (regex used for validation is '${HTTP_PATH.source.slice(1, -1)}')`));
	return errors;
}

/** What no mode but the old one lets anybody have. */
function extraProblem(entries: readonly (readonly [string, readonly string[]])[]): string | undefined {
	for (const [key, values] of entries) {
		if (key === "") return "impersonating the empty string key in extra is not allowed";
		const errors = domainPrefixedPathErrors("extra.key", key);
		if (errors.length > 0) return `impersonating an invalid key in extra is not allowed: ${aggregateText(errors)}`;
		if (key !== key.toLowerCase()) return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
		if (values.length === 0) return "impersonating empty values in extra is not allowed";
		if (values.includes("")) return "impersonating the empty string value in extra is not allowed";
	}
	return undefined;
}

/** The constrained modes by which the target may be had, in upstream's order. */
function modesFor(requestor: UserInfo, { name, uid, groups, extra }: UserInfo): string[] {
	const isOnlyName = !uid && groups.length === 0 && Object.keys(extra ?? {}).length === 0;
	const node = nodeOf(name);
	if (node !== undefined) {
		const bound = requestor.extra?.[NODE_NAME_EXTRA];
		const isAssociated = serviceAccountOf(requestor.name) !== undefined && bound?.length === 1 && bound[0] === node;
		return isOnlyName ? [...(isAssociated ? ["associated-node"] : []), "arbitrary-node"] : [];
	}
	if (serviceAccountOf(name) !== undefined) return isOnlyName ? ["serviceaccount"] : [];
	return ["user-info"];
}

function onBehalf(mode: string, request: Attributes): Attributes {
	const verb = `impersonate-on:${mode}:${request.verb}`;
	return isPathRequest(request) ? { ...request, verb } : { ...request, verb };
}

/**
 * Who the requestor is to the request that it makes as `target`.
 * @throws StatusError 403 as the first mode that might have served refuses
 */
export function impersonate(requestor: UserInfo, target: UserInfo, request: Attributes, decide: Decide): Impersonated {
	let first: unknown;
	for (const mode of [...modesFor(requestor, target), undefined]) {
		const constraint = mode === undefined ? "" : `impersonate:${mode}`;
		const checks = new Checks(requestor, target, constraint || "impersonate", decide);
		try {
			if (mode !== undefined) checks.check(onBehalf(mode, request));
			return { user: checks.all(), constraint };
		} catch (error) {
			if (!(error instanceof StatusError)) throw error;
			first ??= error;
		}
	}
	throw first;
}

/** The groups that a user has beyond those asked for. */
export function withDefaultGroups(target: UserInfo): UserInfo {
	const groups = [...target.groups];
	const account = serviceAccountOf(target.name);
	if (account && groups.length === 0) groups.push(GROUP_SERVICE_ACCOUNTS, `${GROUP_SERVICE_ACCOUNTS}:${account.namespace}`);
	if (target.name === ANONYMOUS) groups.push(...(groups.includes(GROUP_UNAUTHENTICATED) ? [] : [GROUP_UNAUTHENTICATED]));
	else if (!groups.includes(GROUP_UNAUTHENTICATED) && !groups.includes(GROUP_AUTHENTICATED)) groups.push(GROUP_AUTHENTICATED);
	return { ...target, groups };
}
