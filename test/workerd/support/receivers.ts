/** A WebhookReceiver in a cluster, its ServiceAccount and what it acts on. */
import type { WebhookReceiver, WebhookReceiverAction, WebhookReceiverSpec } from "../../../src/core/schema/kubernetes.d.ts";
import type { SentWebhook } from "../../support/webhook-senders.ts";
import { fetchWorker } from "./bindings.ts";
import { eventually, type TestCluster } from "./test-cluster.ts";

export const receivers = (name = "", namespace = "default"): string =>
	`/apis/events.petrel.dev/v1/namespaces/${namespace}/webhookreceivers${name === "" ? "" : `/${name}`}`;
export const deployments = (name = "", namespace = "default"): string => `/apis/apps/v1/namespaces/${namespace}/deployments${name === "" ? "" : `/${name}`}`;

export interface Told {
	status: number;
	delivery: string;
	outcome: string;
	message: string;
	actions: { name: string; outcome: string; message: string }[];
}

export const deployment = (name: string, image = "ghcr.io/octo/app:old"): object => ({
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name },
	spec: {
		replicas: 1,
		selector: { matchLabels: { app: name } },
		template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "app", image }] } },
	},
});

/** Lets a ServiceAccount of "default" do what a ClusterRole says, there. */
export async function grant(cluster: TestCluster, account: string, role: string): Promise<void> {
	await cluster.call("POST", "/api/v1/namespaces/default/serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account } });
	await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", {
		apiVersion: "rbac.authorization.k8s.io/v1",
		kind: "RoleBinding",
		metadata: { name: account },
		roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
		subjects: [{ kind: "ServiceAccount", name: account, namespace: "default" }],
	});
}

/** Lets a ServiceAccount of "default" do what a ClusterRole says, everywhere. */
export async function grantEverywhere(cluster: TestCluster, account: string, role: string): Promise<void> {
	await cluster.call("POST", "/api/v1/namespaces/default/serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account } });
	await cluster.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
		apiVersion: "rbac.authorization.k8s.io/v1",
		kind: "ClusterRoleBinding",
		metadata: { name: account },
		roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
		subjects: [{ kind: "ServiceAccount", name: account, namespace: "default" }],
	});
}

export class TestReceiver {
	readonly cluster: TestCluster;
	readonly name: string;
	/** Below the deployment's root. */
	readonly path: string;
	readonly secret: string;

	private constructor(cluster: TestCluster, name: string, path: string, secret: string) {
		this.cluster = cluster;
		this.name = name;
		this.path = path;
		this.secret = secret;
	}

	/** One that has its Secret made for it. */
	static async create(cluster: TestCluster, spec: Partial<WebhookReceiverSpec> & { actions: WebhookReceiverAction[] }, name = "hook"): Promise<TestReceiver> {
		await cluster.call("POST", receivers(), {
			apiVersion: "events.petrel.dev/v1",
			kind: "WebhookReceiver",
			metadata: { name },
			spec: { type: "GitHub", secretRef: { name, create: true }, serviceAccountName: "deployer", ...spec },
		});
		const ready = await eventually(async () => {
			const { status } = await cluster.call<WebhookReceiver>("GET", receivers(name));
			return status?.conditions?.[0]?.status === "True" ? status : undefined;
		});
		const { data } = await cluster.call<{ data: Record<string, string> }>("GET", `/api/v1/namespaces/default/secrets/${name}`);
		const url = new URL(ready.url ?? "");
		return new TestReceiver(cluster, name, url.pathname, atob(data["secret"] ?? ""));
	}

	post({ headers, body }: SentWebhook, behind = ""): Promise<Response> {
		return fetchWorker(this.path + behind, { method: "POST", headers, body });
	}

	async send(webhook: SentWebhook, behind = ""): Promise<Told> {
		const response = await this.post(webhook, behind);
		return { status: response.status, ...(await response.json<Omit<Told, "status">>()) };
	}

	read(): Promise<WebhookReceiver> {
		return this.cluster.call("GET", receivers(this.name));
	}
}
