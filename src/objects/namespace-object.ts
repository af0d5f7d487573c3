/** The Durable Object of one namespace: a shell around NamespaceCore. */
import { DurableObject } from "cloudflare:workers";
import type { ApiRequest, UserInfo } from "../core/api/request.ts";
import type { ResourceAttributes } from "../core/authz/attributes.ts";
import type { AuthorizerDecision } from "../core/cel/library/authorizer.ts";
import { type Status, StatusError } from "../core/errors/status-error.ts";
import type { Allocation, AllocationRequest } from "../core/kinds/define-kind.ts";
import { builtinKinds } from "../core/kinds/registry.ts";
import { edgeSettings } from "../core/edge/edge-settings.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { ClusterConfig } from "../core/protocol/messages.ts";
import type { LegacyAccountTokenClaims, ServiceAccountTokenClaims, WorkerEnv } from "../core/protocol/tokens.ts";
import { builtinSchema } from "../core/schema/builtin-schema.ts";
import type { APIService, Secret, WebhookDeadLetter } from "../core/schema/kubernetes.d.ts";
import { signLegacyAccountToken } from "./account-token.ts";
import type { MetricQuery } from "../core/controllers/autoscaling/metric-samples.ts";
import { clusterObject, nodeObject } from "./addresses.ts";
import { schedulerConfiguration, schedulerNames } from "./scheduler-configuration.ts";
import { admissionConfiguration } from "./admission-configuration.ts";
import type { LevelVersion } from "../core/admission/pod-security/policy.ts";
import { answer, describe, errorAnswer, requestOf, statusOf, withReason } from "./answers.ts";
import { CommitGate } from "./commit-gate.ts";
import type { DefinitionSet } from "./custom-definitions.ts";
import { durablePorts } from "./durable-ports.ts";
import { authorizeImpersonation } from "./authorize-impersonation.ts";
import { NamespaceCore } from "./namespace-core.ts";
import type { NamespaceInside } from "./outside/channel.ts";
import type { Delivery } from "./ports.ts";
import { receiverToken } from "./receiver-token.ts";
import { openWatch, resumeWatches, streamList } from "./resource-object.ts";
import {
	AUTHORIZED_HEADER,
	type ImpersonationAnswer,
	type ImpersonationAsked,
	type NamespaceRpc,
	type Refusal,
	type ServiceEndpoint,
	type UsageTargets,
} from "./rpc.ts";
import { adapterMetric } from "./aggregation/adapter-metric.ts";
import { sweepExtensions } from "./aggregation/namespace-content.ts";
import { serviceFacts } from "./aggregation/service-facts.ts";
import type { ServiceFacts } from "../core/controllers/apiservice/availability.ts";
import { clusterGone, makeAdopted, wipe } from "./tenancy.ts";
import { podTargets } from "./usage-targets.ts";
import { durableWebhookPorts } from "./webhooks/durable-webhook-ports.ts";
import { serviceEndpoint } from "./verbs/proxy.ts";
import { bootstrapUser } from "./verbs/bootstrap-token.ts";
import { boundTokenProblem, legacyTokenProblem } from "./verbs/token.ts";
import { countAlarm, countWake } from "./wake-count.ts";
import type { DeliveryEnd, DeliveryRequest, Receipt } from "./webhook-receiving.ts";

/** What a Namespace object asks of the Cluster object. */
interface ClusterInternals {
	config(namespace: string, haveVersion: number): Promise<ClusterConfig | null>;
	definitions(haveVersion: number): Promise<DefinitionSet>;
	allocate(holder: string, request: AllocationRequest, dryRun: boolean): Promise<{ ok: true; allocation: Allocation } | Refusal>;
}

export class NamespaceObject extends DurableObject<WorkerEnv> implements NamespaceRpc, NamespaceInside {
	#made: NamespaceCore | undefined;
	readonly #commitGate: CommitGate;

	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Namespace");
		this.#commitGate = new CommitGate(() => ctx.storage.sync());
		makeAdopted(ctx, env, "namespace", () => this.#make());
	}

	/** Throws when the object's cluster is not there. */
	get #core(): NamespaceCore {
		if (this.#made === undefined) throw clusterGone();
		return this.#made;
	}

	#make(): void {
		const { ctx, env } = this;
		const [cluster = "", namespace = ""] = (ctx.id.name ?? "").split("/");
		const internals = (): ClusterInternals => clusterObject(env, cluster) as unknown as ClusterInternals;
		const ports = {
			...durablePorts(ctx, env, cluster),
			...durableWebhookPorts(ctx, env, cluster),
			admission: admissionConfiguration(env),
			schedulerNames: schedulerNames(schedulerConfiguration(env)),
			edge: edgeSettings(env.PETREL_EDGE),
			signAccountToken: (secret: string, account: { name: string; uid: string }) =>
				signLegacyAccountToken(env.PETREL_SIGNING_KEY, cluster, namespace, secret, account),
			receiverToken: (name: string, uid: string) => receiverToken(env.PETREL_SIGNING_KEY, { cluster, namespace, name }, uid),
			publicUrl: env.PETREL_PUBLIC_URL,
			fetchConfig: (haveVersion: number) => internals().config(namespace, haveVersion),
			fetchDefinitions: (haveVersion: number) => internals().definitions(haveVersion),
			usageOf: (node: string) => nodeObject(env, cluster, node).usage(),
			sweep: (services: readonly APIService[]) => sweepExtensions({ env, cluster, namespace }, services),
			metric: (query: MetricQuery) => adapterMetric(env, { cluster, namespace, ...this.#core.served }, query),
			allocate: async (holder: string, request: AllocationRequest, dryRun: boolean) => allocated(await internals().allocate(holder, request, dryRun)),
		};
		this.#made = new NamespaceCore(namespace, ports, builtinKinds, builtinSchema);
		resumeWatches(ctx, this.#made.core);
	}

	async destroy(): Promise<void> {
		this.#made = undefined;
		await wipe(this.ctx);
	}

	override async fetch(http: Request): Promise<Response> {
		const { request, submission } = await requestOf(http);
		const authorized = http.headers.get(AUTHORIZED_HEADER) === "1";
		try {
			await this.#core.ready();
			if (http.url.endsWith("/watch") || request.verb === "list") {
				if (!authorized) this.#core.authorize(request);
				return request.verb === "list" ? streamList(this.#core.core, http, request) : openWatch(this.ctx, this.#core.core, request);
			}
			if (request.verb === "get") return this.#withReason(request, answer(await this.#core.serve(request, authorized, submission)));
			await this.#commitGate.pass();
			const response = answer(await this.#core.serve(request, authorized, submission));
			this.#settle();
			return this.#withReason(request, response);
		} catch (error) {
			return errorAnswer(error, describe(request));
		}
	}

	#withReason(request: ApiRequest, response: Response): Response {
		return request.audited ? withReason(response, this.#core.decide(request).reason) : response;
	}

	async serviceEndpoint(service: string, port: number): Promise<ServiceEndpoint | Refusal> {
		try {
			await this.#core.ready();
			return serviceEndpoint(this.#core.core.server, service, port, Math.random);
		} catch (error) {
			return { ok: false, status: statusOf(error, `endpoint of Service ${service}`) };
		}
	}

	async authorizeNamespaced(request: ApiRequest): Promise<Status | null> {
		const answer = await this.#answerRpc(request, () => null);
		return answer === null ? null : answer.status;
	}

	async serviceFacts(service: string, port: number): Promise<ServiceFacts> {
		await this.#core.ready();
		return serviceFacts(this.#core.core.server.store, service, port);
	}

	async collection(resource: string): Promise<KubeObject[]> {
		await this.#core.ready();
		return this.#core.core.server.store.list(resource);
	}

	async secret(name: string): Promise<Secret | null> {
		await this.#core.ready();
		return this.#core.core.server.store.get<Secret>("secrets", name) ?? null;
	}

	async deadLetters(uid: string): Promise<WebhookDeadLetter[]> {
		return this.#core.deadLetters(uid);
	}

	async decision(user: UserInfo, attributes: ResourceAttributes): Promise<AuthorizerDecision> {
		await this.#core.ready();
		return this.#core.core.server.authorizer.decide(user, attributes);
	}

	async existingPodWarnings(enforce: LevelVersion): Promise<string[]> {
		return this.#core.existingPodWarnings(enforce);
	}

	async usageTargets(request: ApiRequest, authorized: boolean): Promise<UsageTargets> {
		const targets = (): UsageTargets => ({ ok: true, targets: podTargets(this.#core.core.server, request) });
		return this.#answerRpc(request, targets, authorized);
	}

	async boundTokenProblem(bound: ServiceAccountTokenClaims["kubernetes.io"]): Promise<string | null> {
		return boundTokenProblem(this.#core.core.server, bound) ?? null;
	}

	async authorizeImpersonation(asked: ImpersonationAsked): Promise<ImpersonationAnswer> {
		await this.#core.ready();
		return authorizeImpersonation(this.#core.core.server.authorizer, this.#core.namespace, asked);
	}

	async bootstrapUser(id: string, secret: string): Promise<UserInfo | null> {
		return bootstrapUser(this.#core.core.server.store, id, secret, Date.now());
	}

	async legacyTokenProblem(claims: LegacyAccountTokenClaims, token: string): Promise<string | null> {
		return legacyTokenProblem(this.#core.core.server, claims, token) ?? null;
	}

	async receiveWebhook(request: DeliveryRequest): Promise<{ ok: true; receipt: Receipt } | Refusal> {
		try {
			await this.#core.ready();
			const receipt = await this.#core.receiving.receive(request);
			this.#settle();
			return { ok: true, receipt };
		} catch (error) {
			this.#settle();
			return { ok: false, status: statusOf(error, `webhook for receiver ${request.name}`) };
		}
	}

	async webhookFollows(uid: string, subject: string, timeMs: number): Promise<boolean> {
		return this.#core.receiving.follows(uid, subject, timeMs);
	}

	async finishWebhook(end: DeliveryEnd): Promise<void> {
		await this.#core.ready();
		this.#core.receiving.finish(end);
		this.#settle();
	}

	async deliver(delivery: Delivery): Promise<boolean> {
		await this.#core.receive(delivery);
		this.#settle();
		return true;
	}

	override async alarm(): Promise<void> {
		countAlarm("Namespace");
		try {
			await this.#made?.wake();
		} finally {
			this.#made?.core.arm();
		}
	}

	override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
		this.#made?.core.hub.remove(socket);
		socket.close(code === 1005 || code === 1006 ? 1000 : code);
	}

	override async webSocketError(socket: WebSocket): Promise<void> {
		this.#made?.core.hub.remove(socket);
	}

	#settle(): void {
		const settled = this.#made?.core.settle();
		if (settled !== undefined) this.ctx.waitUntil(settled);
	}

	async #answerRpc<T>(request: ApiRequest, work: () => T, authorized = false): Promise<T | Refusal> {
		try {
			await this.#core.ready();
			if (!authorized) this.#core.authorize(request);
			return work();
		} catch (error) {
			return { ok: false, status: statusOf(error, describe(request)) };
		}
	}
}

function allocated(result: { ok: true; allocation: Allocation } | Refusal): Allocation {
	if (result.ok) return result.allocation;
	throw StatusError.from(result.status);
}
