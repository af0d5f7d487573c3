/** Webhook subscriptions against real HTTP servers: signatures and events are read by other people's libraries. */
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createCa, createServerCertificate } from "../../src/cli/certificates.ts";
import type { ConfigMap, WebhookDeadLetterList, WebhookReplay, WebhookSubscription, WebhookTest } from "../../src/core/schema/kubernetes.d.ts";
import { type Delivery, WebhookSink } from "../support/webhook-sink.ts";
import { ControlPlane } from "./support/control-plane.ts";
import { eventually } from "./support/petrel.ts";

const run = promisify(execFile);
const PETREL = resolve(import.meta.dirname, "../../bin/petrel.mjs");
const CORE = "/api/v1/namespaces/default";
const SUBSCRIPTIONS = "/apis/events.petrel.dev/v1/namespaces/default/webhooksubscriptions";
const MERGE = "application/merge-patch+json";
const secretText = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;

const configMap = (name: string, data: Record<string, string> = {}, labels?: Record<string, string>) => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name, ...(labels ? { labels } : {}) },
	data,
});
const subscription = (name: string, url: string, spec: object = {}) => ({
	apiVersion: "events.petrel.dev/v1",
	kind: "WebhookSubscription",
	metadata: { name },
	spec: { rules: [{ apiGroups: [""], resources: ["configmaps"] }], objectSelector: { matchLabels: { for: name } }, target: { url }, ...spec },
});

describe("webhook subscriptions", () => {
	const control = new ControlPlane();
	let sink: WebhookSink;

	beforeAll(async () => {
		sink = await WebhookSink.start();
		await control.start({ allowsPrivateWebhookTargets: true });
	});
	afterAll(async () => {
		sink.stop();
		await control.dispose();
	});

	const subscribe = (name: string, spec: object = {}, url = sink.url(`/${name}`)) =>
		control.call<WebhookSubscription>("POST", SUBSCRIPTIONS, subscription(name, url, spec));
	const write = (name: string, of: string, data?: Record<string, string>) =>
		control.call<ConfigMap>("POST", `${CORE}/configmaps`, configMap(name, data, { for: of }));
	const change = (name: string, data: Record<string, string>) => control.call<ConfigMap>("PATCH", `${CORE}/configmaps/${name}`, { data }, MERGE);
	const status = async (name: string): Promise<WebhookSubscription["status"]> =>
		(await control.call<WebhookSubscription>("GET", `${SUBSCRIPTIONS}/${name}`)).status;
	const untilStatus = (name: string, holds: (status: NonNullable<WebhookSubscription["status"]>) => boolean) =>
		eventually(`the status of ${name}`, async () => {
			const now = await status(name);
			return now !== undefined && holds(now) ? now : undefined;
		});
	const seen = ({ event }: Delivery) => [event.type, event["name"], event["resourceversion"]];

	it("tell of what is created, updated and deleted, as CloudEvents", async () => {
		await subscribe("plain");
		const made = await write("one", "plain", { a: "1" });
		const changed = await change("one", { a: "2" });
		await control.call("DELETE", `${CORE}/configmaps/one`);
		await write("other", "nobody");
		const [created, updated, deleted] = await sink.first("/plain", 3);
		expect(created?.headers["content-type"]).toBe("application/cloudevents+json");
		expect(seen(created as Delivery)).toEqual(["dev.petrel.object.created", "one", made.metadata?.resourceVersion]);
		expect(seen(updated as Delivery)).toEqual(["dev.petrel.object.updated", "one", changed.metadata?.resourceVersion]);
		expect(deleted?.event.type).toBe("dev.petrel.object.deleted");
		expect(created?.event).toMatchObject({
			specversion: "1.0",
			source: "/clusters/default",
			subject: "/api/v1/namespaces/default/configmaps/one",
			kind: "ConfigMap",
			apiversion: "v1",
			subscription: "default/plain",
		});
		expect(created?.event.id).toBe(`evt_${made.metadata?.uid}_${made.metadata?.resourceVersion}`);
		expect(updated?.event.data?.object).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one" }, data: { a: "2" } });
		expect(deleted?.event.data?.object).toMatchObject({ data: { a: "2" } });
		const { delivered, pending, conditions } = await untilStatus("plain", (now) => now.delivered === 3);
		expect({ delivered, pending }).toEqual({ delivered: 3, pending: 0 });
		expect(conditions).toMatchObject([{ type: "Ready", status: "True", reason: "Delivering" }]);
		expect(sink.to("/plain")).toHaveLength(3);
	});

	it("are signed by every key that is live, which the specification's own library verifies", async () => {
		const { privateKey } = generateKeyPairSync("ed25519");
		const seed = privateKey.export({ type: "pkcs8", format: "der" }).subarray(-32);
		const data = { old: secretText(1), new: secretText(2), ed: `whsk_${seed.toString("base64")}` };
		await control.call("POST", `${CORE}/secrets`, { apiVersion: "v1", kind: "Secret", metadata: { name: "keys" }, stringData: data });
		await subscribe("signed", {
			signingSecrets: [
				{ name: "keys", key: "old" },
				{ name: "keys", key: "new" },
			],
		});
		await write("signed-1", "signed");
		const [first] = await sink.first("/signed", 1);
		const { headers, text } = first as Delivery;
		for (const key of [data.old, data.new]) expect(new Webhook(key).verify(text, headers as Record<string, string>)).toMatchObject({ specversion: "1.0" });
		expect(() => new Webhook(secretText(3)).verify(text, headers as Record<string, string>)).toThrow("No matching signature");

		await control.call(
			"PATCH",
			`${SUBSCRIPTIONS}/signed`,
			{
				spec: {
					signingSecrets: [
						{ name: "keys", key: "new" },
						{ name: "keys", key: "ed" },
					],
				},
			},
			MERGE,
		);
		await write("signed-2", "signed");
		const [, second] = (await sink.first("/signed", 2)) as [Delivery, Delivery];
		expect(() => new Webhook(data.old).verify(second.text, second.headers as Record<string, string>)).toThrow("No matching signature");
		expect(new Webhook(data.new).verify(second.text, second.headers as Record<string, string>)).toBeDefined();
		const signature = String(second.headers["webhook-signature"])
			.split(" ")
			.find((each) => each.startsWith("v1a,"));
		const content = Buffer.from(`${second.headers["webhook-id"]}.${second.headers["webhook-timestamp"]}.${second.text}`);
		expect(verify(null, content, createPublicKey(privateKey), Buffer.from(signature?.slice(4) ?? "", "base64"))).toBe(true);
	});

	it("come in the binary mode, with headers from a Secret and what changed as a JSON Patch", async () => {
		await control.call("POST", `${CORE}/secrets`, { apiVersion: "v1", kind: "Secret", metadata: { name: "auth" }, stringData: { token: "Bearer abc\n" } });
		const headers = [
			{ name: "Authorization", secretKeyRef: { name: "auth", key: "token" } },
			{ name: "X-Team", value: "a" },
		];
		await subscribe("binary", { payload: { format: "Binary", data: "JSONPatch" }, target: { url: sink.url("/binary?key=1"), headers } });
		await write("binary", "binary", { a: "1" });
		await change("binary", { b: "2" });
		const [created, updated] = (await sink.first("/binary?key=1", 2)) as [Delivery, Delivery];
		expect(created.headers).toMatchObject({
			"content-type": "application/json",
			"ce-specversion": "1.0",
			"ce-type": "dev.petrel.object.created",
			authorization: "Bearer abc",
			"x-team": "a",
		});
		expect(JSON.parse(created.text)).toMatchObject({ object: { data: { a: "1" } } });
		expect(updated.event.data?.patch).toContainEqual({ op: "add", path: "/data/b", value: "2" });
	});

	it("carry both states, or metadata alone, and follow a condition over both", async () => {
		await subscribe("both", { payload: { data: "ObjectAndOldObject" }, condition: "change == 'Updated' && object.data.a != oldObject.data.a" });
		await subscribe("meta", {
			payload: { data: "Metadata" },
			objectSelector: { matchLabels: { for: "both" } },
			rules: [{ apiGroups: [""], kinds: ["ConfigMap"], changes: ["Created"] }],
		});
		await write("both", "both", { a: "1" });
		await change("both", { b: "2" });
		await change("both", { a: "2" });
		const [both] = (await sink.first("/both", 1)) as [Delivery];
		expect(both.event.data).toMatchObject({ object: { data: { a: "2", b: "2" } }, oldObject: { data: { a: "1", b: "2" } } });
		const [meta] = (await sink.first("/meta", 1)) as [Delivery];
		expect(Object.keys(meta.event.data?.object ?? {})).toEqual(["apiVersion", "kind", "metadata"]);
		await untilStatus("both", (now) => now.delivered === 1 && now.pending === 0);
		expect(sink.to("/both")).toHaveLength(1);
	});

	it("count what a condition cannot be asked about", async () => {
		await subscribe("odd", { condition: "object.data.missing == 'x'" });
		await write("odd", "odd");
		const { conditionErrors, lastConditionError } = await untilStatus("odd", (now) => (now.conditionErrors ?? 0) > 0);
		expect({ conditionErrors, lastConditionError }).toEqual({ conditionErrors: 1, lastConditionError: "no such key: data" });
	});

	it("try again what fails, in the order of each object's changes, and hold up no other object and no other target", async () => {
		sink.answer = ({ path, event }, attempt) =>
			path === "/failing" && event["name"] === "stuck" && attempt === 1 ? { status: 500 } : path === "/silent" ? undefined : { status: 200 };
		await subscribe("failing");
		await subscribe("silent", { objectSelector: { matchLabels: { for: "failing" } } });
		await write("stuck", "failing", { a: "0" });
		await change("stuck", { a: "1" });
		await write("free", "failing");
		const deliveries = await sink.first("/failing", 4 + 1);
		expect(deliveries.map(({ event }) => event["name"]).indexOf("free")).toBeLessThan(3);
		const stuck = deliveries.filter(({ event }) => event["name"] === "stuck").map(({ event }) => event.data?.object?.["data"]);
		expect(stuck).toEqual([{ a: "0" }, { a: "0" }, { a: "1" }, { a: "1" }].slice(0, stuck.length));
		const ids = new Set(sink.to("/silent").map(({ event }) => event["name"]));
		expect(ids).toEqual(new Set(["stuck", "free"]));
	});

	it("end where the target says that it is gone, until the spec is another; the rest can be replayed", async () => {
		sink.answer = ({ path }) => ({ status: path === "/gone" ? 410 : 200 });
		await subscribe("gone");
		await write("gone-1", "gone");
		const { conditions, deadLetters } = await untilStatus("gone", (now) => now.deadLetters === 1);
		expect({ conditions, deadLetters }).toMatchObject({ conditions: [{ status: "False", reason: "Gone" }], deadLetters: 1 });
		await write("gone-2", "gone");
		const letters = await control.call<WebhookDeadLetterList>("GET", `${SUBSCRIPTIONS}/gone/deadletters`);
		expect(letters.items).toMatchObject([{ object: "configmaps/gone-1", namespace: "default", problem: "the target answered 410" }]);

		await control.call("PATCH", `${SUBSCRIPTIONS}/gone`, { spec: { target: { url: sink.url("/back") } } }, MERGE);
		const replay = await control.call<WebhookReplay>("POST", `${SUBSCRIPTIONS}/gone/replay`, {});
		expect(replay.status).toEqual({ queued: 1 });
		const [back] = (await sink.first("/back", 1)) as [Delivery];
		expect(back.event["name"]).toBe("gone-1");
		expect(back.event.id).toBe(sink.to("/gone")[0]?.event.id);

		const since = (await control.call<ConfigMap>("GET", `${CORE}/configmaps/gone-1`)).metadata?.resourceVersion;
		const again = await control.call<WebhookReplay>("POST", `${SUBSCRIPTIONS}/gone/replay`, { spec: { resourceVersion: since } });
		expect(again.status).toEqual({ queued: 1 });
		expect((await sink.first("/back", 2))[1]?.event["name"]).toBe("gone-2");
		await expect(control.call("POST", `${SUBSCRIPTIONS}/gone/replay`, { spec: { resourceVersion: "one" } })).rejects.toThrow(
			"spec.resourceVersion: Invalid value",
		);
	});

	it("give a delivery up after its time, and say why", async () => {
		sink.answer = ({ path }) =>
			path === "/dead" ? { status: 302, headers: { location: sink.url("/elsewhere") } } : path === "/broken" ? "break" : { status: 200 };
		await subscribe("dead", { delivery: { retrySeconds: 0 } });
		await subscribe("broken", { delivery: { retrySeconds: 0 }, objectSelector: { matchLabels: { for: "dead" } } });
		await write("dead", "dead");
		const { lastFailure, failures } = await untilStatus("dead", (now) => now.deadLetters === 1);
		expect({ lastFailure, failures }).toEqual({ lastFailure: "the target answered 302, and redirects are not followed", failures: 1 });
		expect(sink.to("/elsewhere")).toEqual([]);
		expect((await untilStatus("broken", (now) => now.deadLetters === 1)).failures).toBe(1);
	});

	it("wait as long as the target asks", async () => {
		sink.answer = ({ path }, attempt) => (path === "/busy" && attempt === 1 ? { status: 429, headers: { "retry-after": "3" } } : { status: 200 });
		await subscribe("busy");
		await write("busy", "busy");
		const [first, second] = (await sink.first("/busy", 2)) as [Delivery, Delivery];
		expect(second.atMs - first.atMs).toBeGreaterThan(2_900);
	});

	it("are tested, listed and replayed by the command", async () => {
		sink.answer = ({ path }) => ({ status: path === "/refusing" ? 403 : 200 });
		await subscribe("tested");
		await subscribe("refusing");
		const petrel = (...args: string[]) => run(process.execPath, [PETREL, "webhooks", ...args, "--kubeconfig", control.data.file("kubeconfig")]);
		expect((await petrel("test", "tested")).stdout).toMatch(/^delivered: the target answered 200 after \d+ ms\n$/);
		expect(sink.to("/tested")[0]?.event).toMatchObject({ type: "dev.petrel.webhook.test", subscription: "default/tested" });
		await expect(petrel("test", "refusing")).rejects.toMatchObject({
			stderr: expect.stringContaining("The target did not take the test: the target answered 403."),
		});
		expect((await control.call<WebhookTest>("POST", `${SUBSCRIPTIONS}/refusing/test`, {})).status).toMatchObject({ statusCode: 403 });
		expect((await petrel("list", "-n", "default")).stdout).toMatch(/^default +tested +Delivering +0 +0 +0 +0 +never +http:/m);
		expect((await petrel("replay", "tested")).stdout).toBe("0 changes wait to be delivered again\n");
		await expect(petrel("replay", "nobody")).rejects.toMatchObject({
			stderr: expect.stringContaining('webhooksubscriptions.events.petrel.dev "nobody" not found'),
		});
	});

	it("say what is missing, and go on once it is there", async () => {
		await subscribe("keyless", { signingSecrets: [{ name: "later", key: "k" }] });
		await write("keyless", "keyless");
		const { conditions } = await untilStatus("keyless", (now) => now.conditions?.[0]?.reason === "Misconfigured");
		expect(conditions).toMatchObject([{ status: "False", message: 'secret "default/later" not found' }]);
		await control.call("POST", `${CORE}/secrets`, { apiVersion: "v1", kind: "Secret", metadata: { name: "later" }, stringData: { k: secretText(4) } });
		const [delivery] = (await sink.first("/keyless", 1)) as [Delivery];
		expect(new Webhook(secretText(4)).verify(delivery.text, delivery.headers as Record<string, string>)).toBeDefined();
	});

	it("reach a target whose certificate a private authority signed, and no other", async () => {
		const nowMs = Date.now();
		const ca = await createCa(nowMs);
		const { certificate, privateKey } = await createServerCertificate(ca, ["127.0.0.1"], nowMs);
		const secure = await WebhookSink.start({ key: privateKey, cert: certificate });
		onTestFinished(() => secure.stop());
		const caBundle = (pem: string) => ({ target: { url: secure.url("/tls"), caBundle: Buffer.from(pem).toString("base64") }, delivery: { retrySeconds: 0 } });
		await subscribe("tls", caBundle(ca.certificate));
		await subscribe("tls-wrong", { ...caBundle((await createCa(nowMs)).certificate), objectSelector: { matchLabels: { for: "tls" } } });
		await write("tls", "tls");
		await secure.first("/tls", 1);
		await untilStatus("tls-wrong", (now) => now.deadLetters === 1);
		expect(secure.deliveries).toHaveLength(1);
	});

	it("of the whole cluster tell of all namespaces and of what is in none", async () => {
		await control.call("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "team-a", labels: { team: "a" } } });
		await control.call("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "team-b" } });
		await control.call("POST", `${CORE}/secrets`, { apiVersion: "v1", kind: "Secret", metadata: { name: "cluster-key" }, stringData: { k: secretText(5) } });
		const rules = [
			{ apiGroups: [""], resources: ["configmaps"], changes: ["Created"] },
			{ apiGroups: ["scheduling.k8s.io"], kinds: ["PriorityClass"] },
		];
		const spec = {
			rules,
			fieldSelector: "metadata.name!=kube-root-ca.crt",
			namespaceSelector: { matchLabels: { team: "a" } },
			target: { url: sink.url("/cluster") },
			signingSecrets: [{ namespace: "default", name: "cluster-key", key: "k" }],
		};
		const path = "/apis/events.petrel.dev/v1/clusterwebhooksubscriptions";
		await control.call("POST", path, { apiVersion: "events.petrel.dev/v1", kind: "ClusterWebhookSubscription", metadata: { name: "all" }, spec });
		await eventually("a namespace that knows of it", async () => {
			await control.send("POST", "/api/v1/namespaces/team-a/configmaps", configMap(`probe-${Math.random().toString(36).slice(2)}`));
			return sink.to("/cluster").length > 0 ? true : undefined;
		});
		await control.call("POST", "/api/v1/namespaces/team-b/configmaps", configMap("in-b"));
		await control.call("POST", "/api/v1/namespaces/team-a/configmaps", configMap("in-a"));
		await control.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {
			apiVersion: "scheduling.k8s.io/v1",
			kind: "PriorityClass",
			metadata: { name: "urgent" },
			value: 1,
		});
		const found = await sink.until((all) => {
			const names = all.filter(({ path }) => path === "/cluster").map(({ event }) => event["name"]);
			return names.includes("in-a") && names.includes("urgent") ? names : undefined;
		});
		expect(found).not.toContain("in-b");
		const delivery = sink.to("/cluster").find(({ event }) => event["name"] === "in-a") as Delivery;
		expect(delivery.event).toMatchObject({ namespace: "team-a", subscription: "all" });
		expect(new Webhook(secretText(5)).verify(delivery.text, delivery.headers as Record<string, string>)).toBeDefined();
	});
});

describe("webhook subscriptions of a cluster whose owner allows no private addresses", () => {
	const control = new ControlPlane();
	let sink: WebhookSink;

	beforeAll(async () => {
		sink = await WebhookSink.start();
		await control.start();
	});
	afterAll(async () => {
		sink.stop();
		await control.dispose();
	});

	it("reach nothing on this machine, by its address or by a name that leads to it", async () => {
		const { port } = new URL(sink.url());
		const caBundle = Buffer.from((await createCa(Date.now())).certificate).toString("base64");
		const targets = [
			{ url: sink.url() },
			{ url: `http://[::ffff:127.0.0.1]:${port}/` },
			{ url: `http://localhost:${port}/` },
			{ url: `https://127.0.0.1:${port}/`, caBundle },
		];
		for (const [index, target] of targets.entries()) {
			await control.call("POST", SUBSCRIPTIONS, {
				...subscription(`private-${index}`, ""),
				spec: { rules: [{ apiGroups: [""], resources: ["configmaps"] }], target },
			});
			const { status } = await control.call<WebhookTest>("POST", `${SUBSCRIPTIONS}/private-${index}/test`, {});
			expect(status?.problem).toMatch(/is a private address, to which this cluster delivers nothing$/);
		}
		expect(sink.deliveries).toEqual([]);
	});
});
