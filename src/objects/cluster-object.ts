/** The Durable Object of one cluster: a shell around ClusterCore. */
import { DurableObject } from "cloudflare:workers";
import type { ApiRequest, UserInfo } from "../core/api/request.ts";
import type { Status } from "../core/errors/status-error.ts";
import type { Allocation, AllocationRequest } from "../core/kinds/define-kind.ts";
import { builtinKinds } from "../core/kinds/registry.ts";
import type { JoinRequest } from "../core/protocol/agent-protocol.ts";
import type { ClusterConfig, ObjectAddress } from "../core/protocol/messages.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { builtinSchema } from "../core/schema/builtin-schema.ts";
import { answer, describe, errorAnswer, refusalOf, requestOf, statusOf, withReason } from "./answers.ts";
import { requestAttributes } from "../core/authz/request-attributes.ts";
import { certificateAuthority } from "./certificate-authority.ts";
import { ClusterCore, type ClusterPorts } from "./cluster-core.ts";
import { ClusterMembers } from "./cluster-members.ts";
import { namespaceObject } from "./addresses.ts";
import { clusterNetworkOf } from "../core/protocol/cluster-addresses.ts";
import { schedulerConfiguration } from "./scheduler-configuration.ts";
import { admissionConfiguration } from "./admission-configuration.ts";
import type { LevelVersion } from "../core/admission/pod-security/policy.ts";
import { createClusterCa, createFrontProxyCa, type FrontProxyClient, signApiServing, signFrontProxyClient } from "./cluster-ca.ts";
import type { DefinitionSet } from "./custom-definitions.ts";
import { CommitGate } from "./commit-gate.ts";
import { durablePorts, memberOf } from "./durable-ports.ts";
import { type Attributes, type Decision, forbiddenRequest } from "../core/authz/attributes.ts";
import { authorizeImpersonation } from "./authorize-impersonation.ts";
import type { ClusterInside } from "./outside/channel.ts";
import type { Delivery } from "./ports.ts";
import { openWatch, resumeWatches, streamList } from "./resource-object.ts";
import type { ClusterRpc, ImpersonationAnswer, ImpersonationAsked, Refusal, UsageTargets } from "./rpc.ts";
import { clusterGone, isHosted, keepsAnything, wipe } from "./tenancy.ts";
import { extensionProbe } from "./aggregation/extension-probe.ts";
import { nodeTargets } from "./usage-targets.ts";
import { durableWebhookPorts } from "./webhooks/durable-webhook-ports.ts";
import { countAlarm, countWake } from "./wake-count.ts";

/** Objects of a cluster that are emptied at once when it is deleted. */
const DESTROYED_AT_A_TIME = 50;

export class ClusterObject extends DurableObject<WorkerEnv> implements ClusterRpc, ClusterInside {
	#made: ClusterCore | undefined;
	#members: ClusterMembers | undefined;
	readonly #commitGate: CommitGate;

	constructor(ctx: DurableObjectState, env: WorkerEnv) {
		super(ctx, env);
		countWake("Cluster");
		this.#commitGate = new CommitGate(() => ctx.storage.sync());
		if (!isHosted(this.#id) || keepsAnything(ctx.storage)) this.#make();
	}

	get #id(): string {
		return this.ctx.id.name ?? "";
	}

	/** Throws when there is no such cluster, or no longer. */
	get #core(): ClusterCore {
		if (this.#made === undefined) throw clusterGone();
		return this.#made;
	}

	#make(): void {
		const ports = clusterPorts(this.ctx, this.env);
		this.#members = new ClusterMembers(ports.sql);
		this.#made = new ClusterCore(ports, builtinKinds, builtinSchema);
		const made = this.#made;
		if (made.ca.state === undefined || made.frontProxyCa.state === undefined)
			this.ctx.blockConcurrencyWhile(async () => {
				made.ca.state ??= await createClusterCa(Date.now());
				made.frontProxyCa.state ??= await createFrontProxyCa(Date.now());
			});
		resumeWatches(this.ctx, made.core);
		this.#settle();
	}

	async create(): Promise<void> {
		if (this.#made === undefined) this.#make();
	}

	async adopt(address: ObjectAddress): Promise<void> {
		if (this.#members === undefined || this.#members.closed) throw clusterGone();
		this.#members.add(address);
	}

	async destroy(): Promise<void> {
		this.#members?.close();
		for (;;) {
			const batch = this.#members?.some(DESTROYED_AT_A_TIME) ?? [];
			if (batch.length === 0) break;
			await Promise.all(batch.map((address) => memberOf(this.env, this.#id, address).destroy()));
			for (const address of batch) this.#members?.remove(address);
		}
		this.#made = undefined;
		this.#members = undefined;
		await wipe(this.ctx);
	}

	override async fetch(http: Request): Promise<Response> {
		const { request, submission } = await requestOf(http);
		try {
			if (http.url.endsWith("/watch") || request.verb === "list") {
				this.#core.authorize(request);
				return request.verb === "list" ? streamList(this.#core.core, http, request) : openWatch(this.ctx, this.#core.core, request);
			}
			if (request.verb !== "get") await this.#commitGate.pass();
			const served = this.#core.serve(request, submission);
			this.#settle();
			const response = answer(await served);
			return request.audited ? withReason(response, (await this.decision(request.user, { ...requestAttributes(request), namespace: "" })).reason) : response;
		} catch (error) {
			return errorAnswer(error, describe(request));
		}
	}

	async namespaces(): Promise<string[]> {
		return this.#core.namespaces();
	}

	async authorizeCluster(request: ApiRequest): Promise<Status | null> {
		return refusalOf(() => this.#core.authorize(request));
	}

	async authorizeImpersonation(asked: ImpersonationAsked): Promise<ImpersonationAnswer> {
		return authorizeImpersonation(this.#core.core.server.authorizer, "", asked);
	}

	async decision(user: UserInfo, attributes: Attributes): Promise<Decision> {
		return this.#core.core.server.authorizer.decide(user, attributes);
	}

	async authorizePath(user: UserInfo, verb: string, path: string): Promise<Status | null> {
		return refusalOf(() => {
			const { allowed, reason } = this.#core.core.server.authorizer.decide(user, { verb, path });
			if (!allowed) throw forbiddenRequest(user, { verb, path }, reason);
		});
	}

	async usageTargets(request: ApiRequest): Promise<UsageTargets> {
		try {
			this.#core.authorize(request);
			return { ok: true, targets: nodeTargets(this.#core.core.server, request) };
		} catch (error) {
			return { ok: false, status: statusOf(error, describe(request)) };
		}
	}

	async connectedNode(): Promise<string | null> {
		return this.#core.connectedNode() ?? null;
	}

	async signApiServing(publicKey: unknown): Promise<{ ok: true; certificate: string } | Refusal> {
		try {
			const { state } = this.#core.ca;
			if (state === undefined) throw new Error("the cluster has no CA");
			return { ok: true, certificate: await signApiServing(state, publicKey, clusterNetworkOf(this.env.PETREL_NETWORK), Date.now()) };
		} catch (error) {
			return { ok: false, status: statusOf(error, "a certificate for an agent") };
		}
	}

	async frontProxyClient(): Promise<FrontProxyClient> {
		const { state } = this.#core.frontProxyCa;
		if (state === undefined) throw new Error("the cluster has no front proxy CA");
		return signFrontProxyClient(state, Date.now());
	}

	async join(request: JoinRequest): Promise<{ ok: true; podCidrs: string[] } | Refusal> {
		try {
			const { podCidrs } = this.#core.join(request);
			return { ok: true, podCidrs };
		} catch (error) {
			return { ok: false, status: statusOf(error, `join of node ${request.nodeName}`) };
		} finally {
			this.#settle();
		}
	}

	async nodeLabels(name: string): Promise<Record<string, string> | null> {
		const node = this.#core.core.server.store.get("nodes", name);
		return node === undefined ? null : (node.metadata.labels ?? {});
	}

	async nodeUid(name: string): Promise<string | null> {
		return this.#core.core.server.store.get("nodes", name)?.metadata.uid ?? null;
	}

	async ownsNode(request: JoinRequest): Promise<Status | null> {
		return refusalOf(() => this.#core.checkOwnsNode(request));
	}

	async config(namespace: string, haveVersion: number): Promise<ClusterConfig | null> {
		return this.#core.config(namespace, haveVersion);
	}

	async definitions(haveVersion: number): Promise<DefinitionSet> {
		return this.#core.definitions(haveVersion);
	}

	async allocate(holder: string, request: AllocationRequest, dryRun: boolean): Promise<{ ok: true; allocation: Allocation } | Refusal> {
		try {
			return { ok: true, allocation: this.#core.allocate(holder, request, dryRun) };
		} catch (error) {
			return { ok: false, status: statusOf(error, `allocation for ${holder}`) };
		} finally {
			this.#settle();
		}
	}

	async deliver(delivery: Delivery): Promise<boolean> {
		this.#core.receive(delivery);
		this.#settle();
		return true;
	}

	override async alarm(): Promise<void> {
		countAlarm("Cluster");
		try {
			await this.#made?.core.wake();
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
}

/** What the Cluster object asks of a Namespace object. */
interface NamespaceInternals {
	existingPodWarnings(enforce: LevelVersion): Promise<string[]>;
}

function clusterPorts(ctx: DurableObjectState, env: WorkerEnv): ClusterPorts {
	const cluster = ctx.id.name ?? "";
	return {
		...durablePorts(ctx, env, cluster),
		...durableWebhookPorts(ctx, env, cluster),
		frontDoorCa: env.PETREL_CA,
		authority: certificateAuthority(env.PETREL_CA, env.PETREL_CA_KEY),
		admission: admissionConfiguration(env),
		scheduler: schedulerConfiguration(env),
		existingPodWarnings: (namespace, enforce) => (namespaceObject(env, cluster, namespace) as unknown as NamespaceInternals).existingPodWarnings(enforce),
		probe: extensionProbe(env, cluster),
	};
}
