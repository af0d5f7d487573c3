/**
 * /clusters and /accounts: the clusters of this deployment and whose they are. The deployment's owner comes with a token
 * that the signing key made, an account with one that the owner was given once and of which a hash alone is kept.
 */
import type { Hono } from "hono";
import { jwtVerify } from "jose";
import { badRequest, forbiddenError, pathNotFound, StatusError, unauthorized } from "../core/errors/status-error.ts";
import { dns1123Label } from "../core/meta/name-rules.ts";
import { ACCOUNT_TOKEN_PREFIX, DEPLOYMENT_AUDIENCE, TOKEN_ISSUER, type WorkerEnv } from "../core/protocol/tokens.ts";
import { DEFAULT_CLUSTER, registryObject } from "../objects/addresses.ts";
import {
	type AccountRecord,
	type Answer,
	CLUSTERS_PER_ACCOUNT_DEFAULT,
	CLUSTERS_PER_ACCOUNT_MAX,
	type ClusterRecord,
	OWNER_ACCOUNT,
} from "../objects/registry-object.ts";
import { answerValue } from "./answer.ts";
import { bearerToken } from "./bearer-token.ts";
import { readJsonBody } from "./body.ts";
import type { FrontDoor, FrontDoorEnv } from "./front-door.ts";
import { SIGNING_ALGORITHM, signingKeys } from "./keys.ts";
import { MANAGEMENT } from "./management-path.ts";
import { PLAIN_JSON } from "./negotiate.ts";
import { authenticationOf } from "./oidc-issuers.ts";
import { parseBody } from "./review-routes.ts";
import { signAdminToken } from "./token-signing.ts";

const TOKEN_BYTES = 32;
/** Upstream bounds the file by what fits an object. */
const AUTHENTICATION_BYTES_MAX = 64 * 1024;
const GENERATED_NAME_BYTES = 4;
const CLUSTERS = { group: "petrel.dev", resource: "clusters" };
const ACCOUNTS = { group: "petrel.dev", resource: "accounts" };

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

async function hashOf(token: string): Promise<string> {
	return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))));
}

async function isOwner(env: WorkerEnv, token: string): Promise<boolean> {
	const { publicKey } = await signingKeys(env);
	return jwtVerify(token, publicKey, { algorithms: [SIGNING_ALGORITHM], issuer: TOKEN_ISSUER, audience: DEPLOYMENT_AUDIENCE }).then(
		() => true,
		() => false,
	);
}

/** The account that asks, OWNER_ACCOUNT for the deployment's owner. @throws StatusError 401 */
async function caller(c: FrontDoor): Promise<string> {
	const token = bearerToken(c.req.raw.headers);
	if (token === undefined) throw unauthorized();
	if (!token.startsWith(ACCOUNT_TOKEN_PREFIX)) {
		if (await isOwner(c.env, token)) return OWNER_ACCOUNT;
		throw unauthorized();
	}
	const account = await registryObject(c.env).accountOfToken(await hashOf(token));
	if (account === null) throw unauthorized();
	return account;
}

/** @throws StatusError 401, or 403 for an account. */
async function requireOwner(c: FrontDoor): Promise<void> {
	const account = await caller(c);
	if (account !== OWNER_ACCOUNT) throw forbiddenError(ACCOUNTS, "", `account ${JSON.stringify(account)} is not the deployment's owner`);
}

function succeeded<T>(answer: Answer<T>): T {
	if (answer.ok) return answer.value;
	throw StatusError.from(answer.status);
}

function checkName(what: string, name: unknown): string {
	const problems = typeof name === "string" ? dns1123Label(name) : ["must be a string"];
	if (problems.length > 0) throw badRequest(`${what} ${JSON.stringify(name)} is invalid: ${problems[0]}`);
	return name as string;
}

const json = (value: unknown, status = 200): Response => answerValue(value, status, PLAIN_JSON);

async function bodyOf<T>(c: FrontDoor): Promise<Partial<T>> {
	const text = await readJsonBody(c.req.raw);
	return text === "" ? {} : parseBody<Partial<T>>(text);
}

/** A cluster as its account sees it. */
function shownCluster(c: FrontDoor, { id: _, authentication = "", ...record }: ClusterRecord) {
	return {
		kind: "Cluster",
		...record,
		...(authentication === "" ? {} : { authentication: JSON.parse(authentication) as unknown }),
		server: `${new URL(c.req.url).origin}/clusters/${record.name}`,
	};
}

async function withCredentials(c: FrontDoor, record: ClusterRecord): Promise<unknown> {
	return { ...shownCluster(c, record), token: await signAdminToken(c.env, record.id, Date.now()), certificateAuthority: c.env.PETREL_CA };
}

async function createCluster(c: FrontDoor): Promise<Response> {
	const account = await caller(c);
	const asked = await bodyOf<{ name: string }>(c);
	const name = checkName("name", asked.name ?? `c-${hexOf(randomBytes(GENERATED_NAME_BYTES))}`);
	if (name === DEFAULT_CLUSTER) throw forbiddenError(CLUSTERS, name, "it is the deployment's own cluster");
	const record = succeeded(await registryObject(c.env).createCluster(account, name));
	return json(await withCredentials(c, record), 201);
}

/** Whose clusters the caller may see: the owner all, an account its own. */
const scopeOf = (account: string): string | null => (account === OWNER_ACCOUNT ? null : account);

async function listClusters(c: FrontDoor): Promise<Response> {
	const records = succeeded(await registryObject(c.env).clusters(scopeOf(await caller(c))));
	return json({ kind: "ClusterList", items: records.map((record) => shownCluster(c, record)) });
}

async function getCluster(c: FrontDoor): Promise<Response> {
	return json(shownCluster(c, await clusterOf(c)));
}

async function clusterOf(c: FrontDoor): Promise<ClusterRecord> {
	const account = await caller(c);
	return succeeded(await registryObject(c.env).cluster(scopeOf(account), c.req.param("name") ?? ""));
}

/** An administrator's token: no other is kept anywhere. */
async function createCredentials(c: FrontDoor): Promise<Response> {
	return json(await withCredentials(c, await clusterOf(c)), 201);
}

/** PUT takes an AuthenticationConfiguration (apiserver.config.k8s.io), DELETE takes it away. */
async function setAuthentication(c: FrontDoor): Promise<Response> {
	const account = await caller(c);
	const text = c.req.method === "DELETE" ? "" : await readJsonBody(c.req.raw);
	if (text.length > AUTHENTICATION_BYTES_MAX) throw badRequest(`an authentication configuration has at most ${AUTHENTICATION_BYTES_MAX} bytes`);
	try {
		authenticationOf(text);
	} catch (error) {
		throw badRequest((error as Error).message);
	}
	return json(shownCluster(c, succeeded(await registryObject(c.env).setAuthentication(scopeOf(account), c.req.param("name") ?? "", text))));
}

async function deleteCluster(c: FrontDoor): Promise<Response> {
	const account = await caller(c);
	return json(shownCluster(c, succeeded(await registryObject(c.env).deleteCluster(scopeOf(account), c.req.param("name") ?? ""))));
}

const shownAccount = (record: AccountRecord) => ({ kind: "Account", ...record });

async function newToken(): Promise<{ token: string; hash: string }> {
	const token = ACCOUNT_TOKEN_PREFIX + hexOf(randomBytes(TOKEN_BYTES));
	return { token, hash: await hashOf(token) };
}

async function createAccount(c: FrontDoor): Promise<Response> {
	await requireOwner(c);
	const asked = await bodyOf<{ name: string; maxClusters: number }>(c);
	const name = checkName("name", asked.name);
	const max = asked.maxClusters ?? CLUSTERS_PER_ACCOUNT_DEFAULT;
	if (!Number.isInteger(max) || max < 0 || max > CLUSTERS_PER_ACCOUNT_MAX) throw badRequest(`maxClusters must be from 0 to ${CLUSTERS_PER_ACCOUNT_MAX}`);
	const { token, hash } = await newToken();
	return json({ ...shownAccount(succeeded(await registryObject(c.env).createAccount(name, max, hash))), token }, 201);
}

async function listAccounts(c: FrontDoor): Promise<Response> {
	await requireOwner(c);
	return json({ kind: "AccountList", items: succeeded(await registryObject(c.env).accounts()).map(shownAccount) });
}

async function deleteAccount(c: FrontDoor): Promise<Response> {
	await requireOwner(c);
	return json(shownAccount(succeeded(await registryObject(c.env).deleteAccount(c.req.param("name") ?? ""))));
}

async function createAccountToken(c: FrontDoor): Promise<Response> {
	await requireOwner(c);
	const { token, hash } = await newToken();
	return json({ ...shownAccount(succeeded(await registryObject(c.env).addToken(c.req.param("name") ?? "", hash))), token }, 201);
}

async function deleteAccountToken(c: FrontDoor): Promise<Response> {
	await requireOwner(c);
	return json(shownAccount(succeeded(await registryObject(c.env).removeToken(c.req.param("name") ?? "", c.req.param("id") ?? ""))));
}

export function addManagementRoutes(app: Hono<FrontDoorEnv>): void {
	app.post(`${MANAGEMENT}/clusters`, createCluster);
	app.get(`${MANAGEMENT}/clusters`, listClusters);
	app.get(`${MANAGEMENT}/clusters/:name`, getCluster);
	app.delete(`${MANAGEMENT}/clusters/:name`, deleteCluster);
	app.post(`${MANAGEMENT}/clusters/:name/credentials`, createCredentials);
	app.put(`${MANAGEMENT}/clusters/:name/authentication`, setAuthentication);
	app.delete(`${MANAGEMENT}/clusters/:name/authentication`, setAuthentication);
	app.post(`${MANAGEMENT}/accounts`, createAccount);
	app.get(`${MANAGEMENT}/accounts`, listAccounts);
	app.delete(`${MANAGEMENT}/accounts/:name`, deleteAccount);
	app.post(`${MANAGEMENT}/accounts/:name/tokens`, createAccountToken);
	app.delete(`${MANAGEMENT}/accounts/:name/tokens/:id`, deleteAccountToken);
	app.all(`${MANAGEMENT}/*`, async (c) => {
		await caller(c);
		throw pathNotFound();
	});
}
