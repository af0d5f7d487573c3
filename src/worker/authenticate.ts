/** Who is asking: the bearer token's user, and whom that user acts as. */
import type { UserInfo } from "../core/api/request.ts";
import { badRequest, StatusError, unauthorized } from "../core/errors/status-error.ts";
import { GROUP_AUTHENTICATED, GROUP_SERVICE_ACCOUNTS, type WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import { isHosted } from "../objects/tenancy.ts";
import { bearerToken } from "./bearer-token.ts";
import { certificateUser } from "./client-certificate.ts";
import { clusterNamed } from "./cluster-directory.ts";
import { authenticationOf } from "./oidc-issuers.ts";
import { verifyToken } from "./token-verification.ts";

const EXTRA_PREFIX = "impersonate-extra-";
const ANONYMOUS = "system:anonymous";
const GROUP_UNAUTHENTICATED = "system:unauthenticated";
const SERVICE_ACCOUNT_USER = /^system:serviceaccount:([^:]+):[^:]+$/;

/** Who asks, and of which cluster. */
export interface Identity {
	user: UserInfo;
	/** Who acts as `user`, where it is another. */
	impersonator?: UserInfo;
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

/** Adds the groups that upstream's impersonation filter gives a user beyond those asked for. */
export function withDefaultGroups(target: UserInfo): UserInfo {
	const groups = [...target.groups];
	const serviceAccount = SERVICE_ACCOUNT_USER.exec(target.name);
	if (serviceAccount && groups.length === 0) groups.push(GROUP_SERVICE_ACCOUNTS, `${GROUP_SERVICE_ACCOUNTS}:${serviceAccount[1]}`);
	const standing = target.name === ANONYMOUS ? GROUP_UNAUTHENTICATED : GROUP_AUTHENTICATED;
	if (!groups.includes(standing)) groups.push(standing);
	return { ...target, groups };
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
	const [, namespace] = SERVICE_ACCOUNT_USER.exec(target.name) ?? [];
	const judge = namespace === undefined ? clusterObject(env, cluster) : namespaceObject(env, cluster, namespace);
	const refusal = await judge.authorizeImpersonation(user, target);
	if (refusal) throw StatusError.from(refusal);
	return { user: withDefaultGroups(target), impersonator: user, cluster };
}
