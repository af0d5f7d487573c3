/** Admission webhooks on HTTPS servers with a private CA, as kubectl meets them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCa } from "../../src/cli/certificates.ts";
import { useControlPlane } from "./support/cluster.ts";
import { WebhookServer } from "./support/webhook-server.ts";

const patchOf = (operations: object[]): Record<string, unknown> => ({
	allowed: true,
	patchType: "JSONPatch",
	patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});
const configMap = (name: string, labels: Record<string, string>): string => JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels } });

describe("kubectl and admission webhooks", () => {
	const { kubectl } = useControlPlane();
	let server: WebhookServer;

	/** A configuration with one webhook for ConfigMaps that have a label. */
	async function configure(kind: "Validating" | "Mutating", label: string, more: object = {}, caBundle?: string): Promise<void> {
		const webhook = {
			name: `${label}.example.com`,
			clientConfig: server.clientConfig(`/${label}`, caBundle),
			rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
			objectSelector: { matchLabels: { [label]: "yes" } },
			sideEffects: "None",
			admissionReviewVersions: ["v1"],
			...more,
		};
		const configuration = {
			apiVersion: "admissionregistration.k8s.io/v1",
			kind: `${kind}WebhookConfiguration`,
			metadata: { name: label },
			webhooks: [webhook],
		};
		await kubectl.pipe(JSON.stringify(configuration), "apply", "-f", "-");
	}

	beforeAll(async () => {
		server = await WebhookServer.start();
		await configure("Validating", "deny");
		await configure("Mutating", "mutate", { reinvocationPolicy: "IfNeeded" });
		await configure("Validating", "silent", { timeoutSeconds: 1 });
		await configure("Validating", "ignored", { timeoutSeconds: 1, failurePolicy: "Ignore" });
		const stranger = await createCa(Date.now());
		await configure("Validating", "untrusted", {}, Buffer.from(stranger.certificate).toString("base64"));
		server.on("/deny", () => ({ allowed: false, status: { code: 403, message: "not on a Saturday" }, warnings: ["it is Saturday"] }));
		server.on("/mutate", () => patchOf([{ op: "add", path: "/data", value: { by: "webhook" } }]));
		server.on("/untrusted", () => ({ allowed: true }));
	});
	afterAll(() => server.stop());

	it("denies in the webhook's words, and warns", async () => {
		expect(await kubectl.fails(["create", "-f", "-"], configMap("denied", { deny: "yes" }))).toBe(
			'Warning: it is Saturday\nError from server: error when creating "STDIN": admission webhook "deny.example.com" denied the request: not on a Saturday\n',
		);
		expect(await kubectl.run("get", "configmaps", "denied", "--ignore-not-found")).toBe("");
	});

	it("changes what is created, and a dry run leaves nothing", async () => {
		const dry = await kubectl.pipe(configMap("dry", { mutate: "yes" }), "create", "-f", "-", "--dry-run=server", "-o", "jsonpath={.data.by}");
		expect(dry).toBe("webhook");
		expect(await kubectl.run("get", "configmaps", "dry", "--ignore-not-found")).toBe("");
		expect(await kubectl.pipe(configMap("changed", { mutate: "yes" }), "create", "-f", "-", "-o", "jsonpath={.data.by}")).toBe("webhook");
	});

	it("lets a webhook that does not answer fail the request, or not", async () => {
		expect(await kubectl.fails(["create", "-f", "-"], configMap("unanswered", { silent: "yes" }))).toMatch(
			/failed calling webhook "silent.example.com": failed to call webhook: Post "https:\/\/127.0.0.1:\d+\/silent\?timeout=1s": context deadline exceeded/,
		);
		expect(await kubectl.pipe(configMap("let-through", { ignored: "yes" }), "create", "-f", "-")).toBe("configmap/let-through created\n");
	});

	it("trusts the caBundle alone", async () => {
		expect(await kubectl.fails(["create", "-f", "-"], configMap("untrusted", { untrusted: "yes" }))).toContain(
			"tls: failed to verify certificate: x509: certificate signed by unknown authority",
		);
	});
});
