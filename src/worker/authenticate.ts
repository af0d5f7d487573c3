/** Who is asking: the bearer token's user, and whom that user acts as. */
import type { UserInfo } from "../core/api/request.ts";
import { type Attributes, isPathRequest } from "../core/authz/attributes.ts";
import { ACCOUNT_VERBS, accountAttributes, type Impersonated, serviceAccountOf } from "../core/authz/impersonation.ts";
import { badRequest, StatusError, unauthorized } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import { isHosted } from "../objects/tenancy.ts";
import { bearerToken } from "./bearer-token.ts";
import { certificateUser } from "./client-certificate.ts";
import { clusterNamed } from "./cluster-directory.ts";
import { parseResourcePath } from "./request-info.ts";
import { authenticationOf } from "./oidc-issuers.ts";
import { verifyToken } from "./token-verification.ts";

const EXTRA_PREFIX = "impersonate-extra-";
const ANONYMOUS = "system:anonymous";
const GROUP_UNAUTHENTICATED = "system:unauthenticated";

/** Who asks, and of which cluster. */
export interface Identity {
	user: UserInfo;
	/** Who acts as `user`, where it is another. */
	impersonator?: UserInfo;
	/** The verb that allowed it; "" for the old one. */
	constraint?: string;
	/** The cluster's id. */
	cluster: string;
}

function splitList(header: string | null): string[] {
	return header === null
		? []
		: header
				.split(",")
				.map((part) => part.trim())
				.filter((part) => part !== "");
}

function decodeExtraKey(key: string): string {
	try {
		return decodeURIComponent(key);
	} catch {
		return key;
	}
}

function namesTarget(headers: Headers): boolean {
	for (const name of headers.keys()) if (name.startsWith("impersonate-")) return true;
	return false;
}

/**
 * The user that the Impersonate-* headers name, or undefined when there are none; before its default groups.
 * @throws StatusError 400 when groups, uid or extra are named without a user.
 */
export function impersonationTarget(headers: Headers): UserInfo | undefined {
	if (!namesTarget(headers)) return undefined;
	const name = headers.get("impersonate-user") ?? "";
	const groups = splitList(headers.get("impersonate-group"));
	const uid = headers.get("impersonate-uid") ?? "";
	const extra: Record<string, string[]> = {};
	for (const [header, value] of headers) {
		if (header.startsWith(EXTRA_PREFIX)) extra[decodeExtraKey(header.slice(EXTRA_PREFIX.length))] = splitList(value);
	}
	const hasExtra = Object.keys(extra).length > 0;
	if (name === "") {
		if (groups.length > 0 || uid !== "" || hasExtra) throw badRequest("impersonation was requested without naming a user in the Impersonate-User header");
		return undefined;
	}
	return { name, groups, ...(uid === "" ? {} : { uid }), ...(hasExtra ? { extra } : {}) };
}

/** What the request asks to do; a path that names nothing is asked for as a path. */
function attributesOf(request: Request, path: string): Attributes {
	try {
		const resource = parseResourcePath(request.method, path, new URL(request.url).searchParams);
		if (resource) {
			const { verb, group, subresource, namespace, name } = resource;
			return { verb, group, resource: resource.resource, subresource, namespace, name };
		}
	} catch {
		// The router says what is wrong with it.
	}
	return { verb: request.method.toLowerCase(), path };
}

/** What the roles of a ServiceAccount's own namespace say of acting as it. */
async function accountDecisions(env: WorkerEnv, cluster: string, requestor: UserInfo, account: { namespace: string; name: string }) {
	const owner = namespaceObject(env, cluster, account.namespace);
	const decided = ACCOUNT_VERBS.map(async (verb) => [verb, await owner.decision(requestor, accountAttributes(verb, account))] as const);
	return Object.fromEntries(await Promise.all(decided));
}

/** @throws StatusError 403 */
async function impersonated(env: WorkerEnv, cluster: string, requestor: UserInfo, target: UserInfo, request: Attributes): Promise<Impersonated> {
	const namespace = isPathRequest(request) ? "" : request.namespace;
	const account = serviceAccountOf(target.name);
	const elsewhere = account && account.namespace !== namespace ? await accountDecisions(env, cluster, requestor, account) : {};
	const owner = namespace === "" ? clusterObject(env, cluster) : namespaceObject(env, cluster, namespace);
	const answer = await owner.authorizeImpersonation({ requestor, target, request, account: elsewhere });
	if (!answer.ok) throw StatusError.from(answer.status);
	return answer;
}

/** Who comes without a token: by a client certificate, or as anonymous where the cluster's configuration lets that in. */
async function withoutToken(env: WorkerEnv, clusterName: string, request: Request, path: string, nowMs: number): Promise<Identity> {
	const entry = await clusterNamed(env, clusterName, nowMs);
	// The platform verifies certificates for the whole deployment: they are the owner's, whose own cluster this is.
	const user = isHosted(entry.id) ? undefined : certificateUser(request);
	if (user) return { user, cluster: entry.id };
	const { anonymous } = authenticationOf(entry.authentication);
	const isLetIn = anonymous?.enabled === true && (anonymous.conditions ?? [{ path }]).some((condition) => condition.path === path);
	if (isLetIn) return { user: { name: ANONYMOUS, groups: [GROUP_UNAUTHENTICATED] }, cluster: entry.id };
	throw unauthorized();
}

/**
 * @param path the request's, below the cluster's root.
 * @throws StatusError 401 without valid credentials; 403 when the user may not act as whom the headers name.
 */
export async function authenticate(env: WorkerEnv, clusterName: string, request: Request, path: string, nowMs: number): Promise<Identity> {
	const { headers } = request;
	const token = bearerToken(headers);
	const verdict =
		token === undefined
			? { ok: true as const, ...(await withoutToken(env, clusterName, request, path, nowMs)) }
			: await verifyToken(env, clusterName, token, nowMs);
	if (!verdict.ok) throw unauthorized();
	const { user, cluster } = verdict;
	const target = impersonationTarget(headers);
	if (!target) return { user, cluster };
	const { user: actual, constraint } = await impersonated(env, cluster, user, target, attributesOf(request, path));
	return { user: actual, impersonator: user, constraint, cluster };
}
