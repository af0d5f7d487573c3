/** From a registry's push, as its notification is sent, to the new ReplicaSet, as a watcher sees it. */
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:https";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { cpuSeconds, percentile, type Target } from "./load.ts";

const PUSHES = 100;
/** What an issue asks for, in milliseconds. */
const TARGET_MS = 500;
const DEPLOYMENT = "bench";

interface Answer {
	code: number;
	body: string;
}

/** One connection that is kept, as a registry's or a controller's. */
class Client {
	readonly #target: Target;
	readonly agent: Agent;

	constructor(target: Target) {
		this.#target = target;
		this.agent = new Agent({ keepAlive: true, ca: target.ca });
	}

	send(method: string, url: string, body: string, headers: Record<string, string>): Promise<Answer> {
		return new Promise((resolve, reject) => {
			const call = request(url, { method, agent: this.agent, headers: { ...headers, "content-length": Buffer.byteLength(body) } }, (response) => {
				text(response).then((answer) => resolve({ code: response.statusCode ?? 0, body: answer }), reject);
			});
			call.on("error", reject);
			call.end(body);
		});
	}

	async api<T>(method: string, path: string, body?: object): Promise<T> {
		const headers = { authorization: `Bearer ${this.#target.token}`, "content-type": "application/json", accept: "application/json" };
		const answer = await this.send(method, this.#target.url + path, body === undefined ? "" : JSON.stringify(body), headers);
		if (answer.code >= 300) throw new Error(`${method} ${path}: ${answer.code} ${answer.body}`);
		return JSON.parse(answer.body) as T;
	}
}

/** Tells of each new ReplicaSet by its image; resolves once the watch is open. */
function watchImages(target: Target, agent: Agent, onImage: (image: string, atMs: number) => void): Promise<() => void> {
	const headers = { authorization: `Bearer ${target.token}`, accept: "application/json" };
	return new Promise((resolve, reject) => {
		const call = request(`${target.url}/apis/apps/v1/namespaces/default/replicasets?watch=true`, { agent, headers }, (response) => {
			const lines = createInterface({ input: response });
			// The watch ends by being cut.
			lines.on("error", () => {});
			lines.on("line", (line) => {
				if (!line.startsWith("{")) return;
				const { type, object } = JSON.parse(line) as { type: string; object: { spec?: { template?: { spec?: { containers?: { image: string }[] } } } } };
				if (type === "ADDED") onImage(object.spec?.template?.spec?.containers?.[0]?.image ?? "", performance.now());
			});
			resolve(() => call.destroy());
		});
		call.on("error", reject);
		call.end();
	});
}

async function prepare(client: Client): Promise<{ url: string; secret: string }> {
	await client.api("POST", "/api/v1/namespaces/default/serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "bench" } });
	await client.api("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", {
		apiVersion: "rbac.authorization.k8s.io/v1",
		kind: "RoleBinding",
		metadata: { name: "bench" },
		roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
		subjects: [{ kind: "ServiceAccount", name: "bench", namespace: "default" }],
	});
	const template = { metadata: { labels: { app: DEPLOYMENT } }, spec: { containers: [{ name: "app", image: "registry.example.com/octo/app:old" }] } };
	const spec = { replicas: 3, selector: { matchLabels: { app: DEPLOYMENT } }, template };
	await client.api("POST", "/apis/apps/v1/namespaces/default/deployments", { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: DEPLOYMENT }, spec });
	const setImage = { workload: { kind: "Deployment", name: DEPLOYMENT }, repository: "octo/app" };
	await client.api("POST", "/apis/events.petrel.dev/v1/namespaces/default/webhookreceivers", {
		apiVersion: "events.petrel.dev/v1",
		kind: "WebhookReceiver",
		metadata: { name: "bench" },
		spec: {
			type: "Registry",
			secretRef: { name: "bench", create: true },
			serviceAccountName: "bench",
			requestsPerMinute: 6000,
			actions: [{ name: "roll", setImage }],
		},
	});
	const { status } = await client.api<{ status: { url: string } }>("GET", "/apis/events.petrel.dev/v1/namespaces/default/webhookreceivers/bench");
	const { data } = await client.api<{ data: { secret: string } }>("GET", "/api/v1/namespaces/default/secrets/bench");
	return { url: status.url, secret: Buffer.from(data.secret, "base64").toString() };
}

const notification = (digest: string): string =>
	JSON.stringify({
		events: [
			{
				id: randomBytes(16).toString("hex"),
				timestamp: new Date().toISOString(),
				action: "push",
				target: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, repository: "octo/app", tag: "main", size: 708 },
				request: { host: "registry.example.com", method: "PUT" },
			},
		],
	});

/** Prints the figures of `npm run bench:webhooks` for pushes in. */
export async function benchReceivers(target: Target): Promise<void> {
	const client = new Client(target);
	const { url, secret } = await prepare(client);
	const seen = new Map<string, (atMs: number) => void>();
	const close = await watchImages(target, client.agent, (image, atMs) => seen.get(image)?.(atMs));
	const cpuBefore = cpuSeconds(target.pid);
	const toReplicaSet: number[] = [];
	const toAnswer: number[] = [];
	for (let i = 0; i < PUSHES; i++) {
		const digest = `sha256:${randomBytes(32).toString("hex")}`;
		const arrived = new Promise<number>((resolve) => seen.set(`registry.example.com/octo/app@${digest}`, resolve));
		const sentMs = performance.now();
		const answer = await client.send("POST", url, notification(digest), {
			"content-type": "application/vnd.docker.distribution.events.v2+json",
			authorization: `Bearer ${secret}`,
		});
		if (answer.code !== 200) throw new Error(`a push was answered with ${answer.code}: ${answer.body}`);
		toAnswer.push(performance.now() - sentMs);
		toReplicaSet.push((await arrived) - sentMs);
	}
	close();
	client.agent.destroy();
	const row = (what: string, ms: readonly number[]) =>
		`| ${what} | ${percentile(ms, 50).toFixed(1)} ms | ${percentile(ms, 99).toFixed(1)} ms | ${Math.max(...ms).toFixed(1)} ms |`;
	console.log(`\nPushes in, ${PUSHES} one after the other\n\n| from a registry's push to | p50 | p99 | slowest |\n|---|---|---|---|`);
	console.log(row("the new ReplicaSet, as a watcher sees it", toReplicaSet));
	console.log(row("the answer", toAnswer));
	console.log(`CPU ${(((cpuSeconds(target.pid) - cpuBefore) * 1000) / PUSHES).toFixed(1)} ms a push, the rollout that it begins among them.`);
	const slowest = Math.max(...toReplicaSet);
	console.log(slowest < TARGET_MS ? `All within ${TARGET_MS} ms.` : `Not all within ${TARGET_MS} ms: the slowest took ${slowest.toFixed(0)} ms.`);
}
