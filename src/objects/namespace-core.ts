/** The Namespace object, portable: every namespaced object of one namespace, and the loops over them. */
import { DEFAULT_NETWORK } from "../core/protocol/cluster-addresses.ts";
import type { Submission } from "../core/admission/outside-call.ts";
import { policySource } from "../core/admission/policies/policy-sets.ts";
import { MUTATING_CONFIGURATIONS, VALIDATING_CONFIGURATIONS, webhookSource } from "../core/admission/webhooks/webhook-set.ts";
import type { ApiRequest, ApiResponse } from "../core/api/request.ts";
import type { Allocation, AllocationRequest, KindRegistry } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { EdgeSettings } from "../core/edge/edge-settings.ts";
import type { AdmissionConfiguration } from "../core/admission/configuration.ts";
import { existingPodWarnings } from "../core/admission/pod-security/existing-pods.ts";
import type { LevelVersion } from "../core/admission/pod-security/policy.ts";
import type {
	APIService,
	Ingress,
	IngressClass,
	MutatingWebhookConfiguration,
	Namespace,
	Pod,
	PriorityClass,
	ValidatingWebhookConfiguration,
	WebhookDeadLetter,
} from "../core/schema/kubernetes.d.ts";
import type { Schema } from "../core/schema/types.ts";
import { namespaceControllers } from "../core/controllers/registry.ts";
import { EDGE_SERVICE } from "../core/controllers/edge-service-controller.ts";
import { applyServiceScale } from "../core/controllers/service-sleep.ts";
import type { ExtensionContent } from "../core/controllers/extension-content.ts";
import { GATEWAY } from "../core/controllers/gateway-controller.ts";
import { applyGatewayStatus, applyHttpRouteStatus } from "../core/controllers/gateway-status.ts";
import { HTTP_ROUTE } from "../core/controllers/http-route-controller.ts";
import { GATEWAY_CLASSES, type GatewayClass, GATEWAYS, HTTP_ROUTES } from "../core/edge/gateway-api.ts";
import { nameOf } from "../core/controllers/identity.ts";
import { INGRESS, INGRESS_CLASSES, INGRESSES } from "../core/controllers/ingress-controller.ts";
import { servicesOfIngress } from "../core/edge/ingress-routes.ts";
import { POD_SCHEDULING } from "../core/controllers/pod-scheduling-controller.ts";
import { DEFAULT_SCHEDULER } from "../core/scheduler/configuration/scheduler-configuration.ts";
import { POD_TABLE } from "../core/controllers/pod-table-controller.ts";
import { answerGathers } from "./gathers.ts";
import { systemServiceIn } from "../core/controllers/system-service-controller.ts";
import { CUSTOM_RESOURCE_CLEANUP } from "../core/controllers/custom-resource-cleanup-controller.ts";
import type { Decision } from "../core/authz/attributes.ts";
import { requestAttributes } from "../core/authz/request-attributes.ts";
import type { Action } from "../core/controllers/controller.ts";
import { foreignKey } from "../core/controllers/foreign-owners.ts";
import { GARBAGE_COLLECTOR } from "../core/controllers/garbage-collector.ts";
import type { ClusterConfig, ForeignOwnerState, MessageBody } from "../core/protocol/messages.ts";
import { applyBindings } from "../core/controllers/pod-binding.ts";
import { deviceSteps } from "../core/controllers/device-messages.ts";
import { applyDenomination, applyPreemption } from "../core/controllers/pod-preemption.ts";
import { CLUSTER_REPLICA, tellCluster } from "../core/controllers/cluster-replica-controller.ts";
import { applyClaimWrite } from "../core/controllers/persistentvolume/claim-write.ts";
import { applyVolumeBinding } from "../core/controllers/pod-volume-binding.ts";
import { applyPodStatuses, applyPodStopped } from "../core/controllers/pod-status-reports.ts";
import { applyEviction, applyNodeGone, applyNodeLost, applyOutOfService } from "../core/controllers/pod-node-loss.ts";
import { type Authorizer, namespaceAuthorizer } from "./authorizer.ts";
import type { MetricAnswer, MetricQuery } from "../core/controllers/autoscaling/metric-samples.ts";
import type { NodeUsage } from "../core/protocol/agent-protocol.ts";
import { recordEvent } from "./event-recorder.ts";
import { keepQuotas } from "./quota-ledger.ts";
import { NodeReplicaStore } from "./node-replica.ts";
import { AUTHENTICATION_TRUST } from "../core/controllers/cluster-authentication-trust-controller.ts";
import { DefinitionReplica, type DefinitionSet } from "./custom-definitions.ts";
import type { CorePorts, Delivery } from "./ports.ts";
import { ResourceCore } from "./resource-core.ts";
import { AllocationNeeded, type ResourceServerOptions } from "./resource-server.ts";
import { isReview } from "./verbs/review.ts";
import { WebhookReceiving } from "./webhook-receiving.ts";
import { NamespaceSubscriptions } from "./webhooks/namespace-subscriptions.ts";
import { isSubscriptionRequest, letterOf, serveSubscription } from "./webhooks/subscription-requests.ts";
import type { WebhookPorts } from "./webhooks/webhook-ports.ts";

export interface NamespacePorts extends CorePorts, WebhookPorts {
	admission: AdmissionConfiguration;
	/** Names of the scheduler's profiles. */
	schedulerNames: ReadonlySet<string>;
	edge: EdgeSettings;
	/** Asks the Cluster object for the configuration replica; null when the version at hand is still the present one. */
	fetchConfig(haveVersion: number): Promise<ClusterConfig | null>;
	/** Asks the Cluster object for the CustomResourceDefinitions. */
	fetchDefinitions(haveVersion: number): Promise<DefinitionSet>;
	/** Signs what a Secret of a ServiceAccount's token holds. */
	signAccountToken(secret: string, account: { name: string; uid: string }): string;
	/** What stands at the end of a webhook receiver's URL. */
	receiverToken(name: string, uid: string): string;
	/** PETREL_PUBLIC_URL. */
	publicUrl: string | undefined;
	/** Asks a node's agent what is used there; null when none answers. */
	usageOf(node: string): Promise<NodeUsage | null>;
	/** Deletes what these servers keep in the namespace. Never rejects. */
	sweep(services: readonly APIService[]): Promise<ExtensionContent>;
	/** Asks an adapter for a metric. */
	metric(query: MetricQuery): Promise<MetricAnswer>;
	/** Asks the Cluster object for addresses and node ports. */
	allocate(holder: string, request: AllocationRequest, dryRun: boolean): Promise<Allocation>;
}

/** In the meta table: the classes and labels that this namespace's Ingresses, Gateways and routes were last looked at with. */
const EDGE_FACTS = "edge-facts";
/** In the meta table: names of the scheduler's profiles, when they are others than the default one. */
const SCHEDULER_NAMES = "scheduler-names";
/** In the meta table, once pods are told of. */
const POD_ROWS = "pod-rows";

/** A write that needs addresses is tried again once it has them; more tries mean a hook that never has enough. */
const ALLOCATION_TRIES = 3;
/** Cluster-scoped owners that are kept in memory. */
const FOREIGN_OWNERS_MAX = 10_000;

export class NamespaceCore {
	readonly core: ResourceCore;
	readonly receiving: WebhookReceiving;
	readonly namespace: string;
	readonly #ports: NamespacePorts;
	readonly #authorizer: Authorizer;
	readonly #nodes: NodeReplicaStore;
	readonly #definitions: DefinitionReplica;
	readonly #subscriptions: NamespaceSubscriptions;
	/** Cluster-scoped owners of objects here, since the object woke: whoever is not among them is asked for again. */
	readonly #owners = new Map<string, ForeignOwnerState>();
	#config: ClusterConfig | undefined;
	/** Whether the network table has this namespace's pods, once it was asked. */
	#podRows: boolean | undefined;
	#configUntilMs = 0;
	#fetching: Promise<void> | undefined;

	constructor(namespace: string, ports: NamespacePorts, kinds: KindRegistry, schema: Schema) {
		this.namespace = namespace;
		this.#ports = ports;
		this.#definitions = new DefinitionReplica(kinds);
		const { registry } = this.#definitions;
		this.#authorizer = namespaceAuthorizer(
			namespace,
			() => this.core.server.store,
			() => this.#config,
		);
		this.#nodes = new NodeReplicaStore(ports.sql);
		const controllers = namespaceControllers({
			network: ports.network ?? DEFAULT_NETWORK,
			registry,
			foreignOwners: { state: (uid) => this.#owners.get(uid) },
			terminatingDefinitions: () => this.#definitions.terminating,
			extensionServices: () => this.#definitions.services,
			namespaceActive: () => this.#phase() === "Active",
			namespaceTerminating: () => this.#phase() === "Terminating",
			schedulerNames: ports.schedulerNames,
			namespaceUid: () => this.#namespaceObject()?.metadata.uid ?? "",
			rootCa: () => this.#config?.rootCa ?? "",
			trust: () => this.#config,
			signAccountToken: (secret, account) => ports.signAccountToken(secret, account),
			knowsNodes: () => this.#nodes.known,
			podRowsWanted: () => this.#podRowsWanted(),
			ingressClasses: () => this.#replicated<IngressClass>(INGRESS_CLASSES),
			gatewayClasses: () => this.#replicated<GatewayClass>(GATEWAY_CLASSES),
			namespaceLabels: () => this.#namespaceObject()?.metadata.labels ?? {},
			edge: ports.edge,
			receiverToken: (name, uid) => ports.receiverToken(name, uid),
			publicUrl: ports.publicUrl,
		});
		this.#subscriptions = new NamespaceSubscriptions(
			ports,
			() => this.core,
			() => this.#config,
		);
		this.core = new ResourceCore(
			{
				ports,
				kinds: registry,
				schema,
				namespace,
				admission: this.#admissionView(),
				authorizer: this.#authorizer,
				afterCommit: keepQuotas,
				replicas: { nodes: this.#nodes },
			},
			{ object: "namespace", name: namespace },
			controllers,
			this.#subscriptions,
			(changes) => {
				this.receiving.observe(changes);
				this.#subscriptions.observe(changes);
			},
		);
		this.receiving = new WebhookReceiving(this.core);
		answerGathers(this.core, ports, () => this.ready());
	}

	/** What the cluster serves, itself and by other servers. */
	get served(): { registry: KindRegistry; services: readonly APIService[] } {
		const { registry, services } = this.#definitions;
		return { registry, services };
	}

	/** Makes the configuration replica current; await before anything that authorises or admits. */
	async ready(): Promise<void> {
		if (this.#ports.nowMs() < this.#configUntilMs && !this.#definitionsAreOld()) return;
		this.#fetching ??= this.#fetch().finally(() => {
			this.#fetching = undefined;
		});
		await this.#fetching;
	}

	/**
	 * Serves a request. Throws a StatusError for what the client did wrong, and SubmissionNeeded for what must be admitted by
	 * other machines first. Call `settle` afterwards.
	 */
	async serve(request: ApiRequest, authorized: boolean, submission?: Submission): Promise<ApiResponse> {
		await this.ready();
		if (!authorized) this.authorize(request);
		if (isSubscriptionRequest(request)) return serveSubscription(this.core, request);
		let allocation: Allocation | undefined;
		for (let tries = 1; ; tries++) {
			try {
				this.core.server.allocation = allocation;
				const { followUps: _, ...response } = this.core.request(request, submission);
				return response;
			} catch (error) {
				if (!(error instanceof AllocationNeeded) || tries >= ALLOCATION_TRIES) throw error;
				allocation = await this.#ports.allocate(error.holder, error.request, error.dryRun);
			} finally {
				this.core.server.allocation = undefined;
			}
		}
	}

	authorize(request: ApiRequest): void {
		// A review that a namespace's object answers is still one of the cluster, unless it is asked in the namespace.
		const scope = isReview(request.resource) ? { namespace: request.namespace } : {};
		this.#authorizer.check(request.user, { ...requestAttributes(request), ...scope });
	}

	/** Why the request is allowed, or not. */
	decide(request: ApiRequest): Decision {
		return this.#authorizer.decide(request.user, { ...requestAttributes(request), namespace: request.namespace });
	}

	/** Takes in a delivery from another object. */
	async receive({ clock, messages }: Delivery): Promise<void> {
		await this.ready();
		this.core.server.store.clock.observe(clock);
		// What is told of a definition must be known of it, kinds and all.
		if (messages.some((message) => this.#outdatesConfig(message))) {
			// One that was asked for before may be on its way.
			await this.#fetching;
			this.#configUntilMs = 0;
			await this.ready();
		}
		for (const message of messages) this.#take(message);
		await this.ready();
		this.core.arm();
	}

	/** Whether a message speaks of what the replica at hand does not know. */
	#outdatesConfig(message: MessageBody): boolean {
		if (message.type === "deleteInstances") return true;
		if (message.type !== "namespaceActive" && message.type !== "namespaceTerminating") return false;
		const wanted = message.type === "namespaceActive" ? "Active" : "Terminating";
		return this.#namespaceObject()?.metadata.uid !== message.uid || this.#phase() !== wanted;
	}

	/** What deliveries of this namespace to a subscription of the cluster are given up. */
	deadLetters(uid: string): WebhookDeadLetter[] {
		return this.core.deliveries.deadLetters(uid).map((letter) => letterOf(this.namespace, letter));
	}

	/** The warnings that a new enforce level of this namespace comes with. */
	existingPodWarnings(enforce: LevelVersion): string[] {
		return existingPodWarnings(this.namespace, enforce, this.core.server.store.list<Pod>("pods"), this.#ports.admission.podSecurity.exemptions.runtimeClasses);
	}

	async wake(): Promise<void> {
		await this.ready();
		await this.core.wake();
	}

	#take(message: MessageBody): void {
		const [view, nowMs] = [this.core.runner.view, this.#ports.nowMs()];
		switch (message.type) {
			case "config":
				return this.#install(message.config);
			case "namespaceActive":
			case "namespaceTerminating":
				return this.#enqueue("namespace");
			case "nodes":
				return this.#takeNodes(message);
			case "bind":
				return this.#performEach("scheduler", splitBind(message), (one) => applyBindings(view, one, nowMs));
			case "preempt":
				return this.#performEach("scheduler", message.victims, (victim) => applyPreemption(view, message, victim, nowMs));
			case "bindVolumes":
				return this.#performEach("scheduler", message.bindings, (binding) => applyVolumeBinding(view, binding));
			case "prepareDevices":
			case "releaseDevices":
			case "evictDeviceUsers":
				return this.#performEach(...deviceSteps(message, view, nowMs), (step) => step());
			case "claimWrites":
				return this.#performEach("persistentvolume", message.writes, (write) => applyClaimWrite(view, this.namespace, write));
			case "wantReplicas":
				return this.#tellOfObjects(message);
			case "denominate":
				return this.#performEach("scheduler", message.pods, (pod) => applyDenomination(view, pod));
			case "podStatus":
				return this.#performEach("kubelet", message.statuses, (status) => applyPodStatuses(view, { ...message, statuses: [status] }, nowMs));
			case "podStopped":
				return this.#performEach("kubelet", message.pods, (pod) => applyPodStopped(view, { ...message, pods: [pod] }));
			case "evictPods":
				return this.#performEach("taint-eviction", message.pods, (pod) => applyEviction(view, { ...message, pods: [pod] }, nowMs));
			case "nodeLost":
				return this.#performEach("node-lifecycle", message.pods, (pod) => applyNodeLost(view, { ...message, pods: [pod] }, nowMs));
			case "nodeOutOfService":
				return this.#performEach("pod-garbage-collector", message.pods, (pod) => applyOutOfService(view, { ...message, pods: [pod] }));
			case "nodeGone":
				return this.#performEach("pod-garbage-collector", message.pods, (pod) => applyNodeGone(view, { ...message, pods: [pod] }, nowMs));
			case "deleteInstances":
				return this.core.turn(() => this.core.runner.enqueue(CUSTOM_RESOURCE_CLEANUP, message.definition));
			case "wantPodRows":
				return this.#tellOfPods();
			case "gatewayStatus":
				return this.#performEach(GATEWAY, [message], (one) => applyGatewayStatus(view, one, this.#ports.edge, nowMs));
			case "scaleService":
				return this.#performEach("scale-to-zero", [message], (one) => applyServiceScale(view, one));
			case "httpRouteStatus":
				return this.#performEach(HTTP_ROUTE, [message], (one) => applyHttpRouteStatus(view, one, nowMs));
			case "ownerState":
				return this.#takeOwner(message);
			case "keysRotated":
				return;
			case "replayDeliveries":
				return this.core.turn(() => this.#subscriptions.replay(message));
			case "recordEvent":
				return this.core.turn(() => recordEvent(this.core.server, message));
			default:
				return this.#ports.logError(`a Namespace object takes no message ${message.type}`, undefined);
		}
	}

	/** From now on the network table has this namespace's pods. */
	#tellOfPods(): void {
		if (this.#podRowsWanted()) return;
		this.#ports.sql.run("INSERT OR REPLACE INTO meta VALUES (?, '')", POD_ROWS);
		this.#podRows = true;
		this.core.turn(() => {
			for (const { name } of this.core.server.store.names("pods")) this.core.runner.enqueue(POD_TABLE, name);
		});
	}

	#podRowsWanted(): boolean {
		this.#podRows ??= this.#ports.sql.all("SELECT 1 FROM meta WHERE key = ?", POD_ROWS).length > 0;
		return this.#podRows;
	}

	#tellOfObjects({ resource, names }: Extract<MessageBody, { type: "wantReplicas" }>): void {
		const known = names ?? this.core.server.store.names(resource).map(({ name }) => name);
		if (known.length > 0) this.core.perform(CLUSTER_REPLICA, [tellCluster(this.core.runner.view, this.namespace, resource, known)]);
	}

	#takeOwner({ owner, state }: Extract<MessageBody, { type: "ownerState" }>): void {
		if (this.#owners.size >= FOREIGN_OWNERS_MAX) this.#owners.clear();
		this.#owners.set(owner.uid, state);
		this.core.turn(() => this.core.runner.enqueue(GARBAGE_COLLECTOR, foreignKey(owner)));
	}

	#takeNodes({ sequence, replica }: Extract<MessageBody, { type: "nodes" }>): void {
		this.core.turn(() => {
			const known = this.#nodes.known;
			const changes = this.#nodes.take(sequence, replica) ?? [];
			// An empty cluster's replica changes no node, but now it is known to be empty.
			if (changes.length === 0 && this.#nodes.known !== known) this.core.runner.onReplicaChange({ resource: "nodes" });
			for (const change of changes) this.core.runner.onReplicaChange({ resource: "nodes", ...change });
		});
	}

	/** Decides about each pod and does it, all in one turn; when that fails each in its own, so that one at fault holds up no other. */
	#performEach<T>(controller: string, items: readonly T[], decide: (item: T) => readonly Action[]): void {
		try {
			this.core.turn(() => {
				for (const item of items) this.core.actor.act(controller, decide(item));
			});
		} catch (error) {
			if (items.length > 1) for (const item of items) this.#performEach(controller, [item], decide);
			else this.#ports.logError(`${controller}: a message about a pod of namespace ${this.namespace}`, error);
		}
	}

	#enqueue(key: "namespace"): void {
		this.core.turn(() => {
			for (const controller of this.core.runner.controllersWith(key)) this.core.runner.enqueue(controller, key);
		});
	}

	async #fetch(): Promise<void> {
		const askedMs = this.#ports.nowMs();
		if (askedMs >= this.#configUntilMs) {
			const config = await this.#ports.fetchConfig(this.#config?.version ?? 0);
			if (config !== null) this.#install(config);
			this.#configUntilMs = askedMs + (this.#config?.leaseMs ?? 0);
		}
		if (this.#definitionsAreOld()) this.#definitions.take(await this.#ports.fetchDefinitions(this.#definitions.version));
		// Watches wait for their kinds when the object wakes.
		this.core.hub.kindsChanged();
		this.core.deliveries.kindsChanged();
		// A pod may come in the same breath as its namespace: what pods need must be there before the first request.
		if (this.#phase() === "Active" && this.#lacksStanding()) this.#enqueue("namespace");
	}

	/** Whether something is missing that the namespace has from its beginning. */
	#lacksStanding(): boolean {
		const { store } = this.core.server;
		const service = systemServiceIn(this.namespace);
		if (store.getText("serviceaccounts", "default") === undefined || (service !== undefined && store.getText("services", service) === undefined)) return true;
		return this.namespace === "kube-system" && store.getText("configmaps", AUTHENTICATION_TRUST) === undefined;
	}

	#definitionsAreOld(): boolean {
		return this.#config !== undefined && this.#config.definitionsVersion > this.#definitions.version;
	}

	#install(config: ClusterConfig): void {
		if (this.#config !== undefined && config.version < this.#config.version) return;
		const before = this.#phase();
		this.#config = config;
		this.#authorizer.changed("");
		if (before !== undefined && before !== this.#phase()) this.#enqueue("namespace");
		this.#lookAtEdgeFacts();
		if (before === undefined) this.#lookAtSchedulerNames();
	}

	/** Pods may wait already for a profile that is new: they are asked for like those that are made from now on. */
	#lookAtSchedulerNames(): void {
		const { sql, schedulerNames } = this.#ports;
		const names = [...schedulerNames].sort().join(" ");
		const known = sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", SCHEDULER_NAMES)[0]?.value ?? DEFAULT_SCHEDULER;
		if (known === names) return;
		sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", SCHEDULER_NAMES, names);
		this.core.turn(() => {
			for (const { name } of this.core.server.store.names("pods")) this.core.runner.enqueue(POD_SCHEDULING, name);
		});
	}

	#replicated<T extends KubeObject>(resource: string): T[] {
		return (this.#config?.objects[resource] ?? []) as T[];
	}

	/** When classes or labels are others than those that Ingresses and Gateways were last served by, these may be ours now, or no longer. */
	#lookAtEdgeFacts(): void {
		const { sql } = this.#ports;
		const { store } = this.core.server;
		const named = [INGRESSES, GATEWAYS, HTTP_ROUTES].map((resource) => store.names(resource).map(({ name }) => name));
		if (named.every(({ length }) => length === 0)) return;
		const classes = [INGRESS_CLASSES, GATEWAY_CLASSES].map((resource) => this.#replicated(resource).map((one) => [nameOf(one), (one as IngressClass).spec]));
		const facts = JSON.stringify([classes, this.#namespaceObject()?.metadata.labels]);
		if (sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", EDGE_FACTS)[0]?.value === facts) return;
		sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", EDGE_FACTS, facts);
		this.core.turn(() => {
			for (const [index, controller] of [INGRESS, GATEWAY, HTTP_ROUTE].entries())
				for (const name of named[index] ?? []) this.core.runner.enqueue(controller, name);
			for (const ingress of store.list<Ingress>(INGRESSES)) for (const service of servicesOfIngress(ingress)) this.core.runner.enqueue(EDGE_SERVICE, service);
		});
	}

	#namespaceObject(): Namespace | undefined {
		return (this.#config?.namespace as Namespace | null | undefined) ?? undefined;
	}

	#phase(): string | undefined {
		const namespace = this.#namespaceObject();
		return namespace === undefined ? undefined : namespace.metadata.deletionTimestamp ? "Terminating" : "Active";
	}

	#admissionView(): ResourceServerOptions["admission"] {
		return {
			webhooks: webhookSource(
				() => this.#config?.version,
				() => (this.#config?.objects[MUTATING_CONFIGURATIONS] ?? []) as MutatingWebhookConfiguration[],
				() => (this.#config?.objects[VALIDATING_CONFIGURATIONS] ?? []) as ValidatingWebhookConfiguration[],
			),
			policies: policySource(
				() => this.#config?.version,
				<T extends KubeObject>(resource: string) => (this.#config?.objects[resource] ?? []) as T[],
			),
			get: (resource, name) => this.core.server.store.get(resource, name),
			list: (resource) => this.core.server.store.list(resource),
			node: (name) => this.#nodes.get(name),
			namespaceObject: () => this.#namespaceObject() ?? null,
			clusterList: <T extends KubeObject>(resource: string) => (this.#config?.objects[resource] ?? []) as T[],
			allows: (user, attributes) => this.#authorizer.decide(user, attributes).allowed,
			configuration: this.#ports.admission,
			priorityClasses: () => (this.#config?.objects["scheduling.k8s.io/priorityclasses"] ?? []) as PriorityClass[],
		};
	}
}

type Bind = Extract<MessageBody, { type: "bind" }>;

function splitBind(message: Bind): Bind[] {
	const bound = message.bindings.map((binding): Bind => ({ type: "bind", bindings: [binding], unschedulable: [] }));
	return [...bound, ...message.unschedulable.map((pod): Bind => ({ type: "bind", bindings: [], unschedulable: [pod] }))];
}
