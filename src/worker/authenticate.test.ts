import { exportJWK, generateKeyPair } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import type { UserInfo } from "../core/api/request.ts";
import type { ImpersonationAsked } from "../objects/rpc.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { withDefaultGroups } from "../core/authz/impersonation.ts";
import { authenticate, impersonationTarget } from "./authenticate.ts";
import { signNodeCredential, signServiceAccountToken } from "./token-signing.ts";
import { verifyToken } from "./token-verification.ts";

const NOW_MS = 1_800_000_000_000;
let env: WorkerEnv;
let asked: UserInfo[];
/** What the Namespace object says of the ServiceAccount that a token is of. */
let problem: string | null = null;

beforeAll(async () => {
	const { privateKey } = await generateKeyPair("ES256", { extractable: true });
	const cluster = {
		authorizeImpersonation: async ({ requestor, target }: ImpersonationAsked) => {
			asked.push(requestor);
			if (requestor.name === "system:node:allowed") return { ok: true, user: withDefaultGroups(target), constraint: "impersonate:user-info" };
			const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason: "Forbidden", message: "no", code: 403 };
			return { ok: false, status };
		},
	};
	asked = [];
	env = {
		PETREL_SIGNING_KEY: JSON.stringify({ ...(await exportJWK(privateKey)), kid: "k" }),
		PETREL_CA: "",
		PETREL_ENCRYPTION_KEYS: "",
		CLUSTER: { idFromName: (n: string) => n, get: () => cluster },
		NAMESPACE: { idFromName: (n: string) => n, get: () => ({ boundTokenProblem: async () => problem }) },
	} as unknown as WorkerEnv;
});

const requestOf = (headers: Headers): Request => new Request("https://petrel/api", { headers });
const bearer = (token: string, more: Record<string, string> = {}) => new Headers({ authorization: `Bearer ${token}`, ...more });

describe("authenticate", () => {
	it("knows a node by its credential, in its own cluster alone", async () => {
		const token = await signNodeCredential(env, "default", "n1", NOW_MS);
		expect(await authenticate(env, "default", requestOf(bearer(token)), "/api", NOW_MS)).toEqual({
			cluster: "default",
			user: { name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
		});
		await expect(authenticate(env, "other", requestOf(bearer(token)), "/api", NOW_MS)).rejects.toMatchObject({ status: { code: 401 } });
	});

	it.each([undefined, "nonsense", "Basic abc", "Bearer not.a.token"])("answers 401 to %s", async (authorization) => {
		await expect(authenticate(env, "default", requestOf(new Headers(authorization ? { authorization } : {})), "/api", NOW_MS)).rejects.toMatchObject({
			status: { code: 401, reason: "Unauthorized" },
		});
	});

	it("gives a ServiceAccount its groups until its token ends", async () => {
		const claims = {
			sub: "system:serviceaccount:a:b",
			aud: ["https://kubernetes.default.svc.cluster.local"],
			"kubernetes.io": { namespace: "a", serviceaccount: { name: "b", uid: "u" } },
		};
		const { token, expirationTimestamp } = await signServiceAccountToken(env, "default", claims, 600, NOW_MS);
		expect(expirationTimestamp).toBe(new Date(NOW_MS + 600_000).toISOString().replace(".000Z", "Z"));
		const { user } = await authenticate(env, "default", requestOf(bearer(token)), "/api", NOW_MS);
		expect(user).toMatchObject({
			name: "system:serviceaccount:a:b",
			uid: "u",
			groups: ["system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"],
		});
		await expect(authenticate(env, "default", requestOf(bearer(token)), "/api", NOW_MS + 600_000)).rejects.toMatchObject({ status: { code: 401 } });
		expect(await verifyToken(env, "default", token, NOW_MS, ["vault"])).toMatchObject({ ok: false });
	});

	it("believes a ServiceAccount's token for ten seconds after the account has gone", async () => {
		const claims = {
			sub: "system:serviceaccount:a:gone",
			aud: ["https://kubernetes.default.svc.cluster.local"],
			"kubernetes.io": { namespace: "a", serviceaccount: { name: "gone", uid: "u" } },
		};
		const { token } = await signServiceAccountToken(env, "default", claims, 600, NOW_MS);
		await authenticate(env, "default", requestOf(bearer(token)), "/api", NOW_MS);
		problem = "service account token has been invalidated";
		await authenticate(env, "default", requestOf(bearer(token)), "/api", NOW_MS + 9_999);
		await expect(authenticate(env, "default", requestOf(bearer(token)), "/api", NOW_MS + 10_000)).rejects.toMatchObject({ status: { code: 401 } });
		expect(await verifyToken(env, "default", token, NOW_MS + 10_000)).toEqual({ ok: false, why: problem });
		problem = null;
	});

	it("lets only those act as others whom the cluster allows it", async () => {
		const allowed = await signNodeCredential(env, "default", "allowed", NOW_MS);
		const refused = await signNodeCredential(env, "default", "refused", NOW_MS);
		expect(await authenticate(env, "default", requestOf(bearer(allowed, { "impersonate-user": "jane", "impersonate-group": "dev" })), "/api", NOW_MS)).toEqual({
			cluster: "default",
			user: { name: "jane", groups: ["dev", "system:authenticated"] },
			impersonator: { name: "system:node:allowed", groups: ["system:nodes", "system:authenticated"] },
			constraint: "impersonate:user-info",
		});
		await expect(authenticate(env, "default", requestOf(bearer(refused, { "impersonate-user": "jane" })), "/api", NOW_MS)).rejects.toMatchObject({
			status: { code: 403 },
		});
	});
});

describe("impersonation", () => {
	it("reads user, groups, uid and extra", () => {
		const headers = new Headers({ "Impersonate-User": "jane", "Impersonate-Uid": "7", "Impersonate-Extra-example.com%2Fscope": "read" });
		headers.append("Impersonate-Group", "a");
		headers.append("Impersonate-Group", "b");
		expect(impersonationTarget(headers)).toEqual({ name: "jane", groups: ["a", "b"], uid: "7", extra: { "example.com/scope": ["read"] } });
	});

	it("needs a user", () => {
		expect(impersonationTarget(new Headers())).toBeUndefined();
		expect(() => impersonationTarget(new Headers({ "Impersonate-Group": "a" }))).toThrow("without naming a user");
	});

	it("gives a ServiceAccount the groups it always has, and an anonymous user its own", () => {
		expect(withDefaultGroups({ name: "system:serviceaccount:a:b", groups: [] }).groups).toEqual([
			"system:serviceaccounts",
			"system:serviceaccounts:a",
			"system:authenticated",
		]);
		expect(withDefaultGroups({ name: "system:anonymous", groups: [] }).groups).toEqual(["system:unauthenticated"]);
	});
});
