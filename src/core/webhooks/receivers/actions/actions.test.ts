/** The actions against an API that is a map of objects: what they ask for, and that repeated and overtaken events do no harm. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyStrategicMergePatch } from "../../../patch/strategic-merge-patch.ts";
import type { Json, JsonObject } from "../../../meta/object.ts";
import type { WebhookReceiverAction } from "../../../schema/kubernetes.d.ts";
import { builtinKinds } from "../../../kinds/registry.ts";
import { builtinSchema } from "../../../schema/builtin-schema.ts";
import { apiVersionOf } from "../../../kinds/define-kind.ts";
import type { ActionResult, Step, StepAnswer } from "../action.ts";
import { at, isObject, type SenderEvent, textAt } from "../sender.ts";
import { Expressions } from "../templates.ts";
import { runAction } from "./actions.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");

/** Objects by their path; a write gives a new resourceVersion. */
class Api {
	readonly objects = new Map<string, JsonObject>();
	readonly asked: string[] = [];
	readonly latest = new Map<string, number>();
	readonly outside = new Map<string, string>();
	#version = 0;

	put(path: string, object: JsonObject): void {
		const metadata = { ...(isObject(object["metadata"]) ? object["metadata"] : {}), resourceVersion: String(++this.#version) };
		this.objects.set(path, { ...object, metadata: { uid: `uid-of-${path}`, ...metadata } });
	}

	image(path: string): string {
		const containers = at(this.objects.get(path), "spec", "template", "spec", "containers");
		return Array.isArray(containers) ? textAt(containers[0], "image") : "";
	}

	answer(step: Step): StepAnswer {
		if (step.type === "order") {
			const known = this.latest.get(step.subject) ?? 0;
			if (known > step.timeMs) return { code: 409, body: null };
			this.latest.set(step.subject, step.timeMs);
			return { code: 200, body: null };
		}
		if (step.type === "fetch") return this.outside.has(step.url) ? { code: 200, body: this.outside.get(step.url) as string } : { code: 404, body: "" };
		if (step.type !== "request") {
			const kind = builtinKinds
				.all()
				.find((each) =>
					step.type === "resolve"
						? each.kind === step.kind && apiVersionOf(each) === step.apiVersion
						: [each.plural, each.group].filter(Boolean).join(".") === step.resource,
				);
			if (kind === undefined) return { code: 404, body: null };
			return { code: 200, body: { apiVersion: apiVersionOf(kind), kind: kind.kind, plural: kind.plural, namespaced: kind.scope === "Namespaced" } };
		}
		this.asked.push(`${step.method} ${step.path}`);
		return this.#request(step);
	}

	#request({ method, path, body = {}, contentType }: Extract<Step, { type: "request" }>): StepAnswer {
		const found = this.objects.get(path);
		if (method === "POST") {
			const where = `${path}/${textAt(body, "metadata", "name")}`;
			if (this.objects.has(where)) return { code: 409, body: { reason: "AlreadyExists", message: "already exists" } };
			this.put(where, body);
			return { code: 201, body: this.objects.get(where) as JsonObject };
		}
		if (method === "PATCH" && contentType === "application/apply-patch+yaml") {
			this.put(path, body);
			return { code: 200, body: {} };
		}
		if (found === undefined) {
			const items = [...this.objects].filter(([where]) => where.startsWith(`${path}/`)).map(([, object]) => object);
			const isCollection = /\/namespaces\/[^/]+\/[^/]+$/.test(path);
			return method === "GET" && isCollection ? { code: 200, body: { items } } : { code: 404, body: { message: "not found" } };
		}
		if (method === "GET") return { code: 200, body: found };
		if (method === "DELETE") {
			this.objects.delete(path);
			return { code: 200, body: {} };
		}
		const version = textAt(body, "metadata", "resourceVersion");
		if (version !== "" && version !== textAt(found, "metadata", "resourceVersion")) return { code: 409, body: { message: "the object has been modified" } };
		this.put(path, applyStrategicMergePatch(builtinSchema, "apps/v1.Deployment", found, body) as JsonObject);
		return { code: 200, body: {} };
	}
}

function run(api: Api, action: WebhookReceiverAction, event: Partial<SenderEvent>, payload: Json = {}, key = "1", receivedMs = NOW_MS): ActionResult {
	const whole = { id: key, type: "push", ...event };
	const context = { namespace: "default", receiver: "hook", receivedMs, key, event: whole, expressions: new Expressions(whole, payload, {}) };
	const steps = runAction(action, context);
	let next = steps.next();
	while (!next.done) next = steps.next(api.answer(next.value));
	return next.value;
}

const WEB = "/apis/apps/v1/namespaces/default/deployments/web";
const deployment = (...names: string[]): JsonObject => ({
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "web" },
	spec: { template: { metadata: {}, spec: { containers: names.map((name) => ({ name, image: "octo/app:old" })) } } },
});
const withWeb = (...names: string[]): Api => {
	const api = new Api();
	api.put(WEB, deployment(...(names.length > 0 ? names : ["app"])));
	return api;
};
const workload = { kind: "Deployment", name: "web" };
const roll: WebhookReceiverAction = { name: "roll", setImage: { workload, repository: "octo/app" } };
const image = (digest: string, tag = "main") => ({ repository: "ghcr.io/octo/app", tag, digest: digest === "" ? "" : `sha256:${digest}` });

describe("setImage", () => {
	it("ends at the image that was pushed last, in whatever order and how often the pushes come", () => {
		const pushes = fc.array(fc.record({ digest: fc.constantFrom("a", "b", "c"), at: fc.integer({ min: 1, max: 1_000 }) }), { minLength: 1, maxLength: 8 });
		const orders = pushes.chain((made) => {
			const distinct = [...new Map(made.map((push) => [push.at, push])).values()];
			return fc
				.array(fc.constantFrom(...distinct), { maxLength: 12 })
				.chain((more) => fc.shuffledSubarray([...distinct, ...more], { minLength: distinct.length + more.length }));
		});
		fc.assert(
			fc.property(orders, (order) => {
				const api = withWeb();
				for (const { digest, at } of order) run(api, roll, { image: image(digest), timeMs: NOW_MS + at * 1_000 });
				const last = order.reduce((latest, push) => (push.at > latest.at ? push : latest));
				expect(api.image(WEB)).toBe(`ghcr.io/octo/app@sha256:${last.digest}`);
			}),
		);
	});

	it("restarts the rollout for a tag that was pushed anew, once for each push", () => {
		const api = withWeb();
		const push = (at: number) => run(api, roll, { image: image(""), timeMs: NOW_MS + at });
		const restartedAt = () => textAt(api.objects.get(WEB), "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt");
		push(0);
		expect([api.image(WEB), restartedAt()]).toEqual(["ghcr.io/octo/app:main", ""]);
		push(5_000);
		expect(restartedAt()).toBe("2026-01-01T00:00:05Z");
		const asked = api.asked.length;
		push(5_000);
		expect(api.asked.slice(asked)).toEqual([`GET ${WEB}`]);
	});

	it("needs to know which container", () => {
		expect(run(withWeb("app", "sidecar"), roll, { image: image("a") })).toEqual({
			outcome: "Failed",
			message: "deployment/web: it has several containers: the action must name one",
		});
		const named = { ...roll, setImage: { workload, repository: "octo/app", container: "gone" } };
		expect(run(withWeb(), named, { image: image("a") }).message).toBe('deployment/web: it has no container "gone"');
	});

	it("takes its image from an expression", () => {
		const api = withWeb();
		const action = { name: "roll", setImage: { workload, image: "registry.local/app@${payload.digest}" } };
		expect(run(api, action, {}, { digest: "sha256:e" }).outcome).toBe("Succeeded");
		expect(api.image(WEB)).toBe("registry.local/app@sha256:e");
		expect(run(api, action, {}, {})).toEqual({ outcome: "Failed", message: "expression 'payload.digest' resulted in error: no such key: digest" });
	});
});

it("restart never goes back in time", () => {
	const api = withWeb();
	const restart = { name: "restart", restart: { workload } };
	run(api, restart, {}, {}, "2", NOW_MS + 10_000);
	expect(run(api, restart, {}, {}, "1", NOW_MS).message).toBe("deployment/web has been restarted since");
	expect(run(api, restart, {}, {}, "2", NOW_MS + 10_000).message).toBe("deployment/web has been restarted since");
});

describe("createJob", () => {
	const cronJob = {
		apiVersion: "batch/v1",
		kind: "CronJob",
		metadata: { name: "import" },
		spec: {
			jobTemplate: {
				metadata: { labels: { app: "import" } },
				spec: {
					template: {
						spec: {
							containers: [
								{
									name: "main",
									image: "i",
									args: ["all"],
									env: [
										{ name: "A", value: "1" },
										{ name: "B", value: "2" },
									],
								},
							],
						},
					},
				},
			},
		},
	};

	it("makes the Job that kubectl makes, with parameters, once for each delivery", () => {
		const api = new Api();
		api.put("/apis/batch/v1/namespaces/default/cronjobs/import", cronJob);
		const action = { name: "job", createJob: { cronJob: "import", env: [{ name: "B", value: "${payload.file}" }], args: ["--only", "${payload.file}"] } };
		expect(run(api, action, {}, { file: "a.csv" }).message).toMatch(/^job\/import-[a-z0-9]+ created$/);
		expect(run(api, action, {}, { file: "a.csv" }).message).toMatch(/ has been created already$/);
		expect(run(api, action, {}, { file: "a.csv" }, "2").message).toMatch(/ created$/);
		const jobs = [...api.objects.values()].filter((object) => object["kind"] === "Job");
		expect(jobs).toHaveLength(2);
		expect(jobs[0]).toMatchObject({
			metadata: {
				annotations: { "cronjob.kubernetes.io/instantiate": "manual" },
				labels: { app: "import" },
				ownerReferences: [{ apiVersion: "batch/v1", kind: "CronJob", name: "import", controller: true }],
			},
			spec: {
				template: {
					spec: {
						containers: [
							{
								args: ["--only", "a.csv"],
								env: [
									{ name: "A", value: "1" },
									{ name: "B", value: "a.csv" },
								],
							},
						],
					},
				},
			},
		});
	});
});

describe("apply", () => {
	const config = (name: string): JsonObject => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { a: "b" } });
	const fromPayload = { name: "apply", apply: { manifests: "${payload}" } };

	it("applies an object, a List, or documents of YAML", () => {
		const api = new Api();
		expect(run(api, fromPayload, {}, config("one")).message).toBe("configmaps/one applied");
		expect(run(api, fromPayload, {}, { apiVersion: "v1", kind: "List", items: [config("two"), config("three")] }).message).toBe("2 objects applied");
		expect(
			run(api, fromPayload, {}, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: four}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: five}\n")
				.message,
		).toBe("2 objects applied");
		expect([...api.objects.keys()]).toEqual([
			...["one", "two", "three", "four"].map((name) => `/api/v1/namespaces/default/configmaps/${name}`),
			"/api/v1/namespaces/five",
		]);
	});

	it("applies what is at a URL", () => {
		const api = new Api();
		api.outside.set("https://ci.example.com/7/manifests.yaml", JSON.stringify(config("far")));
		const action = { name: "apply", apply: { url: "https://ci.example.com/${payload.build}/manifests.yaml" } };
		expect(run(api, action, {}, { build: 7 }).message).toBe("configmaps/far applied");
	});

	it("leaves the paths of the API alone, whatever the names are", () => {
		const api = new Api();
		for (const name of ["..", ".", "a/b", "", "x%"]) expect(run(api, fromPayload, {}, config(name)).outcome).toBe("Failed");
		expect(run(api, fromPayload, {}, { ...config("a"), metadata: { name: "a", namespace: "../../nodes" } }).outcome).toBe("Failed");
		expect(run(api, fromPayload, {}, { apiVersion: "v1", kind: "Nothing", metadata: { name: "a" } }).message).toBe(
			'0 of 1 objects applied: no matches for kind "Nothing" in version "v1"',
		);
		expect(api.asked).toEqual([]);
	});
});

describe("previewNamespace", () => {
	const preview = {
		name: "preview",
		previewNamespace: {
			template: "template",
			name: "preview-${event.pullRequest.number}",
			images: [{ container: "app", image: "ghcr.io/octo/app:${event.pullRequest.commit}" }],
			ttlSeconds: 60,
		},
	};
	const pullRequest = (action: "opened" | "updated" | "closed", commit = "c1") => ({
		number: 7,
		action,
		repository: "octo/app",
		branch: "b",
		commit,
		title: "t",
	});
	const PREVIEW = "/api/v1/namespaces/preview-7";

	function withTemplate(): Api {
		const api = new Api();
		const inTemplate = (path: string, object: JsonObject) =>
			api.put(`${path.replace("NS", "namespaces/template")}/${textAt(object, "metadata", "name")}`, object);
		inTemplate("/apis/apps/v1/NS/deployments", { ...deployment("app"), status: { replicas: 3 } });
		inTemplate("/api/v1/NS/services", {
			metadata: { name: "web" },
			spec: { clusterIP: "10.96.0.9", clusterIPs: ["10.96.0.9"], ports: [{ port: 80, nodePort: 30_080 }] },
		});
		inTemplate("/api/v1/NS/configmaps", { metadata: { name: "kube-root-ca.crt" }, data: {} });
		inTemplate("/api/v1/NS/configmaps", { metadata: { name: "owned", ownerReferences: [{ name: "x" }] }, data: {} });
		inTemplate("/api/v1/NS/secrets", { metadata: { name: "password" }, data: { a: "YQ==" } });
		inTemplate("/apis/rbac.authorization.k8s.io/v1/NS/rolebindings", {
			metadata: { name: "b" },
			subjects: [
				{ kind: "ServiceAccount", name: "s", namespace: "template" },
				{ kind: "User", name: "u" },
			],
		});
		return api;
	}

	it("copies the template without what the cluster gave it", () => {
		const api = withTemplate();
		expect(run(api, preview, { pullRequest: pullRequest("opened"), timeMs: NOW_MS })).toEqual({
			outcome: "Succeeded",
			message: "namespace preview-7 created: 3 objects copied",
		});
		expect(api.objects.get(PREVIEW)).toMatchObject({
			metadata: { annotations: { "events.petrel.dev/preview-of": "default/hook", "events.petrel.dev/expires-at": "2026-01-01T00:01:00Z" } },
		});
		expect(api.image("/apis/apps/v1/namespaces/preview-7/deployments/web")).toBe("ghcr.io/octo/app:c1");
		expect(api.objects.get("/apis/apps/v1/namespaces/preview-7/deployments/web")).not.toHaveProperty("status");
		expect(api.objects.get(`${PREVIEW}/services/web`)).toMatchObject({ spec: { ports: [{ port: 80 }] } });
		expect(JSON.stringify(api.objects.get(`${PREVIEW}/services/web`))).not.toMatch(/clusterIP|nodePort/);
		expect(at(api.objects.get("/apis/rbac.authorization.k8s.io/v1/namespaces/preview-7/rolebindings/b"), "subjects")).toEqual([
			{ kind: "ServiceAccount", name: "s", namespace: "preview-7" },
			{ kind: "User", name: "u" },
		]);
		expect([...api.objects.keys()].filter((path) => path.startsWith(PREVIEW))).toEqual([PREVIEW, `${PREVIEW}/services/web`]);
	});

	it("copies Secrets by their names alone", () => {
		const api = withTemplate();
		run(api, { ...preview, previewNamespace: { ...preview.previewNamespace, secrets: ["password"] } }, { pullRequest: pullRequest("opened") });
		expect(api.objects.has(`${PREVIEW}/secrets/password`)).toBe(true);
	});

	it("is there exactly while the last event's request is open, in whatever order and how often events come", () => {
		const events = [
			{ action: "opened" as const, at: 1 },
			{ action: "updated" as const, at: 2 },
			{ action: "updated" as const, at: 3 },
			{ action: "closed" as const, at: 4 },
			{ action: "opened" as const, at: 5 },
		];
		const orders = fc.integer({ min: 1, max: events.length }).chain((length) => {
			const some = events.slice(0, length);
			return fc.array(fc.constantFrom(...some), { maxLength: 5 }).chain((more) => fc.shuffledSubarray([...some, ...more], { minLength: length + more.length }));
		});
		fc.assert(
			fc.property(orders, (order) => {
				const api = withTemplate();
				for (const { action, at: second } of order) run(api, preview, { pullRequest: pullRequest(action, `c${second}`), timeMs: NOW_MS + second });
				const last = order.reduce((latest, event) => (event.at > latest.at ? event : latest));
				expect(api.objects.has(PREVIEW)).toBe(last.action !== "closed");
				if (last.action !== "closed") expect(textAt(api.objects.get(PREVIEW), "metadata", "annotations", "events.petrel.dev/commit")).toBe(`c${last.at}`);
			}),
		);
	});

	it("touches no namespace that it has not made", () => {
		const api = withTemplate();
		api.put(PREVIEW, { metadata: { name: "preview-7" } });
		for (const action of ["opened", "closed"] as const)
			expect(run(api, preview, { pullRequest: pullRequest(action) })).toEqual({
				outcome: "Failed",
				message: "namespace preview-7 was not made by this receiver",
			});
		const named = (name: string) => ({ ...preview, previewNamespace: { ...preview.previewNamespace, name } });
		expect(run(api, named("${event.pullRequest.branch}/../x"), { pullRequest: pullRequest("opened") }).outcome).toBe("Failed");
		expect(run(api, named("${'template'}"), { pullRequest: pullRequest("closed") }).message).toBe("the preview has its template's name");
	});
});
