/** Deliveries to WebhookReceivers through the front door, as each sender makes them. */
import { describe, expect, it } from "vitest";
import type { Deployment, ReplicaSet, WebhookReceiverAction, WebhookReceiverSpec } from "../../src/core/schema/kubernetes.d.ts";
import {
	DIGEST_A,
	DIGEST_B,
	dockerHub,
	github,
	githubPackage,
	gitlab,
	gitlabMergeRequest,
	harbor,
	harborCloudEvent,
	registry,
	type SentWebhook,
	slackLike,
	standardWebhook,
} from "../support/webhook-senders.ts";
import { fetchWorker } from "./support/bindings.ts";
import { deployment, deployments, grant, receivers, TestReceiver } from "./support/receivers.ts";
import { TestCluster } from "./support/test-cluster.ts";

const roll = (repository: string): WebhookReceiverAction => ({
	name: "roll",
	setImage: { workload: { kind: "Deployment", name: "web" }, repository, tag: "main" },
});
const restart: WebhookReceiverAction = { name: "restart", restart: { workload: { kind: "Deployment", name: "web" } } };
const imageOf = (object: Deployment): string => object.spec?.template.spec?.containers[0]?.image ?? "";

async function clusterWithWeb(): Promise<TestCluster> {
	const cluster = await TestCluster.create();
	await grant(cluster, "deployer", "edit");
	await cluster.call("POST", deployments(), deployment("web"));
	return cluster;
}

const web = (cluster: TestCluster): Promise<Deployment> => cluster.call("GET", deployments("web"));

describe("a push, from each sender", () => {
	const pushes: { type: WebhookReceiverSpec["type"]; repository: string; webhook: (secret: string) => SentWebhook; image: string; behind?: true }[] = [
		{
			type: "GitHub",
			repository: "ghcr.io/octo/app",
			webhook: (secret) => github(secret, "package", githubPackage("main", DIGEST_A, "2026-01-01T00:00:00Z")),
			image: `ghcr.io/octo/app@${DIGEST_A}`,
		},
		{
			type: "Registry",
			repository: "octo/app",
			webhook: (secret) => registry(`Bearer ${secret}`, DIGEST_A, "2026-01-01T00:00:00.5Z"),
			image: `registry.example.com/octo/app@${DIGEST_A}`,
		},
		{
			type: "Harbor",
			repository: "harbor.example.com/octo/*",
			webhook: (secret) => harbor(secret, DIGEST_A, 1767225600),
			image: `harbor.example.com/octo/app@${DIGEST_A}`,
		},
		{
			type: "Harbor",
			repository: "octo/app",
			webhook: (secret) => harborCloudEvent(secret, DIGEST_B, "2026-01-01T00:00:00Z"),
			image: `harbor.example.com/octo/app@${DIGEST_B}`,
		},
		{
			type: "DockerHub",
			repository: "svendowideit/testhook",
			webhook: () => dockerHub("svendowideit/testhook", "main", 1417566161),
			image: "docker.io/svendowideit/testhook:main",
			behind: true,
		},
	];
	for (const { type, repository, webhook, image, behind } of pushes)
		it(`${type} rolls the workload to ${image.slice(0, 50)}`, async () => {
			const cluster = await clusterWithWeb();
			const receiver = await TestReceiver.create(cluster, { type, actions: [roll(repository)] });
			const told = await receiver.send(webhook(receiver.secret), behind ? `/${receiver.secret}` : "");
			expect(told).toMatchObject({ status: 200, outcome: "Succeeded", actions: [{ name: "roll", outcome: "Succeeded" }] });
			expect(imageOf(await web(cluster))).toBe(image);
			const { items } = await cluster.call<{ items: ReplicaSet[] }>("GET", "/apis/apps/v1/namespaces/default/replicasets");
			expect(items.some((set) => set.spec?.template?.spec?.containers[0]?.image === image)).toBe(true);
			const { status } = await receiver.read();
			expect(status?.deliveries).toMatchObject([{ outcome: "Succeeded", message: `roll: deployment/web image set to ${image}` }]);
		});

	it("any that signs by an HMAC, and Standard Webhooks, restart a rollout", async () => {
		const cluster = await clusterWithWeb();
		const hmac = { header: "X-Slack-Signature", prefix: "v0=", content: "v0:{timestamp}:{body}", timestampHeader: "X-Slack-Request-Timestamp" };
		const slack = await TestReceiver.create(cluster, { type: "HMAC", hmac, actions: [restart] }, "slack");
		const nowSeconds = Math.floor(Date.now() / 1000);
		expect(await slack.send(slackLike(slack.secret, { type: "block_actions" }, nowSeconds))).toMatchObject({ status: 200, outcome: "Succeeded" });
		expect((await slack.post(slackLike(slack.secret, { type: "block_actions" }, nowSeconds - 301))).status).toBe(401);
		const standard = await TestReceiver.create(cluster, { type: "StandardWebhooks", actions: [restart] }, "standard");
		expect(standard.secret).toMatch(/^whsec_/);
		expect(await standard.send(standardWebhook(standard.secret, { type: "build.done" }, new Date()))).toMatchObject({ status: 200, outcome: "Succeeded" });
		expect((await web(cluster)).spec?.template.metadata?.annotations?.["kubectl.kubernetes.io/restartedAt"]).toBeDefined();
	});

	it("GitLab proves itself by its token or by its signature", async () => {
		const cluster = await clusterWithWeb();
		const receiver = await TestReceiver.create(cluster, {
			type: "GitLab",
			actions: [{ ...restart, condition: "event.pullRequest.action == 'opened' && event.pullRequest.number == 7" }],
		});
		const payload = gitlabMergeRequest("open", 7, "2026-01-01 00:00:00 UTC");
		expect(await receiver.send(gitlab(receiver.secret, payload))).toMatchObject({ status: 200, outcome: "Succeeded" });
		expect(await receiver.send(gitlab(receiver.secret, gitlabMergeRequest("update", 7, "2026-01-01 00:00:01 UTC")))).toMatchObject({ outcome: "Skipped" });
		expect((await receiver.post(gitlab("wrong", payload))).status).toBe(401);
		const signed = standardWebhook(`whsec_${btoa("k".repeat(32))}`, payload, new Date());
		expect((await receiver.post(signed)).status).toBe(401);
	});
});

describe("a delivery", () => {
	it("is carried out once, however often it comes", async () => {
		const cluster = await clusterWithWeb();
		const receiver = await TestReceiver.create(cluster, { actions: [roll("octo/app"), restart] });
		const push = github(receiver.secret, "package", githubPackage("main", DIGEST_A, "2026-01-01T00:00:00Z"));
		const told = await Promise.all([1, 2, 3].map(() => receiver.send(push)));
		expect(told.map(({ outcome }) => outcome).sort()).toEqual(["Duplicate", "Duplicate", "Succeeded"]);
		// A replay cannot hide behind another id: the id is not signed.
		expect(await receiver.send({ ...push, headers: { ...push.headers, "x-github-delivery": "other" } })).toMatchObject({ status: 200, outcome: "Duplicate" });
		expect((await web(cluster)).metadata.generation).toBe(3);
	});

	it("of an older push that comes late changes nothing", async () => {
		const cluster = await clusterWithWeb();
		const receiver = await TestReceiver.create(cluster, { actions: [roll("octo/app")] });
		await receiver.send(github(receiver.secret, "package", githubPackage("main", DIGEST_B, "2026-01-01T00:00:05Z")));
		const late = await receiver.send(github(receiver.secret, "package", githubPackage("main", DIGEST_A, "2026-01-01T00:00:00Z")));
		expect(late).toMatchObject({ status: 200, outcome: "Superseded" });
		expect(imageOf(await web(cluster))).toBe(`ghcr.io/octo/app@${DIGEST_B}`);
	});

	it("of another repository or tag is skipped, and so is a ping", async () => {
		const cluster = await clusterWithWeb();
		const receiver = await TestReceiver.create(cluster, { actions: [roll("octo/app")] });
		expect(await receiver.send(github(receiver.secret, "ping", { zen: "Design for failure.", hook_id: 1 }))).toMatchObject({ status: 200, message: "pong" });
		const other = await receiver.send(github(receiver.secret, "package", githubPackage("dev", DIGEST_A, "2026-01-01T00:00:00Z")));
		expect(other).toMatchObject({ status: 200, outcome: "Skipped", message: 'roll: tag "dev" is not main' });
	});

	it("has the ServiceAccount's rights and no more", async () => {
		const cluster = await TestCluster.create();
		await grant(cluster, "deployer", "view");
		await cluster.call("POST", deployments(), deployment("web"));
		const receiver = await TestReceiver.create(cluster, { actions: [roll("octo/app")] });
		const push = github(receiver.secret, "package", githubPackage("main", DIGEST_A, "2026-01-01T00:00:00Z"));
		const told = await receiver.send(push);
		expect(told).toMatchObject({ status: 422, outcome: "Failed" });
		expect(told.message).toContain('User "system:serviceaccount:default:deployer" cannot patch resource "deployments" in API group "apps"');
		await cluster.call("PATCH", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/deployer", [{ op: "remove", path: "/subjects" }], {
			contentType: "application/json-patch+json",
		});
		await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "RoleBinding",
			metadata: { name: "edit" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
			subjects: [{ kind: "ServiceAccount", name: "deployer", namespace: "default" }],
		});
		// What failed may be sent again.
		expect(await receiver.send(push)).toMatchObject({ status: 200, outcome: "Succeeded" });
	});
});

describe("a receiver", () => {
	it("takes nothing that is not its sender's, and tells nothing", async () => {
		const cluster = await clusterWithWeb();
		const receiver = await TestReceiver.create(cluster, { actions: [roll("octo/app")] });
		const push = github("wrong", "package", githubPackage("main", DIGEST_A, "2026-01-01T00:00:00Z"));
		const refused = await receiver.post(push);
		expect([refused.status, await refused.text()]).toEqual([401, expect.not.stringContaining(receiver.secret)]);
		expect((await receiver.read()).status?.deliveries).toMatchObject([{ outcome: "Rejected" }]);
		expect((await fetchWorker(receiver.path, { method: "GET" })).status).toBe(405);
		const { headers, body } = github(receiver.secret, "package", { much: "x".repeat(3 * 1024 * 1024) });
		expect((await receiver.post({ headers, body })).status).toBe(413);
		for (const path of [
			`${receiver.path}x`,
			receiver.path.replace("/default/", "/other/"),
			receiver.path.replace("/hook/", "/hook2/"),
			receiver.path.replace(cluster.name, "default").replace("/clusters/default", ""),
		])
			expect((await fetchWorker(path, { method: "POST", ...push })).status, path).toBe(404);
		await cluster.call("DELETE", receivers("hook"));
		const gone = await receiver.post(github(receiver.secret, "ping", {}));
		expect([gone.status, await gone.json()]).toMatchObject([404, { message: "the server could not find the requested resource" }]);
	});

	it("takes so many deliveries in a minute, and none while it is suspended", async () => {
		const cluster = await clusterWithWeb();
		const receiver = await TestReceiver.create(cluster, { requestsPerMinute: 2, actions: [restart] });
		const ping = () => github(receiver.secret, "ping", { zen: crypto.randomUUID() });
		expect([(await receiver.post(ping())).status, (await receiver.post(ping())).status]).toEqual([200, 200]);
		const refused = await receiver.post(ping());
		expect([refused.status, Number(refused.headers.get("retry-after"))]).toEqual([429, 30]);
		await cluster.call("PATCH", receivers("hook"), { spec: { suspend: true } }, { contentType: "application/merge-patch+json" });
		expect((await receiver.post(ping())).status).toBe(503);
	});

	it("keeps the last 20 deliveries, and takes a secret that is being replaced", async () => {
		const cluster = await clusterWithWeb();
		const receiver = await TestReceiver.create(cluster, { secretRef: { name: "hook", create: true, previousKey: "old" }, actions: [restart] });
		await cluster.call(
			"PATCH",
			"/api/v1/namespaces/default/secrets/hook",
			{ stringData: { secret: "new-secret", old: receiver.secret } },
			{ contentType: "application/merge-patch+json" },
		);
		for (let i = 0; i < 22; i++) await receiver.send(github(i % 2 === 0 ? receiver.secret : "new-secret", "ping", { i }, `id-${i}`));
		const deliveries = (await receiver.read()).status?.deliveries ?? [];
		expect([deliveries.length, deliveries[0]?.id, deliveries[19]?.id]).toEqual([20, "id-21", "id-2"]);
	});

	it("is written only by who may act as its ServiceAccount", async () => {
		const cluster = await clusterWithWeb();
		await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRole",
			metadata: { name: "hooks" },
			rules: [{ apiGroups: ["events.petrel.dev"], resources: ["webhookreceivers"], verbs: ["*"] }],
		});
		await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRoleBinding",
			metadata: { name: "hooks" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "hooks" },
			subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "mallory" }],
		});
		await TestReceiver.create(cluster, { actions: [roll("octo/app")] });
		const token = await cluster.user("mallory");
		const change = { spec: { actions: [{ name: "own", restart: restart.restart }] } };
		const refusal = await cluster.refused("PATCH", receivers("hook"), change, { token, contentType: "application/merge-patch+json" });
		expect(refusal).toMatchObject({ code: 403 });
		expect(refusal.message).toContain('User "mallory" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "default"');
		await cluster.call("PATCH", receivers("hook"), { metadata: { labels: { a: "b" } } }, { token, contentType: "application/merge-patch+json" });
	});
});
