/** docs/webhooks.md's recipes for pushes in: applied by kubectl as they stand there, and sent to over HTTPS as the senders do. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { DIGEST_A, DIGEST_B, github, githubPullRequest, registry, type SentWebhook, standardWebhook } from "../support/webhook-senders.ts";
import { ControlPlane } from "./support/control-plane.ts";

const plane = new ControlPlane();
const { kubectl } = plane;
const ROOT = join(import.meta.dirname, "../..");
const DOCUMENT = readFileSync(join(ROOT, "docs/webhooks.md"), "utf8");
const run = promisify(execFile);

function recipe(name: string): string {
	const [, yaml] = new RegExp(`<!-- recipe: ${name} -->\n\`\`\`yaml\n(.*?)\`\`\``, "s").exec(DOCUMENT) ?? [];
	if (yaml === undefined) throw new Error(`docs/webhooks.md has no recipe ${name}`);
	return yaml;
}

const deployment = (image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: app, image: "${image}" }] } }
`;

/** Where the sender of a receiver sends, and with which secret. */
async function receiver(name: string): Promise<{ url: string; secret: string }> {
	await kubectl.run("wait", "--for=condition=Ready", `webhookreceiver/${name}`, "--timeout=30s");
	const url = await kubectl.run("get", "webhookreceiver", name, "-o", "jsonpath={.status.url}");
	const secret = await kubectl.run("get", "secret", name, "-o", "jsonpath={.data.secret}");
	return { url: url.trim(), secret: Buffer.from(secret.trim(), "base64").toString() };
}

function post(url: string, { headers, body }: SentWebhook): Promise<{ status: number; body: { outcome: string; message: string } }> {
	const ca = plane.data.read("ca.crt") ?? "";
	return new Promise((resolve, reject) => {
		const sent = request(url, { method: "POST", headers: { ...headers, "content-length": Buffer.byteLength(body) }, ca }, (response) => {
			text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) as { outcome: string; message: string } }), reject);
		});
		sent.on("error", reject);
		sent.end(body);
	});
}

beforeAll(() => plane.start({ allowsPrivateWebhookTargets: true }));
afterAll(() => plane.dispose());

describe("the recipes for pushes in", () => {
	it("deploy on image push", async () => {
		await kubectl.pipe(deployment("registry.example.com/octo/app:old"), "apply", "-f", "-");
		await kubectl.pipe(recipe("deploy-on-push"), "apply", "-f", "-");
		const { url, secret } = await receiver("push");
		expect(url.startsWith(`${plane.url}/webhooks/default/push/`)).toBe(true);
		const push = registry(`Bearer ${secret}`, DIGEST_B, "2026-01-01T00:00:01Z");
		expect(await post(url, push)).toMatchObject({ status: 200, body: { outcome: "Succeeded" } });
		expect(await post(url, push)).toMatchObject({ status: 200, body: { outcome: "Duplicate" } });
		expect(await post(url, registry(`Bearer ${secret}`, DIGEST_A, "2026-01-01T00:00:00Z"))).toMatchObject({ status: 200, body: { outcome: "Superseded" } });
		expect(await post(url, registry("Bearer wrong", DIGEST_A, "2026-01-01T00:00:02Z"))).toMatchObject({ status: 401 });
		const images = await kubectl.run("get", "replicasets", "-o", "jsonpath={.items[*].spec.template.spec.containers[0].image}");
		expect(images.split(" ").sort()).toEqual(["registry.example.com/octo/app:old", `registry.example.com/octo/app@${DIGEST_B}`]);
		expect(await kubectl.run("get", "whrec", "push")).toMatch(/push +Registry +True +\S+ +Rejected/);
	});

	it("preview namespace on a pull request", async () => {
		await kubectl.run("create", "namespace", "preview-template");
		await kubectl.pipe(deployment("ghcr.io/octo/app:main"), "apply", "-n", "preview-template", "-f", "-");
		await kubectl.pipe(recipe("preview-namespace"), "apply", "-f", "-");
		const { url, secret } = await receiver("pull-requests");
		const event = (action: string, at: string) => post(url, github(secret, "pull_request", githubPullRequest(action, 12, at, "f00d")));
		expect(await event("opened", "2026-01-01T00:00:00Z")).toMatchObject({
			status: 200,
			body: { outcome: "Succeeded", message: "preview: namespace preview-12 created: deployments/web copied" },
		});
		expect(await kubectl.run("get", "deployment", "web", "-n", "preview-12", "-o", "jsonpath={.spec.template.spec.containers[0].image}")).toBe(
			"ghcr.io/octo/app:f00d",
		);
		expect(await event("closed", "2026-01-01T00:01:00Z")).toMatchObject({ status: 200, body: { outcome: "Succeeded" } });
		await kubectl.run("wait", "--for=delete", "namespace/preview-12", "--timeout=60s");
	});
});

describe("a receiver", () => {
	it("applies the manifests that a payload points at, and the command tells its URL", async () => {
		const manifests = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: built}\ndata: {build: '7'}\n";
		const server = createServer((incoming, answer) => {
			if (incoming.url === "/builds/7") answer.writeHead(302, { location: "/store/manifests.yaml" }).end();
			else answer.writeHead(incoming.url === "/store/manifests.yaml" ? 200 : 404, { "content-type": "application/yaml" }).end(manifests);
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		onTestFinished(() => void server.close());
		const { port } = server.address() as AddressInfo;
		await kubectl.run("create", "serviceaccount", "builds");
		await kubectl.run("create", "rolebinding", "builds", "--clusterrole=edit", "--serviceaccount=default:builds");
		await kubectl.apply({
			apiVersion: "events.petrel.dev/v1",
			kind: "WebhookReceiver",
			metadata: { name: "builds" },
			spec: {
				type: "StandardWebhooks",
				secretRef: { name: "builds", create: true },
				serviceAccountName: "builds",
				actions: [{ name: "apply", condition: "payload.type == 'build.done'", apply: { url: `http://127.0.0.1:${port}/builds/\${payload.build}` } }],
			},
		});
		const { url, secret } = await receiver("builds");
		const told = await run(process.execPath, [join(ROOT, "bin/petrel.mjs"), "webhooks", "url", "builds", "--kubeconfig", plane.data.file("kubeconfig")]);
		expect(told.stdout.trim()).toBe(url);
		const done = (build: number) => post(url, standardWebhook(secret, { type: "build.done", build }, new Date()));
		expect(await done(7)).toMatchObject({ status: 200, body: { outcome: "Succeeded", message: "apply: configmaps/built applied" } });
		expect(await kubectl.run("get", "configmap", "built", "-o", "jsonpath={.data.build}")).toBe("7");
		expect(await done(8)).toMatchObject({ status: 422, body: { message: "apply: the artifact's server answered with 404" } });
	});
});
