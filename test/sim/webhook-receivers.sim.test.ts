/**
 * Deliveries to a WebhookReceiver under faults: each comes several times and in any order, and whoever carries it out dies on the way,
 * with its namespace's object or without. In the end all is as if each had come once, in the order in which it happened.
 */
import { describe, expect, it } from "vitest";
import type { ApiRequest } from "../../src/core/api/request.ts";
import { StatusError } from "../../src/core/errors/status-error.ts";
import { builtinKinds } from "../../src/core/kinds/registry.ts";
import { apiVersionOf } from "../../src/core/kinds/define-kind.ts";
import type { Json } from "../../src/core/meta/object.ts";
import type { Deployment, Job, Namespace, WebhookReceiver } from "../../src/core/schema/kubernetes.d.ts";
import type { Step, StepAnswer } from "../../src/core/webhooks/receivers/action.ts";
import { runAction } from "../../src/core/webhooks/receivers/actions/actions.ts";
import { bytesOf } from "../../src/core/webhooks/receivers/sender.ts";
import { SENDERS } from "../../src/core/webhooks/receivers/senders/senders.ts";
import { Expressions } from "../../src/core/webhooks/receivers/templates.ts";
import type { DeliveryPlan } from "../../src/objects/webhook-receiving.ts";
import { parseQuery } from "../../src/worker/query.ts";
import { parseResourcePath } from "../../src/worker/request-info.ts";
import { github, githubPackage, githubPullRequest, type SentWebhook } from "../support/webhook-senders.ts";
import { seedsOf } from "./seeds.ts";
import { START_MS, World } from "./world.ts";

const NAMESPACE = "default";
const SECRET = "secret";
const PATCHES: Readonly<Record<string, ApiRequest["patchType"]>> = {
	"application/strategic-merge-patch+json": "strategic",
	"application/apply-patch+yaml": "apply",
};
/** What dies with the front door's part of a delivery. */
const DEATH = 0.15;

class Died extends Error {}

class Sender {
	readonly world: World;
	#uid = "";

	constructor(world: World) {
		this.world = world;
	}

	async start(): Promise<void> {
		const { world } = this;
		world.cluster();
		await world.settle({ object: "cluster" });
		await world.run(2_000);
		const create = (group: string, resource: string, object: object, namespace = NAMESPACE) =>
			world.api({ verb: "create", group, resource, namespace }, { apiVersion: group === "" ? "v1" : `${group}/v1`, ...object });
		await create("", "serviceaccounts", { kind: "ServiceAccount", metadata: { name: "deployer" } });
		const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
		const subjects = [{ kind: "ServiceAccount", name: "deployer", namespace: NAMESPACE }];
		await create("rbac.authorization.k8s.io", "clusterrolebindings", { kind: "ClusterRoleBinding", metadata: { name: "deployer" }, roleRef, subjects }, "");
		const podSpec = { containers: [{ name: "app", image: "octo/app:old" }] };
		const template = { metadata: { labels: { app: "web" } }, spec: podSpec };
		await create("apps", "deployments", {
			kind: "Deployment",
			metadata: { name: "web" },
			spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template },
		});
		const jobTemplate = { spec: { template: { spec: { ...podSpec, restartPolicy: "Never" } } } };
		await create("batch", "cronjobs", { kind: "CronJob", metadata: { name: "import" }, spec: { schedule: "0 0 1 1 *", suspend: true, jobTemplate } });
		await create("", "namespaces", { kind: "Namespace", metadata: { name: "template" } }, "");
		await world.run(1_000);
		await create("", "configmaps", { kind: "ConfigMap", metadata: { name: "settings" }, data: { a: "b" } }, "template");
		await create("", "secrets", { kind: "Secret", metadata: { name: "hook" }, stringData: { secret: SECRET } });
		const receiver = await create("events.petrel.dev", "webhookreceivers", {
			kind: "WebhookReceiver",
			metadata: { name: "hook" },
			spec: {
				type: "GitHub",
				secretRef: { name: "hook" },
				serviceAccountName: "deployer",
				requestsPerMinute: 6000,
				actions: [
					{ name: "roll", setImage: { workload: { kind: "Deployment", name: "web" }, repository: "octo/app" } },
					{ name: "import", condition: "event.type == 'package'", createJob: { cronJob: "import" } },
					{ name: "preview", previewNamespace: { template: "template", name: "preview-${event.pullRequest.number}", resources: ["configmaps"] } },
				],
			},
		});
		this.#uid = receiver.metadata.uid ?? "";
		await world.run(1_000);
	}

	/** As the front door does it; true when the sender need not come again. */
	async deliver({ headers, body }: SentWebhook): Promise<boolean> {
		const { world } = this;
		await world.namespace(NAMESPACE).ready();
		const received = await world.namespace(NAMESPACE).receiving.receive({ name: "hook", uid: this.#uid, headers, body: bytesOf(body), urlSecret: "" });
		if (received.type === "replay") return true;
		try {
			const outcomes = await this.#actions(received.plan, JSON.parse(body) as Json, headers);
			const failed = outcomes.includes("Failed");
			await world.namespace(NAMESPACE).ready();
			const outcome = failed ? "Failed" : "Succeeded";
			world.namespace(NAMESPACE).receiving.finish({ ...received.plan, name: "hook", uid: this.#uid, event: "", outcome, message: "", again: failed });
			await world.settle({ object: "namespace", name: NAMESPACE });
			return !failed;
		} catch (error) {
			if (!(error instanceof Died)) throw error;
			// The turn that it had ends with the object, as it otherwise does after a minute.
			world.crash({ object: "namespace", name: NAMESPACE });
			return false;
		}
	}

	async #actions(plan: DeliveryPlan, payload: Json, headers: Record<string, string>): Promise<string[]> {
		const outcomes: string[] = [];
		const [event] = SENDERS.GitHub.read(payload, headers, plan.proof).events;
		if (event === undefined) return [];
		for (const action of plan.spec.actions) {
			const key = `${plan.key.slice(plan.key.indexOf("/"))}/${action.name}`;
			const context = {
				namespace: NAMESPACE,
				receiver: "hook",
				receivedMs: plan.receivedMs,
				key,
				event,
				expressions: new Expressions(event, payload, headers),
			};
			const steps = runAction(action, context);
			let next = steps.next();
			while (!next.done) {
				if (this.world.random.chance(DEATH)) throw new Died();
				next = steps.next(await this.#take(next.value, plan));
				if (this.world.random.chance(DEATH)) throw new Died();
			}
			outcomes.push(next.value.outcome);
		}
		return outcomes;
	}

	async #take(step: Step, plan: DeliveryPlan): Promise<StepAnswer> {
		if (step.type === "order") return { code: this.world.namespace(NAMESPACE).receiving.follows(this.#uid, step.subject, step.timeMs) ? 200 : 409, body: null };
		if (step.type === "fetch") return { code: 404, body: null };
		if (step.type !== "request") {
			const all = builtinKinds.all();
			const kind =
				step.type === "resolve"
					? all.find((one) => one.kind === step.kind && apiVersionOf(one) === step.apiVersion)
					: all.find((one) => one.plural === step.resource);
			if (kind === undefined) return { code: 404, body: null };
			return { code: 200, body: { apiVersion: apiVersionOf(kind), kind: kind.kind, plural: kind.plural, namespaced: kind.scope === "Namespaced" } };
		}
		const query = new URLSearchParams(step.query);
		const path = parseResourcePath(step.method, step.path, query);
		if (path === undefined) throw new Error(`no resource is at ${step.path}`);
		const { rest: _, ...resource } = path;
		const patchType = PATCHES[step.contentType ?? ""];
		try {
			const body = await this.world.api(
				{ ...resource, user: plan.user, query: parseQuery(path.verb, query, patchType), ...(patchType ? { patchType } : {}) },
				step.body,
			);
			return { code: 200, body: body as unknown as Json };
		} catch (error) {
			if (error instanceof StatusError) return { code: error.code, body: error.status as unknown as Json };
			throw error;
		}
	}
}

const at = (second: number): string => new Date(START_MS + second * 1000).toISOString();

describe("deliveries to a receiver under faults", () => {
	it.each(seedsOf("webhook-receivers"))("seed %d: come to what they say, once each and in their order", async (seed) => {
		const world = new World(seed);
		const sender = new Sender(world);
		await sender.start();
		const { random } = world;
		const pushes = Array.from({ length: 5 }, (_, i) => github(SECRET, "package", githubPackage("main", `sha256:${String(i).repeat(64)}`, at(i)), `push-${i}`));
		const events = ["opened", "synchronize", "closed", "reopened"].slice(0, random.between(1, 4));
		const requests = events.map((action, i) => github(SECRET, "pull_request", githubPullRequest(action, 7, at(i), `c${i}`), `pr-${i}`));
		const left = [...pushes, ...requests].flatMap((webhook) => Array.from({ length: random.between(1, 3) }, () => webhook));
		while (left.length > 0) {
			const [webhook] = left.splice(random.between(0, left.length - 1), 1) as [SentWebhook];
			if (!(await sender.deliver(webhook))) left.push(webhook);
			await world.run(random.between(0, 5_000));
		}
		await world.run(60_000);
		const web = (await world.api({ verb: "get", group: "apps", resource: "deployments", namespace: NAMESPACE, name: "web" })) as Deployment;
		expect(web.spec?.template.spec?.containers[0]?.image).toBe(`ghcr.io/octo/app@sha256:${"4".repeat(64)}`);
		const jobs = (await world.api({ verb: "list", group: "batch", resource: "jobs", namespace: NAMESPACE }).catch(() => undefined)) ?? {
			items: world.namespace(NAMESPACE).core.server.store.list<Job>("batch/jobs"),
		};
		expect(jobs.items).toHaveLength(pushes.length);
		const preview = world.cluster().core.server.store.get<Namespace>("namespaces", "preview-7");
		if (events.at(-1) === "closed") expect(preview).toBeUndefined();
		else expect(preview?.metadata.annotations?.["events.petrel.dev/commit"]).toBe(`c${events.length - 1}`);
		const receiver = (await world.api({
			verb: "get",
			group: "events.petrel.dev",
			resource: "webhookreceivers",
			namespace: NAMESPACE,
			name: "hook",
		})) as WebhookReceiver;
		expect(receiver.status?.deliveries?.length).toBeLessThanOrEqual(20);
		expect(world.logged).toEqual([]);
	});
});
