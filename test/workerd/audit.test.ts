/** The audit log of the front door, by a policy of each level. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { WorkerEnv } from "../../src/core/protocol/tokens.ts";
import { serve } from "../../src/worker/app.ts";
import { env } from "./support/bindings.ts";
import { configMap, configMaps, secret } from "./support/objects.ts";
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { eventually, TestCluster } from "./support/test-cluster.ts";

interface AuditEvent {
	[field: string]: unknown;
	stage: string;
	level: string;
	auditID: string;
}

afterEach(() => vi.restoreAllMocks());

/** Makes a request under a policy; the events that it left in the log, and its answer's Audit-ID. */
async function audited(
	cluster: TestCluster,
	policy: unknown,
	method: string,
	path: string,
	body?: unknown,
	headers: Record<string, string> = {},
	more: Partial<WorkerEnv> = {},
) {
	const lines: string[] = [];
	vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
	const settings: WorkerEnv = {
		...env,
		...more,
		PETREL_AUDIT_POLICY:
			policy === undefined
				? ""
				: typeof policy === "string"
					? policy
					: JSON.stringify({ kind: "Policy", apiVersion: "audit.k8s.io/v1", ...(policy as object) }),
	};
	const request = new Request(`https://petrel/clusters/${cluster.name}${path}`, {
		method,
		headers: {
			authorization: `Bearer ${cluster.adminToken}`,
			"content-type": "application/json",
			"user-agent": "test/1",
			"cf-connecting-ip": "192.0.2.7",
			...headers,
		},
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const ctx = createExecutionContext();
	const response = await serve(request, settings, ctx);
	const id = response.headers.get("audit-id");
	await response.text();
	await waitOnExecutionContext(ctx);
	vi.restoreAllMocks();
	return { id, status: response.status, events: lines.filter((line) => line.includes("audit.k8s.io")).map((line) => JSON.parse(line) as AuditEvent) };
}

describe("the audit log", () => {
	it("has nothing without a policy", async () => {
		const cluster = await TestCluster.create();
		expect((await audited(cluster, undefined, "GET", configMaps())).events).toEqual([]);
	});

	it("holds what admission policies have to say of a request", async () => {
		const cluster = await TestCluster.create();
		const group = "/apis/admissionregistration.k8s.io/v1";
		const apiVersion = "admissionregistration.k8s.io/v1";
		await cluster.call("POST", `${group}/validatingadmissionpolicies`, {
			apiVersion,
			kind: "ValidatingAdmissionPolicy",
			metadata: { name: "sizes.example.com" },
			spec: {
				matchConstraints: { resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }] },
				validations: [{ expression: "object.data.size() < 1", message: "groß" }],
				auditAnnotations: [{ key: "size", valueExpression: "string(object.data.size())" }],
			},
		});
		await cluster.call("POST", `${group}/validatingadmissionpolicybindings`, {
			apiVersion,
			kind: "ValidatingAdmissionPolicyBinding",
			metadata: { name: "sizes" },
			spec: { policyName: "sizes.example.com", validationActions: ["Audit"] },
		});
		const annotations = await eventually(async () => {
			const path = `${configMaps()}?dryRun=All`;
			const { events } = await audited(cluster, { rules: [{ level: "Metadata" }] }, "POST", path, configMap("a", { key: "value" }));
			const found = events[1]?.["annotations"] as Record<string, string> | undefined;
			return found?.["sizes.example.com/size"] === undefined ? undefined : found;
		});
		expect(annotations["sizes.example.com/size"]).toBe("1");
		expect(JSON.parse(annotations["validation.policy.admission.k8s.io/validation_failure"] ?? "")).toEqual([
			{ message: "groß", policy: "sizes.example.com", binding: "sizes", expressionIndex: 0, validationActions: ["Audit"] },
		]);
	});

	it("tells who asked what of whom, and what came of it", async () => {
		const cluster = await TestCluster.create();
		const { events, id } = await audited(cluster, { rules: [{ level: "Metadata" }] }, "POST", configMaps(), configMap("a", { key: "value" }));
		expect(events.map(({ stage }) => stage)).toEqual(["RequestReceived", "ResponseComplete"]);
		expect(events[1]).toMatchObject({
			kind: "Event",
			level: "Metadata",
			auditID: id,
			verb: "create",
			requestURI: `/clusters/${cluster.name}${configMaps()}`,
			user: { username: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] },
			sourceIPs: ["192.0.2.7"],
			userAgent: "test/1",
			objectRef: { resource: "configmaps", namespace: "default", apiVersion: "v1" },
			responseStatus: { code: 201 },
			requestReceivedTimestamp: expect.stringMatching(/^\d{4}-.*\.\d{6}Z$/),
			annotations: { "authorization.k8s.io/decision": "allow" },
		});
		expect(JSON.stringify(events)).not.toContain("value");
	});

	it("has objects at the levels that ask for them, without their managed fields when those are left out", async () => {
		const cluster = await TestCluster.create();
		const request = await audited(
			cluster,
			{ rules: [{ level: "Request", omitStages: ["RequestReceived"] }] },
			"POST",
			configMaps(),
			configMap("a", { key: "value" }),
		);
		expect(request.events).toMatchObject([{ requestObject: { metadata: { name: "a" }, data: { key: "value" } } }]);
		expect(request.events[0]).not.toHaveProperty("responseObject");
		const both = await audited(
			cluster,
			{ omitStages: ["RequestReceived"], rules: [{ level: "RequestResponse", omitManagedFields: true }] },
			"POST",
			configMaps(),
			configMap("b"),
		);
		expect(both.events).toMatchObject([{ requestObject: { metadata: { name: "b" } }, responseObject: { metadata: { uid: expect.any(String) } } }]);
		expect(JSON.stringify(both.events)).not.toContain("managedFields");
	});

	it("tells of refusals, of impersonation, and of those who were not let in", async () => {
		const cluster = await TestCluster.create();
		const policy = { omitStages: ["RequestReceived"], rules: [{ level: "Metadata" }] };
		const refused = await audited(cluster, policy, "GET", configMaps(), undefined, { "impersonate-user": "jane" });
		expect(refused.events).toMatchObject([
			{
				user: { username: "kubernetes-admin" },
				impersonatedUser: { username: "jane" },
				authenticationMetadata: { impersonationConstraint: "impersonate:user-info" },
				responseStatus: { code: 403, reason: "Forbidden" },
				annotations: { "authorization.k8s.io/decision": "forbid" },
			},
		]);
		const stranger = await audited(cluster, policy, "GET", configMaps(), undefined, { authorization: "Bearer wrong" });
		expect(stranger.events).toMatchObject([{ user: {}, responseStatus: { code: 401, reason: "Unauthorized" } }]);
	});

	it("says by which binding a request was allowed: in a namespace, across all of them, and of a path", async () => {
		const cluster = await TestCluster.create();
		const group = "/apis/rbac.authorization.k8s.io/v1";
		const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "jane" }];
		await cluster.call("POST", `${group}/clusterrolebindings`, {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRoleBinding",
			metadata: { name: "readers" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
			subjects,
		});
		const policy = { omitStages: ["RequestReceived", "ResponseStarted"], rules: [{ level: "Metadata" }] };
		const jane = { authorization: `Bearer ${await cluster.user("jane", "system:authenticated")}` };
		await eventually(async () => ((await cluster.fetch("GET", configMaps(), undefined, { token: jane.authorization.slice(7) })).ok ? true : undefined));
		const reason = async (path: string): Promise<unknown> => {
			const { events } = await audited(cluster, policy, "GET", path, undefined, jane);
			const [event] = events as [AuditEvent];
			return (event["annotations"] as Record<string, string>)["authorization.k8s.io/reason"];
		};
		const byView = 'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "view" to User "jane"';
		expect(await reason(configMaps())).toBe(byView);
		expect(await reason(`${configMaps()}?watch=true&timeoutSeconds=1`)).toBe(byView);
		expect(await reason("/api/v1/configmaps")).toBe(byView);
		expect(await reason("/apis")).toMatch(/^RBAC: allowed by ClusterRoleBinding "system:/);
		const refused = await audited(cluster, policy, "GET", "/api/v1/namespaces/default/secrets", undefined, jane);
		expect(refused.events).toMatchObject([{ annotations: { "authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": "" } }]);
	});

	it("names the credential that it issued, and a deprecated API", async () => {
		const cluster = await TestCluster.create();
		const policy = { omitStages: ["RequestReceived"], rules: [{ level: "Metadata" }] };
		const path = "/api/v1/namespaces/default/serviceaccounts/default/token";
		await eventually(async () => ((await cluster.fetch("GET", path.slice(0, -6))).ok ? true : undefined));
		const token = await audited(cluster, policy, "POST", path, { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences: [] } });
		expect(token.events).toMatchObject([
			{ annotations: { "authentication.kubernetes.io/issued-credential-id": expect.stringMatching(/^JTI=[0-9a-f-]{36}$/) } },
		]);
		const old = await audited(cluster, policy, "GET", "/api/v1/namespaces/default/endpoints");
		expect(old.events).toMatchObject([{ annotations: { "k8s.io/deprecated": "true" } }]);
	});

	it("is sent to a webhook as well, all that a request left at once", async () => {
		const cluster = await TestCluster.create();
		const sent: { url: string; list: { kind: string; apiVersion: string; items: AuditEvent[] } }[] = [];
		vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
			sent.push({ url: String(url), list: JSON.parse(String(init?.body)) });
			return new Response("", { status: sent.length === 1 ? 200 : 500 });
		});
		const backend = { PETREL_AUDIT_WEBHOOK: "https://audit.example.com/events" };
		const policy = { rules: [{ level: "Metadata" }] };
		const { events, id } = await audited(cluster, policy, "GET", configMaps(), undefined, {}, backend);
		expect(sent).toEqual([{ url: backend.PETREL_AUDIT_WEBHOOK, list: { kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items: events } }]);
		expect(events.map(({ stage, auditID }) => [stage, auditID])).toEqual([
			["RequestReceived", id],
			["ResponseComplete", id],
		]);
	});

	it("is in the log all the same when the webhook cannot be reached", async () => {
		const cluster = await TestCluster.create();
		vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("connection refused"));
		const errors = vi.spyOn(console, "error").mockImplementation(() => {});
		const backend = { PETREL_AUDIT_WEBHOOK: "https://audit.example.com/events" };
		const policy = { rules: [{ level: "Metadata", omitStages: ["RequestReceived"] }] };
		const lines: string[] = [];
		errors.mockImplementation((line: string) => void lines.push(line));
		const { events, status } = await audited(cluster, policy, "GET", configMaps(), undefined, {}, backend);
		expect([status, events.length]).toEqual([200, 1]);
		expect(lines.join()).toContain("the audit webhook could not be reached");
	});

	it("tells of an exec when its connection is switched", async () => {
		const cluster = await TestCluster.create();
		const pods = "/api/v1/namespaces/default/pods";
		await cluster.call("POST", pods, {
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: "p" },
			spec: { nodeName: "n1", containers: [{ name: "main", image: "i" }] },
		});
		const upgrade = { upgrade: "websocket", "sec-websocket-protocol": "v5.channel.k8s.io" };
		const policy = { rules: [{ level: "Metadata" }] };
		const { events } = await audited(cluster, policy, "GET", `${pods}/p/exec?command=id&stdout=1`, undefined, upgrade);
		expect(events.map(({ stage, responseStatus }) => [stage, (responseStatus as { code: number } | undefined)?.code])).toEqual([
			["RequestReceived", undefined],
			["ResponseStarted", 101],
			["ResponseComplete", 101],
		]);
		expect(events[2]).toMatchObject({
			objectRef: { resource: "pods", subresource: "exec", name: "p" },
			annotations: { "authorization.k8s.io/decision": "allow" },
		});
	});

	it("tells of a watch when it begins and when it ends", async () => {
		const cluster = await TestCluster.create();
		const { events } = await audited(cluster, { rules: [{ level: "Metadata" }] }, "GET", `${configMaps()}?watch=true&timeoutSeconds=1`);
		expect(events.map(({ stage, verb }) => `${verb} ${stage}`)).toEqual(["watch RequestReceived", "watch ResponseStarted", "watch ResponseComplete"]);
	});

	it("keeps Secrets' content out by the built-in policy, and takes no policy that it cannot read", async () => {
		const cluster = await TestCluster.create();
		const { events } = await audited(cluster, "default", "POST", "/api/v1/namespaces/default/secrets", secret("s", { key: "hunter2" }));
		expect(events).toMatchObject([{ level: "Metadata", objectRef: { resource: "secrets" } }]);
		expect(JSON.stringify(events)).not.toMatch(/hunter2|aHVudGVyMg/);
		expect((await audited(cluster, { rules: [{ level: "All" }] }, "GET", configMaps())).status).toBe(500);
	});
});
