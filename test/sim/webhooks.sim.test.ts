/**
 * Deliveries to webhook subscriptions in a world that loses requests and answers, kills objects in the middle, and whose targets
 * fail in every way: each change arrives at least once, those of one object in their order, and none is lost.
 */
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/core/meta/object.ts";
import type { ConfigMap, WebhookSubscription, WebhookSubscriptionSpec } from "../../src/core/schema/kubernetes.d.ts";
import { type DeliveryAnswer, PENDING_MAX } from "../../src/core/webhooks/delivery-queue.ts";
import { CLUSTER_REPORT_INTERVAL_MS } from "../../src/objects/webhooks/namespace-subscriptions.ts";
import type { WebhookCall } from "../../src/objects/webhooks/webhook-ports.ts";
import { COMPACTION_SLACK_MS, LOG_RETENTION_MS } from "../../src/store/change-log.ts";
import { seedsOf } from "./seeds.ts";
import { NO_FAULTS, World } from "./world.ts";

const HOUR_MS = 3_600_000;
const GROUP = { group: "events.petrel.dev", version: "v1" };
const NAMESPACES = ["default", "kube-public"];
const OBJECTS = ["a", "b", "c"];

interface Event {
	id: string;
	type: string;
	subject: string;
	resourceversion: string;
	data: { object: ConfigMap | null; oldObject?: ConfigMap | null };
}
const eventOf = ({ body }: WebhookCall): Event => JSON.parse(body) as Event;

const spec = (url: string, more: Partial<WebhookSubscriptionSpec> = {}): WebhookSubscriptionSpec => ({
	rules: [{ apiGroups: [""], resources: ["configmaps"] }],
	fieldSelector: "metadata.name!=kube-root-ca.crt",
	target: { url },
	...more,
});
const subscription = (name: string, of: WebhookSubscriptionSpec, kind = "WebhookSubscription") => ({
	apiVersion: "events.petrel.dev/v1",
	kind,
	metadata: { name },
	spec: of,
});
const configMap = (name: string, value: string): KubeObject & { data: object } => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name },
	data: { value },
});

/** Changes objects as chance has it, and remembers each change. */
class Writer {
	/** "namespace/name" to the revisions of its changes. */
	readonly made = new Map<string, number[]>();
	readonly #world: World;

	constructor(world: World) {
		this.#world = world;
	}

	get count(): number {
		return [...this.made.values()].reduce((sum, { length }) => sum + length, 0);
	}

	async write(): Promise<void> {
		const { random } = this.#world;
		const [namespace, name] = [random.pick(NAMESPACES) as string, random.pick(OBJECTS) as string];
		const target = { resource: "configmaps", namespace };
		const present = this.#world.namespace(namespace).core.server.store.has("configmaps", name);
		if (!present) return this.#note(namespace, name, await this.#world.api({ verb: "create", ...target }, configMap(name, `${this.#world.nowMs}`)));
		if (random.chance(0.2)) {
			const log = () => this.#world.namespace(namespace).core.server.store.log;
			const before = log().newest();
			await this.#world.api({ verb: "delete", ...target, name });
			// A subscription's status may have been written since.
			const since = log().since("configmaps", before);
			return this.#noteRevision(namespace, name, since === "expired" ? 0 : (since.at(-1)?.revision ?? 0));
		}
		const data = { data: { value: `${this.#world.nowMs} ${random.next()}` } };
		this.#note(namespace, name, await this.#world.api({ verb: "patch", ...target, name, patchType: "merge" }, data));
	}

	#note(namespace: string, name: string, { metadata }: KubeObject): void {
		this.#noteRevision(namespace, name, Number(metadata.resourceVersion));
	}

	#noteRevision(namespace: string, name: string, revision: number): void {
		const key = `${namespace}/${name}`;
		this.made.set(key, [...(this.made.get(key) ?? []), revision]);
	}
}

/** The target: notes what it has taken, and complains of what comes before its turn. */
class Target {
	readonly taken = new Map<string, Set<number>>();
	readonly complaints: string[] = [];
	duplicates = 0;

	constructor(world: World, writer: Writer, fails: () => DeliveryAnswer | null | undefined) {
		world.answerWebhook = (call) => {
			const event = eventOf(call);
			const [, namespace = "", name = ""] = /namespaces\/([^/]+)\/configmaps\/(.+)$/.exec(event.subject) ?? [];
			const key = `${namespace}/${name}`;
			const revision = Number(event.resourceversion);
			const taken = this.taken.get(`${call.target.url} ${key}`) ?? new Set();
			this.taken.set(`${call.target.url} ${key}`, taken);
			const missing = (writer.made.get(key) ?? []).filter((made) => made < revision && !taken.has(made));
			if (missing.length > 0) this.complaints.push(`${revision} of ${key} came before ${missing.join(", ")}`);
			const failure = fails();
			if (failure !== undefined) return failure;
			if (taken.has(revision)) this.duplicates++;
			taken.add(revision);
			return { status: 200 };
		};
	}

	missing(url: string, made: ReadonlyMap<string, number[]>): number[] {
		return [...made].flatMap(([key, revisions]) => revisions.filter((revision) => !this.taken.get(`${url} ${key}`)?.has(revision)));
	}
}

const failuresOf = (world: World) => (): DeliveryAnswer | null | undefined => {
	const { random } = world;
	if (!random.chance(0.3)) return undefined;
	return (
		random.pick<DeliveryAnswer | null>([{ status: 500 }, { status: 429, retryAfter: "7" }, { status: 302 }, { failure: "connection reset by peer" }, null]) ??
		null
	);
};

async function statusOf(world: World, name: string, resource = "webhooksubscriptions"): Promise<NonNullable<WebhookSubscription["status"]>> {
	const namespace = resource === "webhooksubscriptions" ? "default" : "";
	return ((await world.api({ verb: "get", ...GROUP, resource, namespace, name })) as WebhookSubscription).status ?? {};
}

describe("webhook deliveries", () => {
	it.each(seedsOf("webhooks"))("bring each change at least once and in order, whatever fails (seed %i)", async (seed) => {
		const world = new World(seed);
		const writer = new Writer(world);
		let quiet = false;
		const fails = failuresOf(world);
		const target = new Target(world, writer, () => (quiet ? undefined : fails()));
		await world.api({ verb: "create", ...GROUP, resource: "webhooksubscriptions", namespace: "default" }, subscription("own", spec("https://own.example/")));
		await world.api(
			{ verb: "create", ...GROUP, resource: "clusterwebhooksubscriptions" },
			subscription("all", spec("https://all.example/"), "ClusterWebhookSubscription"),
		);
		for (const name of NAMESPACES) await world.namespace(name).ready();
		await world.run(5_000);
		world.faults = { loss: 0.1, lostAnswer: 0.1, delayMs: 3_000, crash: 0.05 };
		for (let i = 0; i < 120; i++) {
			await writer.write();
			await world.run(world.random.between(0, 4_000));
		}
		quiet = true;
		world.faults = NO_FAULTS;
		await world.run(6 * HOUR_MS);
		const own = new Map([...writer.made].filter(([key]) => key.startsWith("default/")));
		expect(target.missing("https://own.example/", own)).toEqual([]);
		expect(target.missing("https://all.example/", writer.made)).toEqual([]);
		expect(target.complaints).toEqual([]);
		expect(writer.count).toBe(120);
		for (const [name, resource] of [
			["own", "webhooksubscriptions"],
			["all", "clusterwebhooksubscriptions"],
		] as const)
			expect(await statusOf(world, name, resource)).toMatchObject({
				pending: 0,
				deadLetters: 0,
				lost: 0,
				conditions: [{ reason: "Delivering", status: "True" }],
			});
		for (const name of NAMESPACES) expect(world.namespace(name).core.deliveries.nextDueMs()).toBeUndefined();
		expect(world.logged.filter((line) => /^[^\n]*webhook/.test(line))).toEqual([]);
	});

	it("outlive the change log: what a dead target could not take is kept, with the state before", async () => {
		const world = new World(11);
		let dead = true;
		const taken: Event[] = [];
		world.answerWebhook = (call) => {
			if (dead) return { failure: "connection refused" };
			taken.push(eventOf(call));
			return { status: 200 };
		};
		const target = { resource: "configmaps", namespace: "default" };
		await world.api(
			{ verb: "create", ...GROUP, resource: "webhooksubscriptions", namespace: "default" },
			subscription("own", spec("https://own.example/", { payload: { data: "ObjectAndOldObject" } })),
		);
		await world.api({ verb: "create", ...target }, configMap("a", "1"));
		await world.run(LOG_RETENTION_MS + 2 * COMPACTION_SLACK_MS);
		// The state before is in no log any more when this is written.
		await world.api({ verb: "patch", ...target, name: "a", patchType: "merge" }, { data: { value: "2" } });
		await world.run(HOUR_MS);
		expect(await statusOf(world, "own")).toMatchObject({ pending: 2, conditions: [{ reason: "Failing", message: "connection refused" }] });
		world.crash({ object: "namespace", name: "default" });
		dead = false;
		await world.run(HOUR_MS);
		expect(taken.map(({ data }) => [data.oldObject?.data?.["value"], data.object?.data?.["value"]])).toEqual([
			[undefined, "1"],
			["1", "2"],
		]);
		expect(await statusOf(world, "own")).toMatchObject({ pending: 0, lost: 0, delivered: 2, conditions: [{ reason: "Delivering" }] });
		expect(world.namespace("default").core.server.ports.sql.all("SELECT revision FROM deliveries")).toEqual([]);
	});

	it("end after three days as dead letters, which can be replayed", async () => {
		const world = new World(12);
		let dead = true;
		const taken: string[] = [];
		world.answerWebhook = (call) => {
			if (!dead) taken.push(eventOf(call).data.object?.metadata?.name ?? "");
			return { status: dead ? 503 : 200 };
		};
		await world.api({ verb: "create", ...GROUP, resource: "webhooksubscriptions", namespace: "default" }, subscription("own", spec("https://own.example/")));
		for (const name of OBJECTS) await world.api({ verb: "create", resource: "configmaps", namespace: "default" }, configMap(name, "1"));
		await world.run(71 * HOUR_MS);
		expect(await statusOf(world, "own")).toMatchObject({ pending: 3, deadLetters: 0 });
		await world.run(2 * HOUR_MS);
		expect(await statusOf(world, "own")).toMatchObject({ pending: 0, deadLetters: 3, lastFailure: "the target answered 503" });
		dead = false;
		await world.api({ verb: "create", ...GROUP, resource: "webhooksubscriptions", namespace: "default", name: "own", subresource: "replay" }, {});
		await world.run(HOUR_MS);
		expect(taken.sort()).toEqual(OBJECTS);
		expect(await statusOf(world, "own")).toMatchObject({ pending: 0, deadLetters: 0, delivered: 3 });
	});

	it("count what neither the queue nor the log could hold", async () => {
		const world = new World(13);
		world.answerWebhook = () => ({ status: 500 });
		await world.api({ verb: "create", ...GROUP, resource: "webhooksubscriptions", namespace: "default" }, subscription("own", spec("https://own.example/")));
		const more = 25;
		const { server } = world.namespace("default").core;
		server.transaction(() => {
			for (let i = 0; i < PENDING_MAX + more; i++) {
				const revision = server.store.clock.next(world.nowMs);
				const body = JSON.stringify({ ...configMap(`filler-${i}`, "1"), metadata: { name: `filler-${i}`, uid: `${i}`, resourceVersion: String(revision) } });
				server.store.log.append({ revision, resource: "configmaps", name: `filler-${i}`, type: "ADDED", previous: null, body, old: null });
			}
		});
		await world.api({ verb: "create", resource: "configmaps", namespace: "default" }, configMap("last", "1"));
		await world.run(5_000);
		expect(await statusOf(world, "own")).toMatchObject({ pending: PENDING_MAX, lost: 0 });
		await world.run(LOG_RETENTION_MS + 2 * COMPACTION_SLACK_MS);
		expect(await statusOf(world, "own")).toMatchObject({ pending: PENDING_MAX, lost: more + 1 });
	});

	it("refuse to replay what is compacted away", async () => {
		const world = new World(14);
		await world.api({ verb: "create", ...GROUP, resource: "webhooksubscriptions", namespace: "default" }, subscription("own", spec("https://own.example/")));
		const { metadata } = await world.api({ verb: "create", resource: "configmaps", namespace: "default" }, configMap("a", "1"));
		await world.run(LOG_RETENTION_MS + 2 * COMPACTION_SLACK_MS);
		const replay = { verb: "create", ...GROUP, resource: "webhooksubscriptions", namespace: "default", name: "own", subresource: "replay" } as const;
		await expect(world.api(replay, { spec: { resourceVersion: String(Number(metadata.resourceVersion) - 2) } })).rejects.toThrow("too old resource version");
	});

	it("of a cluster's subscription are summed up in its status, and stop everywhere where its target is gone", async () => {
		const world = new World(15);
		let gone = false;
		let asked = 0;
		world.answerWebhook = () => {
			asked++;
			return { status: gone ? 410 : 200 };
		};
		await world.api(
			{ verb: "create", ...GROUP, resource: "clusterwebhooksubscriptions" },
			subscription("all", spec("https://all.example/"), "ClusterWebhookSubscription"),
		);
		for (const name of NAMESPACES) await world.namespace(name).ready();
		await world.run(1_000);
		for (const namespace of NAMESPACES) await world.api({ verb: "create", resource: "configmaps", namespace }, configMap("a", "1"));
		await world.run(2 * CLUSTER_REPORT_INTERVAL_MS);
		expect(await statusOf(world, "all", "clusterwebhooksubscriptions")).toMatchObject({ delivered: 2, pending: 0 });
		gone = true;
		await world.api({ verb: "create", resource: "configmaps", namespace: "default" }, configMap("b", "1"));
		await world.run(2 * CLUSTER_REPORT_INTERVAL_MS);
		expect(await statusOf(world, "all", "clusterwebhooksubscriptions")).toMatchObject({ deadLetters: 1, conditions: [{ reason: "Gone", status: "False" }] });
		asked = 0;
		for (const namespace of NAMESPACES) await world.api({ verb: "create", resource: "configmaps", namespace }, configMap("c", "1"));
		await world.run(HOUR_MS);
		expect(asked).toBe(0);
	});
});
