/** Every way to say who one is, through the front door. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Secret, TokenReview } from "../../src/core/schema/kubernetes.d.ts";
import { env, fetchWorker } from "./support/bindings.ts";
import { pod, pods } from "./support/objects.ts";
import { TestAgent } from "./support/test-agent.ts";
import { eventually, manage, TestCluster } from "./support/test-cluster.ts";

const ISSUER = "https://issuer.example";
const WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";
const SECRETS = "/api/v1/namespaces/default/secrets";

interface Review {
	status: { userInfo: { username: string; groups: string[]; uid?: string; extra?: Record<string, string[]> } };
}

const whoIs = async (cluster: TestCluster, token: string): Promise<Review["status"]["userInfo"] | number> => {
	const response = await cluster.fetch("POST", WHO, { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }, { token });
	return response.ok ? (await response.json<Review>()).status.userInfo : response.status;
};
const reviewOf = async (cluster: TestCluster, token: string, audiences?: string[]): Promise<TokenReview["status"]> =>
	(
		await cluster.call<TokenReview>("POST", REVIEWS, {
			apiVersion: "authentication.k8s.io/v1",
			kind: "TokenReview",
			spec: { token, ...(audiences ? { audiences } : {}) },
		})
	).status;

afterEach(() => {
	vi.restoreAllMocks();
	vi.useRealTimers();
});

describe("a bootstrap token", () => {
	const path = "/api/v1/namespaces/kube-system/secrets";
	const bootstrap = (id: string, more: Record<string, string> = {}) => ({
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name: `bootstrap-token-${id}` },
		type: "bootstrap.kubernetes.io/token",
		stringData: {
			"token-id": id,
			"token-secret": "0123456789abcdef",
			"usage-bootstrap-authentication": "true",
			"auth-extra-groups": "system:bootstrappers:workers",
			...more,
		},
	});

	it("lets a machine join until it is revoked", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", path, bootstrap("abcdef"));
		const token = "abcdef.0123456789abcdef";
		expect(await whoIs(cluster, token)).toEqual({
			username: "system:bootstrap:abcdef",
			groups: ["system:bootstrappers", "system:bootstrappers:workers", "system:authenticated"],
		});
		const joined = await cluster.call("POST", "/agent/v1/join", { version: 1, nodeName: "w1", instanceId: "i" }, { token });
		expect(joined).toMatchObject({ credential: expect.any(String) });
		expect(await whoIs(cluster, "abcdef.0123456789abcdeX".toLowerCase())).toBe(401);
		expect(await whoIs(cluster, "zzzzzz.0123456789abcdef")).toBe(401);
		await cluster.call("DELETE", `${path}/bootstrap-token-abcdef`);
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + 11_000);
		expect(await whoIs(cluster, token)).toBe(401);
	});

	it("is nothing when it has expired, is for something else, or would give groups of its own choice", async () => {
		const cluster = await TestCluster.create();
		await cluster.call("POST", path, bootstrap("signer", { "usage-bootstrap-authentication": "false" }));
		await cluster.call("POST", path, bootstrap("master", { "auth-extra-groups": "system:masters" }));
		await cluster.call("POST", path, bootstrap("future", { expiration: new Date(Date.now() + 60_000).toISOString() }));
		for (const id of ["signer", "master"]) expect(await whoIs(cluster, `${id}.0123456789abcdef`)).toBe(401);
		expect(await whoIs(cluster, "future.0123456789abcdef")).not.toBe(401);
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + 61_000);
		expect(await whoIs(cluster, "future.0123456789abcdef")).toBe(401);
	});
});

describe("a node's credential", () => {
	it("ends for agents that renew it, and is renewed for the node's own agent alone", async () => {
		const cluster = await TestCluster.create();
		const join = (nodeName: string, more: object) =>
			cluster
				.joinToken()
				.then((token) =>
					cluster.call<{ credential: string; credentialSeconds?: number }>(
						"POST",
						"/agent/v1/join",
						{ version: 1, nodeName, instanceId: "i", ...more },
						{ token },
					),
				);
		expect(await join("old", {})).not.toHaveProperty("credentialSeconds");
		const { credential, credentialSeconds = 0 } = await join("new", { renews: true });
		const renew = (token: string, instanceId = "i") => cluster.fetch("POST", "/agent/v1/nodes/new/credential", { version: 1, instanceId }, { token });
		const renewed = await (await renew(credential)).json<{ credential: string }>();
		expect(await whoIs(cluster, renewed.credential)).toMatchObject({ username: "system:node:new" });
		expect((await renew(credential, "another")).status).toBe(409);
		expect((await renew(cluster.adminToken)).status).toBe(403);
		await cluster.call("DELETE", "/api/v1/nodes/new");
		expect((await renew(credential)).status).toBe(404);
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + credentialSeconds * 1000 + 1_000);
		expect(await whoIs(cluster, credential)).toBe(401);
	});
});

describe("a ServiceAccount's token", () => {
	const request = async (cluster: TestCluster, spec: object): Promise<string> =>
		(
			await cluster.call<{ status: { token: string } }>("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {
				apiVersion: "authentication.k8s.io/v1",
				kind: "TokenRequest",
				spec,
			})
		).status.token;

	it("ends with what it is bound to: a Pod, a Secret, a Node", async () => {
		const cluster = await TestCluster.create();
		const agent = await TestAgent.ready(cluster, "w1");
		await cluster.call("POST", pods(), pod("p"));
		await agent.pod(({ metadata }) => metadata.name === "p");
		await cluster.call("POST", SECRETS, { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } });
		const bound: Record<string, [string, string]> = {
			Pod: [await request(cluster, { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "p" } }), `${pods("p")}?gracePeriodSeconds=0`],
			Secret: [await request(cluster, { boundObjectRef: { apiVersion: "v1", kind: "Secret", name: "s" } }), `${SECRETS}/s`],
			Node: [await request(cluster, { boundObjectRef: { apiVersion: "v1", kind: "Node", name: "w1" } }), "/api/v1/nodes/w1"],
		};
		const extra = "authentication.kubernetes.io/";
		expect(await whoIs(cluster, bound["Pod"]?.[0] ?? "")).toMatchObject({
			extra: { [`${extra}node-name`]: ["w1"], [`${extra}node-uid`]: [expect.any(String)], [`${extra}pod-name`]: ["p"] },
		});
		expect(await whoIs(cluster, bound["Node"]?.[0] ?? "")).toMatchObject({ extra: { [`${extra}node-name`]: ["w1"] } });
		for (const [token, path] of Object.values(bound)) {
			expect(await whoIs(cluster, token)).toMatchObject({ username: "system:serviceaccount:default:default" });
			await cluster.call("DELETE", path);
		}
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + 11_000);
		for (const [token] of Object.values(bound)) expect(await whoIs(cluster, token)).toBe(401);
		expect(await reviewOf(cluster, bound["Node"]?.[0] ?? "")).toMatchObject({ error: "service account token has been invalidated" });
	});

	it("cannot be bound to what is not there, or is another", async () => {
		const cluster = await TestCluster.create();
		const refused = (boundObjectRef: object) =>
			cluster.refused("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {
				apiVersion: "authentication.k8s.io/v1",
				kind: "TokenRequest",
				spec: { boundObjectRef },
			});
		expect(await refused({ apiVersion: "v1", kind: "Node", name: "none" })).toMatchObject({ code: 404, message: 'nodes "none" not found' });
		expect(await refused({ apiVersion: "v1", kind: "Secret", name: "none" })).toMatchObject({ code: 404 });
		expect(await refused({ apiVersion: "v1", kind: "ConfigMap", name: "c" })).toMatchObject({ code: 422 });
	});

	it("is for its audiences alone", async () => {
		const cluster = await TestCluster.create();
		const token = await request(cluster, { audiences: ["vault", "consul"] });
		expect(await whoIs(cluster, token)).toBe(401);
		expect(await reviewOf(cluster, token, ["vault", "other"])).toMatchObject({ authenticated: true, audiences: ["vault"] });
		expect(await reviewOf(cluster, token, ["other"])).not.toHaveProperty("authenticated");
		expect(await reviewOf(cluster, cluster.adminToken, ["vault"])).not.toHaveProperty("authenticated");
	});

	it("fills a Secret of its type, and ends with it", async () => {
		const cluster = await TestCluster.create();
		const annotations = { "kubernetes.io/service-account.name": "default" };
		await cluster.call("POST", SECRETS, {
			apiVersion: "v1",
			kind: "Secret",
			metadata: { name: "legacy", annotations },
			type: "kubernetes.io/service-account-token",
		});
		const secret = await eventually(async () => {
			const found = await cluster.call<Secret>("GET", `${SECRETS}/legacy`);
			return found.data?.["token"] ? found : undefined;
		});
		expect(secret.metadata.annotations?.["kubernetes.io/service-account.uid"]).toMatch(/-/);
		expect(atob(secret.data?.["namespace"] ?? "")).toBe("default");
		expect(secret.data).toHaveProperty(["ca.crt"]);
		const token = atob(secret.data?.["token"] ?? "");
		expect(await whoIs(cluster, token)).toMatchObject({
			username: "system:serviceaccount:default:default",
			groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
		});
		await cluster.call("DELETE", `${SECRETS}/legacy`);
		vi.useFakeTimers({ toFake: ["Date"] });
		vi.setSystemTime(Date.now() + 11_000);
		expect(await whoIs(cluster, token)).toBe(401);
		await cluster.call("POST", SECRETS, {
			apiVersion: "v1",
			kind: "Secret",
			metadata: { name: "orphan", annotations: { "kubernetes.io/service-account.name": "none" } },
			type: "kubernetes.io/service-account-token",
		});
		expect((await cluster.fetch("GET", `${SECRETS}/orphan`)).status).toBe(404);
	});
});

describe("another issuer's token", () => {
	let privateKey: CryptoKey;
	let jwk: object;
	beforeAll(async () => {
		const pair = await generateKeyPair("RS256", { extractable: true });
		privateKey = pair.privateKey;
		jwk = { ...(await exportJWK(pair.publicKey)), kid: "issuer-key", alg: "RS256", use: "sig" };
	});

	const sign = (claims: Record<string, unknown>, key = privateKey, end = "10m"): Promise<string> =>
		new SignJWT({ iss: ISSUER, aud: "petrel", sub: "jane", ...claims })
			.setProtectedHeader({ alg: "RS256", kid: "issuer-key" })
			.setIssuedAt()
			.setExpirationTime(end)
			.sign(key);

	/** The issuer's two documents; everything else is asked of the Worker as it is. */
	function serveIssuer(): string[] {
		const asked: string[] = [];
		vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
			const url = input instanceof Request ? input.url : String(input);
			asked.push(url);
			return Response.json(url.endsWith("/keys") ? { keys: [jwk] } : { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` });
		});
		return asked;
	}

	const configuration = {
		apiVersion: "apiserver.config.k8s.io/v1",
		kind: "AuthenticationConfiguration",
		jwt: [
			{
				issuer: { url: ISSUER, audiences: ["petrel"] },
				claimMappings: { username: { claim: "sub", prefix: "oidc:" }, groups: { expression: "claims.?roles.orValue([])" } },
				claimValidationRules: [{ expression: "!has(claims.banned)", message: "banned" }],
			},
		],
		anonymous: { enabled: true, conditions: [{ path: "/apis" }] },
	};

	it("is read as the cluster's configuration says, and by no other cluster", async () => {
		const [cluster, other] = [await TestCluster.create(), await TestCluster.create()];
		const asked = serveIssuer();
		const set = await manage("PUT", `/clusters/${cluster.name}/authentication`, configuration);
		expect(set.status).toBe(200);
		const token = await sign({ roles: ["dev"] });
		expect(await whoIs(cluster, token)).toEqual({ username: "oidc:jane", groups: ["dev", "system:authenticated"] });
		expect(await whoIs(other, token)).toBe(401);
		for (const bad of [
			await sign({ aud: "else" }),
			await sign({ iss: "https://unknown.example" }),
			await sign({ banned: true }),
			await sign({ sub: "" }),
			await sign({}, privateKey, "-1m"),
			await sign({}, (await generateKeyPair("RS256")).privateKey),
		])
			expect(await whoIs(cluster, bad)).toBe(401);
		expect(asked).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/keys`]);
	});

	it("is not believed when the issuer is not who it says", async () => {
		const cluster = await TestCluster.create();
		vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ issuer: "https://else.example", jwks_uri: `${ISSUER}/keys` }));
		const away = "https://away.example";
		await manage("PUT", `/clusters/${cluster.name}/authentication`, {
			...configuration,
			jwt: [{ ...configuration.jwt[0], issuer: { url: away, audiences: ["petrel"] } }],
		});
		expect(await whoIs(cluster, await sign({ iss: away }))).toBe(401);
	});

	it("needs a configuration that can be understood", async () => {
		const cluster = await TestCluster.create();
		const put = (body: unknown) => manage("PUT", `/clusters/${cluster.name}/authentication`, body);
		const bad = await put({ ...configuration, jwt: [{ ...configuration.jwt[0], claimMappings: { username: { expression: "claims.sub +" } } }] });
		expect(bad.status).toBe(400);
		expect((await put({})).status).toBe(400);
	});

	it("lets in anonymous requests for the paths that it names", async () => {
		const cluster = await TestCluster.create();
		await manage("PUT", `/clusters/${cluster.name}/authentication`, configuration);
		expect(await cluster.refused("GET", "/apis", undefined, { token: "" })).toMatchObject({
			code: 403,
			message: 'forbidden: User "system:anonymous" cannot get path "/apis"',
		});
		const rbac = "/apis/rbac.authorization.k8s.io/v1";
		await cluster.call("POST", `${rbac}/clusterrolebindings`, {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRoleBinding",
			metadata: { name: "anyone-discovers" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:discovery" },
			subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:unauthenticated" }],
		});
		expect((await cluster.fetch("GET", "/apis", undefined, { token: "" })).status).toBe(200);
		expect((await cluster.fetch("GET", pods(), undefined, { token: "" })).status).toBe(401);
		expect((await cluster.fetch("GET", "/apis", undefined, { token: "wrong" })).status).toBe(401);
	});
});

describe("a client certificate", () => {
	const ask = (path: string, tls: Record<string, string>) =>
		fetchWorker(`${path}${WHO}`, {
			method: "POST",
			body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }),
			headers: { "content-type": "application/json" },
			cf: { tlsClientAuth: { certPresented: "1", certVerified: "SUCCESS", certSubjectDNRFC2253: "CN=jane,O=dev,O=a\\,b", ...tls } } as never,
		});

	it("names a user and groups, of the deployment's own cluster, when the platform has verified it", async () => {
		expect((await (await ask("", {})).json<Review>()).status.userInfo).toEqual({ username: "jane", groups: ["dev", "a,b", "system:authenticated"] });
		expect((await ask("", { certVerified: "FAILED:self signed certificate" })).status).toBe(401);
		expect((await ask("", { certPresented: "0" })).status).toBe(401);
		const { name } = await TestCluster.create();
		expect((await ask(`/clusters/${name}`, {})).status).toBe(401);
		expect(env.PETREL_AUTHENTICATION).toBeUndefined();
	});
});
