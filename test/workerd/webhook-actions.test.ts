/** What receivers do beyond rolling and restarting: Jobs, manifests, preview namespaces; all by the ServiceAccount's rights. */
import { describe, expect, it } from "vitest";
import type { CronJob, Deployment, Job, Namespace, Secret, Service } from "../../src/core/schema/kubernetes.d.ts";
import { github, githubPullRequest, standardWebhook } from "../support/webhook-senders.ts";
import { configMaps, namespace, secret } from "./support/objects.ts";
import { deployment, deployments, grant, grantEverywhere, TestReceiver } from "./support/receivers.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

describe("createJob", () => {
	it("creates a Job with parameters out of the payload", async () => {
		const cluster = await TestCluster.create();
		await grant(cluster, "deployer", "edit");
		const cronJob: CronJob = {
			apiVersion: "batch/v1",
			kind: "CronJob",
			metadata: { name: "import" },
			spec: {
				schedule: "0 0 1 1 *",
				suspend: true,
				jobTemplate: {
					spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "example", env: [{ name: "FILE", value: "all" }] }] } } },
				},
			},
		};
		await cluster.call("POST", "/apis/batch/v1/namespaces/default/cronjobs", cronJob);
		const action = {
			name: "import",
			createJob: { cronJob: "import", env: [{ name: "FILE", value: "${payload.data.file}" }], args: ["--by", "${event.type}"] },
		};
		const receiver = await TestReceiver.create(cluster, { type: "StandardWebhooks", actions: [action] });
		const told = await receiver.send(standardWebhook(receiver.secret, { type: "file.uploaded", data: { file: "a.csv" } }, new Date()));
		expect(told).toMatchObject({ status: 200, outcome: "Succeeded" });
		const { items } = await cluster.call<{ items: Job[] }>("GET", "/apis/batch/v1/namespaces/default/jobs");
		expect(items).toMatchObject([
			{
				metadata: { annotations: { "cronjob.kubernetes.io/instantiate": "manual" }, ownerReferences: [{ kind: "CronJob", name: "import", controller: true }] },
				spec: { template: { spec: { containers: [{ env: [{ name: "FILE", value: "a.csv" }], args: ["--by", "file.uploaded"] }] } } },
			},
		]);
	});
});

describe("apply", () => {
	const config = (name: string, data: Record<string, string>) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });

	it("applies the payload's manifests, custom resources among them", async () => {
		const cluster = await TestCluster.create();
		await grantEverywhere(cluster, "deployer", "cluster-admin");
		await cluster.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
			apiVersion: "apiextensions.k8s.io/v1",
			kind: "CustomResourceDefinition",
			metadata: { name: "widgets.example.com" },
			spec: {
				group: "example.com",
				scope: "Namespaced",
				names: { plural: "widgets", singular: "widget", kind: "Widget" },
				versions: [
					{
						name: "v1",
						served: true,
						storage: true,
						schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { size: { type: "integer" } } } } } },
					},
				],
			},
		});
		const receiver = await TestReceiver.create(cluster, {
			type: "StandardWebhooks",
			actions: [{ name: "apply", apply: { manifests: "${payload.manifests}" } }],
		});
		const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 1 } };
		const manifests = [config("one", { a: "1" }), widget];
		await eventually(async () =>
			(await receiver.send(standardWebhook(receiver.secret, { type: "x", manifests }, new Date()))).outcome === "Succeeded" ? true : undefined,
		);
		const applied = await cluster.call<{ metadata: { managedFields: object[] } }>("GET", `${configMaps()}/one`);
		expect(applied.metadata.managedFields).toMatchObject([{ manager: "webhook-receiver", operation: "Apply" }]);
		expect(await cluster.call("GET", "/apis/example.com/v1/namespaces/default/widgets/w")).toMatchObject({ spec: { size: 1 } });
	});

	it("takes over nobody's fields unless it is told to, and tells of what it could not do", async () => {
		const cluster = await TestCluster.create();
		await grant(cluster, "deployer", "edit");
		await cluster.call("POST", configMaps(), config("mine", { a: "mine" }));
		const receiver = await TestReceiver.create(cluster, { type: "StandardWebhooks", actions: [{ name: "apply", apply: { manifests: "${payload.text}" } }] });
		const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\ndata: {a: theirs}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n";
		const told = await receiver.send(standardWebhook(receiver.secret, { type: "x", text }, new Date()));
		expect(told).toMatchObject({ status: 422, outcome: "Failed" });
		expect(told.message).toContain("0 of 2 objects applied");
		expect(told.message).toContain("Apply failed with 1 conflict");
		expect(told.message).toContain('cannot patch resource "namespaces"');
		expect(await cluster.call("GET", `${configMaps()}/mine`)).toMatchObject({ data: { a: "mine" } });
	});

	it("fetches nothing from a private address", async () => {
		const cluster = await TestCluster.create();
		await grant(cluster, "deployer", "edit");
		const receiver = await TestReceiver.create(cluster, { type: "StandardWebhooks", actions: [{ name: "apply", apply: { url: "${payload.url}" } }] });
		for (const url of [
			"http://127.0.0.1:8080/a.yaml",
			"http://[::1]/",
			"http://169.254.169.254/latest",
			"https://kubernetes.default.svc/api",
			"file:///etc/passwd",
			"nothing",
		]) {
			const told = await receiver.send(standardWebhook(receiver.secret, { type: "x", url }, new Date()));
			expect([told.status, told.outcome], url).toEqual([422, "Failed"]);
			expect(told.message, url).toMatch(/private address|no absolute http/);
		}
	});
});

describe("previewNamespace", () => {
	async function withTemplate(): Promise<{ cluster: TestCluster; receiver: TestReceiver }> {
		const cluster = await TestCluster.create();
		await grantEverywhere(cluster, "deployer", "cluster-admin");
		await cluster.call("POST", "/api/v1/namespaces", namespace("template"));
		await cluster.call("POST", deployments("", "template"), deployment("web"));
		await cluster.call("POST", "/api/v1/namespaces/template/services", {
			apiVersion: "v1",
			kind: "Service",
			metadata: { name: "web" },
			spec: { type: "NodePort", selector: { app: "web" }, ports: [{ port: 80 }] },
		});
		await cluster.call("POST", "/api/v1/namespaces/template/secrets", secret("database", { password: "p" }));
		await cluster.call("POST", "/api/v1/namespaces/template/secrets", secret("private", { password: "p" }));
		await cluster.call("POST", `${RBAC}/namespaces/template/rolebindings`, {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "RoleBinding",
			metadata: { name: "web" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
			subjects: [{ kind: "ServiceAccount", name: "default", namespace: "template" }],
		});
		const previewNamespace = {
			template: "template",
			name: "preview-${event.pullRequest.number}",
			secrets: ["database"],
			images: [{ container: "app", image: "ghcr.io/octo/app:${event.pullRequest.commit}" }],
			labels: { branch: "${event.pullRequest.branch}" },
			ttlSeconds: 3600,
		};
		return { cluster, receiver: await TestReceiver.create(cluster, { actions: [{ name: "preview", previewNamespace }] }) };
	}

	it("copies the template for a pull request, follows it, and goes with it", async () => {
		const { cluster, receiver } = await withTemplate();
		const event = (action: string, at: string, sha: string) => receiver.send(github(receiver.secret, "pull_request", githubPullRequest(action, 7, at, sha)));
		const opened = await event("opened", "2026-01-01T00:00:00Z", "c1");
		expect(opened).toMatchObject({ status: 200, outcome: "Succeeded" });
		expect(opened.message).toMatch(/^preview: namespace preview-7 created: \d+ objects copied$/);
		const made = await cluster.call<Namespace>("GET", "/api/v1/namespaces/preview-7");
		expect(made.metadata).toMatchObject({
			labels: { branch: "changes" },
			annotations: { "events.petrel.dev/preview-of": "default/hook", "events.petrel.dev/pull-request": "octo/app#7" },
		});
		const web = () => cluster.call<Deployment>("GET", deployments("web", "preview-7"));
		expect((await web()).spec?.template.spec?.containers[0]?.image).toBe("ghcr.io/octo/app:c1");
		const original = await cluster.call<Service>("GET", "/api/v1/namespaces/template/services/web");
		const service = await cluster.call<Service>("GET", "/api/v1/namespaces/preview-7/services/web");
		expect(service.spec?.clusterIP).not.toBe(original.spec?.clusterIP);
		expect(service.spec?.ports?.[0]?.nodePort).not.toBe(original.spec?.ports?.[0]?.nodePort);
		const { items } = await cluster.call<{ items: Secret[] }>("GET", "/api/v1/namespaces/preview-7/secrets");
		expect(items.map(({ metadata }) => metadata.name)).toEqual(["database"]);
		expect(await cluster.call("GET", `${RBAC}/namespaces/preview-7/rolebindings/web`)).toMatchObject({ subjects: [{ namespace: "preview-7" }] });
		// As any Deployment's, its pods are made.
		await eventually(async () => ((await cluster.call<{ items: object[] }>("GET", "/api/v1/namespaces/preview-7/pods")).items.length === 1 ? true : undefined));

		expect(await event("synchronize", "2026-01-01T00:01:00Z", "c2")).toMatchObject({ outcome: "Succeeded" });
		expect((await web()).spec?.template.spec?.containers[0]?.image).toBe("ghcr.io/octo/app:c2");
		expect(await event("closed", "2026-01-01T00:02:00Z", "c2")).toMatchObject({ outcome: "Succeeded", message: "preview: namespace preview-7 deleted" });
		expect(await event("synchronize", "2026-01-01T00:01:30Z", "c3")).toMatchObject({ status: 200, outcome: "Superseded" });
	});

	it("deletes no namespace that it has not made", async () => {
		const { cluster, receiver } = await withTemplate();
		await cluster.call("POST", "/api/v1/namespaces", namespace("preview-7"));
		const told = await receiver.send(github(receiver.secret, "pull_request", githubPullRequest("closed", 7, "2026-01-01T00:00:00Z")));
		expect(told).toMatchObject({ status: 422, message: "preview: namespace preview-7 was not made by this receiver" });
		expect(await cluster.call("GET", "/api/v1/namespaces/preview-7")).toMatchObject({ status: { phase: "Active" } });
	});

	it("hands out no rights that its ServiceAccount has not", async () => {
		const { cluster, receiver } = await withTemplate();
		await cluster.call("DELETE", `${RBAC}/clusterrolebindings/deployer`);
		await cluster.call("POST", `${RBAC}/clusterroles`, {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRole",
			metadata: { name: "previews" },
			rules: [
				{ apiGroups: [""], resources: ["namespaces"], verbs: ["get", "create", "patch", "delete"] },
				{
					apiGroups: ["", "apps", "batch", "networking.k8s.io", "autoscaling", "policy", "rbac.authorization.k8s.io"],
					resources: ["*"],
					verbs: ["get", "list", "create", "patch"],
				},
			],
		});
		await cluster.call("POST", `${RBAC}/clusterrolebindings`, {
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "ClusterRoleBinding",
			metadata: { name: "previews" },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "previews" },
			subjects: [{ kind: "ServiceAccount", name: "deployer", namespace: "default" }],
		});
		const told = await receiver.send(github(receiver.secret, "pull_request", githubPullRequest("opened", 7, "2026-01-01T00:00:00Z")));
		expect(told).toMatchObject({ status: 422, outcome: "Failed" });
		expect(told.message).toContain("rolebindings/web: ");
		expect(told.message).toContain("attempting to grant RBAC permissions not currently held");
	});
});
