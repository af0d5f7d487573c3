/**
 * The Cluster object, portable: cluster-scoped objects, the namespace registry, the scheduler's ledger, addresses, and the
 * configuration replica that Namespace objects work by.
 */
import { DEFAULT_NETWORK } from "../core/protocol/cluster-addresses.ts";
import type { Submission } from "../core/admission/outside-call.ts";
import type { ApiRequest, ApiResponse } from "../core/api/request.ts";
import { requestAttributes } from "../core/authz/request-attributes.ts";
import { bindingOf } from "../core/controllers/pod-binding.ts";
import { ATTACH_DETACH } from "../core/controllers/attachdetach-controller.ts";
import { applyNamespaceEmptied } from "../core/controllers/namespace-controller.ts";
import { clusterControllers } from "../core/controllers/registry.ts";
import { conflict, notFound } from "../core/errors/status-error.ts";
import type { Allocation, AllocationRequest, KindRegistry } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { JoinRequest, NetworkRow } from "../core/protocol/agent-protocol.ts";
import type { ClusterConfig, MessageBody, ObjectMessage } from "../core/protocol/messages.ts";
import { QUEUE_KEY, SCHEDULER } from "../core/controllers/scheduler-controller.ts";
import type { Placement } from "../core/scheduler/scheduling-pod.ts";
import type { CertificateAuthority } from "../core/certificates/certificate.ts";
import type { AdmissionRequest } from "../core/admission/admission.ts";
import type { ResourceAttributes } from "../core/authz/attributes.ts";
import type { SchedulerConfiguration } from "../core/scheduler/configuration/scheduler-configuration.ts";
import type { AdmissionConfiguration } from "../core/admission/configuration.ts";
import type { LevelVersion } from "../core/admission/pod-security/policy.ts";
import type { Namespace, Node, PriorityClass, Taint } from "../core/schema/kubernetes.d.ts";
import type { Schema } from "../core/schema/types.ts";
import { KeptClusterCa } from "./kept-cluster-ca.ts";
import { StoredScheduler } from "./stored-scheduler.ts";
import { RESOURCE_CLAIMS } from "../core/devices/pod-claims.ts";
import { DEVICES, freesDevices, StoredDeviceObjects } from "./stored-device-objects.ts";
import { STORAGE, storedVolumeObjects } from "./stored-volume-objects.ts";
import { ServiceAddresses } from "./service-addresses.ts";
import { API_SERVICES } from "../core/kinds/api-service.ts";
import { changesAggregation } from "../core/controllers/apiservice/availability.ts";
import { clusterAuthorizer } from "./authorizer.ts";
import { ClusterWebhooks } from "./cluster-webhooks.ts";
import { bootstrapCluster, systemWrite } from "./cluster-bootstrap.ts";
import { ForeignDependents } from "./foreign-dependents.ts";
import { announceKeys } from "./key-rotation.ts";
import { answerProbes, type ProbePorts } from "./aggregation/probes.ts";
import { GARBAGE_COLLECTOR } from "../core/controllers/garbage-collector.ts";
import { DefinitionLedger, definitionsOf, DefinitionReplica, type DefinitionSet, DEFINITIONS } from "./custom-definitions.ts";
import { CAPACITIES, CLAIMS, REPLICATED_UP } from "../core/controllers/cluster-replica-controller.ts";
import { applyVolumeDeleted, LOCAL_PATH } from "../core/controllers/local-path-provisioner-controller.ts";
import { LOCAL_PATH_ANNOTATION } from "../core/volumes/local-path.ts";
import { NamespacedReplicas } from "./namespaced-replicas.ts";
import { NodeLiveness } from "./node-liveness.ts";
import { nodeTaintsMessages } from "./node-taints-message.ts";
import { NodeWatchers } from "./node-watchers.ts";
import { NetworkTable, nodeEntryOf } from "./network-table.ts";
import type { Store } from "../store/store.ts";
import type { CorePorts, Delivery } from "./ports.ts";
import { ReplicatedCollections } from "./replicated-collections.ts";
import { ResourceCore } from "./resource-core.ts";
import type { CommittedChange, ResourceServerOptions } from "./resource-server.ts";
import { createObject, updateObject } from "./write.ts";
import { cloneJson } from "../core/meta/clone.ts";
import { ClusterSubscriptions, type ClusterWebhookPorts } from "./webhooks/cluster-subscriptions.ts";
import { isSubscriptionRequest, serveSubscription } from "./webhooks/subscription-requests.ts";
import { CLUSTER_SUBSCRIPTIONS } from "./webhooks/webhook-deliveries.ts";

export interface ClusterPorts extends CorePorts, ClusterWebhookPorts, ProbePorts {
	/** PEM of the CA of the front door's certificate; "" where that is a public one. */
	frontDoorCa: string;
	/** What signs certificates with the CA's key; absent where there is none. */
	authority?: CertificateAuthority | undefined;
	admission: AdmissionConfiguration;
	scheduler: SchedulerConfiguration;
	/** Asks a Namespace object which of its pods a new enforce level would not let in. */
	existingPodWarnings(namespace: string, enforce: LevelVersion): Promise<string[]>;
}

/** How long a Namespace object may use its replica unasked; changes are pushed to it that long, in milliseconds. */
export const CONFIG_LEASE_MS = 60_000;
/** The Cluster object keeps pushing this much longer than the Namespace object believes, in milliseconds. */
const CONFIG_LEASE_MARGIN_MS = 10_000;
/** The annotation that says which agent instance a Node's name belongs to. */
export const INSTANCE_ANNOTATION = "petrel.dev/agent-instance";
const NAMESPACES = "namespaces";
const NODES = "nodes";

export class ClusterCore {
	readonly core: ResourceCore;
	readonly ca: KeptClusterCa;
	readonly frontProxyCa: KeptClusterCa;
	readonly #ports: ClusterPorts;
	readonly scheduler: StoredScheduler;
	readonly #network: NetworkTable;
	readonly #addresses: ServiceAddresses;
	readonly #definitions: DefinitionReplica;
	readonly #definitionLedger: DefinitionLedger;
	readonly #dependents: ForeignDependents;
	readonly #namespaced: NamespacedReplicas;
	readonly #liveness: NodeLiveness;
	readonly #watchers: NodeWatchers;
	readonly #webhooks = new ClusterWebhooks(() => this.core.server.store);
	readonly #replicated: ReplicatedCollections;
	readonly #devices: StoredDeviceObjects;
	readonly #subscriptions: ClusterSubscriptions;

	constructor(ports: ClusterPorts, kinds: KindRegistry, schema: Schema) {
		this.#ports = ports;
		this.ca = new KeptClusterCa(ports.sql, ports.seal, "cluster-ca");
		this.frontProxyCa = new KeptClusterCa(ports.sql, ports.seal, "front-proxy-ca");
		this.#network = new NetworkTable(ports.sql);
		this.#addresses = new ServiceAddresses(ports, () => this.core.server);
		this.#dependents = new ForeignDependents(ports.sql);
		this.#namespaced = new NamespacedReplicas(ports.sql, REPLICATED_UP);
		this.#definitions = new DefinitionReplica(kinds);
		this.#definitionLedger = new DefinitionLedger(ports.sql);
		this.#liveness = new NodeLiveness(ports.sql);
		this.#watchers = new NodeWatchers(ports.sql, () => this.core.server.store.clock.next(ports.nowMs()));
		const store = (): Store => this.core.server.store;
		this.#devices = new StoredDeviceObjects(store, this.#namespaced.byResource[RESOURCE_CLAIMS]);
		const attach = (node: string): void => this.core.runner.enqueue(ATTACH_DETACH, node);
		this.scheduler = new StoredScheduler(ports, storedVolumeObjects(store, this.#namespaced.byResource[CAPACITIES]), ports.scheduler, attach, this.#devices);
		const authorizer = clusterAuthorizer(store, (node, namespace) => this.#placedClaims(node, namespace));
		const controllers = clusterControllers({
			network: ports.network ?? DEFAULT_NETWORK,
			registry: this.#definitions.registry,
			schema,
			hasForeignDependents: (uid) => this.#dependents.has(uid),
			claimIsGone: (namespace, name) => this.#namespaced.isGone(CLAIMS, namespace, name),
			...this.scheduler.attachDetach,
			builtin: kinds,
			authority: ports.authority,
			allows: (user, attributes) => authorizer.decide(user, attributes).allowed,
			emptied: (uid) => this.#definitionLedger.emptied(uid),
			schedule: (ctx, limit) => this.scheduler.run(ctx, limit),
			nextScheduleMs: (nowMs) => this.scheduler.nextDueMs(nowMs),
			connected: (node) => this.#liveness.connected(node),
			lastSeenMs: (node) => this.#liveness.lastSeenMs(node),
		});
		this.#replicated = new ReplicatedCollections(() => this.core.server.store, this.#definitions.registry);
		const admission: ResourceServerOptions["admission"] = {
			webhooks: this.#webhooks.sets,
			policies: this.#replicated.policies,
			get: () => undefined,
			list: () => [],
			namespaceObject: () => null,
			priorityClasses: () => this.core.server.store.list<PriorityClass>("scheduling.k8s.io/priorityclasses"),
			clusterList: <T extends KubeObject>(resource: string) => this.core.server.store.list<T>(resource),
			node: (name) => this.core.server.store.get<Node>(NODES, name),
			allows: (user: AdmissionRequest["user"], attributes: ResourceAttributes) => authorizer.decide(user, attributes).allowed,
			configuration: ports.admission,
		};
		this.#subscriptions = new ClusterSubscriptions(ports, () => this.core);
		this.core = new ResourceCore(
			{ ports, kinds: this.#definitions.registry, schema, namespace: "", admission, authorizer, replicas: this.#namespaced.byResource },
			{ object: "cluster" },
			controllers,
			this.#subscriptions,
			(changes) => this.#observe(changes),
		);
		answerProbes(this.core, ports);
		this.#installDefinitions();
		ports.sql.transaction(() => this.#announce());
		this.#begin();
	}

	/** What a new cluster needs, and what the scheduler's memory needs of an old one. */
	#begin(): void {
		bootstrapCluster(this.core, this.#ports.sql);
		this.core.turn(() => this.#addresses.ensureOwn());
		for (const { metadata } of this.core.server.store.list(NAMESPACES)) this.scheduler.ledger.setNamespace(metadata.name ?? "", metadata.labels ?? {});
		this.scheduler.load(this.core.server.store.list<Node>(NODES));
	}

	/**
	 * Serves a request for cluster-scoped objects. Throws a StatusError for what the client did wrong, and SubmissionNeeded for
	 * what must be admitted by other machines first.
	 */
	async serve(request: ApiRequest, submission?: Submission): Promise<ApiResponse> {
		this.authorize(request);
		if (isSubscriptionRequest(request)) return serveSubscription(this.core, request, this.#subscriptions);
		const { followUps = [], ...response } = this.core.request(request, submission);
		for (const question of followUps) response.warnings.push(...(await this.#ports.existingPodWarnings(question.namespace, question.enforce)));
		return response;
	}

	/** Throws 403 unless the user may do this at cluster scope. */
	authorize(request: ApiRequest): void {
		this.core.server.authorizer.check(request.user, requestAttributes(request));
	}

	#placedClaims(node: string, namespace: string): string[] {
		const rows = this.#ports.sql.all<{ body: string }>("SELECT body FROM placements WHERE node = ? AND namespace = ?", node, namespace);
		return rows.flatMap(({ body }) => (JSON.parse(body) as Placement).pod.claims ?? []);
	}

	namespaces(): string[] {
		return this.core.server.store.names(NAMESPACES).map((row) => row.name);
	}

	/** Any node whose agent is connected. */
	connectedNode(): string | undefined {
		return this.#liveness.anyConnected();
	}

	/** The replica for one namespace, null for who has it as it is; from now on its changes are pushed for CONFIG_LEASE_MS. */
	config(namespace: string, haveVersion: number): ClusterConfig | null {
		const { store } = this.core.server;
		const untilMs = this.#ports.nowMs() + CONFIG_LEASE_MS + CONFIG_LEASE_MARGIN_MS;
		if (store.getText(NAMESPACES, namespace) !== undefined)
			this.#ports.sql.run("INSERT OR REPLACE INTO config_leases (namespace, until_ms) VALUES (?, ?)", namespace, untilMs);
		const isOld =
			haveVersion === 0 ||
			[...this.#replicated.list(), NAMESPACES, DEFINITIONS, API_SERVICES].some((resource) => store.log.changedSince(resource, haveVersion));
		return isOld ? this.#configFor(namespace) : null;
	}

	/** The CustomResourceDefinitions; null for who has them in their present version already. */
	definitions(haveVersion: number): DefinitionSet {
		const version = this.#definitionLedger.version();
		return version === haveVersion ? { version, definitions: null, services: null } : { version, ...definitionsOf(this.core.server.store) };
	}

	allocate(holder: string, request: AllocationRequest, dryRun: boolean): Allocation {
		return this.core.turn(() => this.#addresses.allocate(holder, request, dryRun));
	}

	/** Takes a node's name for an agent instance. Throws 409 when another instance has it. */
	join({ nodeName, instanceId, taints = [] }: JoinRequest): { podCidrs: string[] } {
		const old = this.core.server.store.get<Node>(NODES, nodeName);
		const holder = old?.metadata.annotations?.[INSTANCE_ANNOTATION];
		if (old && holder !== undefined && holder !== instanceId)
			throw conflict(
				{ group: "", resource: NODES },
				nodeName,
				"the node's name is taken by another agent; choose another name, or delete the Node first if that agent is gone for good",
			);
		this.core.turn(() => this.#takeNode(nodeName, instanceId, taints, old));
		return { podCidrs: this.core.server.store.get<Node>(NODES, nodeName)?.spec?.podCIDRs ?? [] };
	}

	/** Throws unless the Node is there and this agent instance's. */
	checkOwnsNode({ nodeName, instanceId }: JoinRequest): void {
		const node = this.core.server.store.get<Node>(NODES, nodeName);
		if (node === undefined) throw notFound({ group: "", resource: NODES }, nodeName);
		if (node.metadata.annotations?.[INSTANCE_ANNOTATION] !== instanceId)
			throw conflict({ group: "", resource: NODES }, nodeName, "the node's name is another agent's");
	}

	/** Takes in a delivery from another object. */
	receive({ clock, messages }: Delivery): void {
		this.core.server.store.clock.observe(clock);
		this.core.turn(() => {
			for (const message of messages) this.#take(message, clock);
			this.#scheduleSoon();
		});
		this.core.arm();
	}

	#take(message: MessageBody, clock: number): void {
		switch (message.type) {
			case "place":
				return this.#place(message);
			case "unbound":
				return this.scheduler.unbound(message.asked, message.sinceMs);
			case "placed":
				for (const pod of message.pods) this.scheduler.record(pod);
				return;
			case "release":
				for (const { uid } of message.pods) this.scheduler.release(uid);
				return;
			case "budgets":
				return this.scheduler.setBudgets(message.namespace, message.budgets);
			case "releaseAllocation":
				return this.#addresses.release(`${message.namespace}/${message.name}`);
			case "nodeStatus":
				return this.#nodeStatus(message);
			case "nodeRenewed":
				return this.#nodeRenewed(message.node);
			case "networkRows":
				return this.#changeNetwork(message.rows);
			case "wantNodes":
				return this.#wantNodes(message);
			case "namespaceEmptied":
				return this.#namespaceEmptied(message);
			case "deliveryReport":
				return this.#subscriptions.take(message);
			case "replicate":
				return this.#replicate(message, clock);
			case "volumesDeleted":
				for (const volume of message.volumes) this.core.actor.act(LOCAL_PATH, applyVolumeDeleted(this.core.runner.view, message.node, volume));
				return;
			case "wantOwner":
				return this.#post(this.#dependents.want(message.namespace, message.owner, this.core.server.store.get(message.owner.resource, message.owner.name)));
			case "dependentsGone":
				this.#dependents.forget(message.owner.uid, message.namespace);
				return this.core.runner.enqueue(GARBAGE_COLLECTOR, `${message.owner.resource}/${message.owner.name}#${message.owner.uid}`);
			case "instancesDeleted":
				this.#definitionLedger.noteEmptied(message.uid, message.namespace);
				return this.core.runner.enqueue("custom-resource-definition", message.definition);
			default:
				return this.#ports.logError(`the Cluster object takes no message ${message.type}`, undefined);
		}
	}

	#replicate(message: Extract<MessageBody, { type: "replicate" }>, clock: number): void {
		const changes = this.#namespaced.take(message, clock);
		for (const change of changes) this.core.runner.onReplicaChange(change);
		if (message.resource === RESOURCE_CLAIMS && changes.some(freesDevices)) this.scheduler.objectChanged(RESOURCE_CLAIMS);
		if (message.resource === CAPACITIES) this.scheduler.objectChanged(CAPACITIES);
	}

	#forgetNamespace(name: string): void {
		for (const change of this.#namespaced.forget(name)) this.core.runner.onReplicaChange(change);
		this.#watchers.forget(name);
		this.scheduler.deleteNamespace(name);
	}

	/** Who has a node already is told of it again. */
	#place({ namespace, asked }: Extract<MessageBody, { type: "place" }>): void {
		const placed = asked.map((one) => this.scheduler.ask(one)).filter((placement) => placement !== undefined);
		const bindings = placed.map((placement) => bindingOf(placement, this.core.server.store.get<Node>(NODES, placement.node)));
		if (bindings.length > 0) this.#post({ to: { object: "namespace", name: namespace }, body: { type: "bind", bindings, unschedulable: [] } });
	}

	#scheduleSoon(): void {
		if (this.scheduler.isReady()) this.core.runner.enqueue(SCHEDULER, QUEUE_KEY);
	}

	#nodeStatus({ node: name, connected, status, labels, localPath, silentMs = 0, sequence }: Extract<MessageBody, { type: "nodeStatus" }>): void {
		if (!this.#liveness.told(name, { connected, lastSeenMs: this.#ports.nowMs() - silentMs, sequence })) return;
		const old = this.core.server.store.get<Node>(NODES, name);
		if (old !== undefined && status !== undefined && connected) this.#writeNode(old, status, labels ?? {}, localPath);
		this.core.runner.enqueue("node-lifecycle", name);
	}

	#nodeRenewed(name: string): void {
		if (this.#liveness.renewed(name, this.#ports.nowMs())) this.core.runner.enqueue("node-lifecycle", name);
	}

	/** What the agent reports of its node: labels it has and the status. */
	#writeNode(old: Node, status: NonNullable<Node["status"]>, labels: Record<string, string>, localPath: string | undefined): void {
		const kind = this.#kind(NODES);
		const labelled = cloneJson(old);
		labelled.metadata.labels = { ...labelled.metadata.labels, ...labels };
		if (localPath) labelled.metadata.annotations = { ...labelled.metadata.annotations, [LOCAL_PATH_ANNOTATION]: localPath };
		const current = updateObject(this.core.server, kind, labelled, old, systemWrite("kubelet", "")) as Node;
		updateObject(
			this.core.server,
			kind,
			{ ...cloneJson(current), status: { ...current.status, ...status } } as Node,
			current,
			systemWrite("kubelet", "status"),
		);
	}

	/** What changed of the network table goes to every node. */
	#changeNetwork(rows: readonly NetworkRow[]): void {
		const change = this.#network.change(rows, () => this.core.server.store.clock.next(this.#ports.nowMs()));
		if (!change) return;
		// The first policy: from now on every namespace tells of its pods.
		if (change.rows.some(({ kind }) => kind === "policy")) for (const name of this.namespaces()) this.#wantPodRows(name);
		for (const { name } of this.core.server.store.names(NODES)) this.#post({ to: { object: "node", name }, body: { type: "network", ...change } });
	}

	#wantPodRows(name: string): void {
		if (this.#network.hasPolicies()) this.#post({ to: { object: "namespace", name }, body: { type: "wantPodRows" } });
	}

	/** A namespace with daemons gets the nodes, and from then on what changes of them. */
	#wantNodes({ namespace, wanted }: Extract<MessageBody, { type: "wantNodes" }>): void {
		const { store } = this.core.server;
		if (store.getText(NAMESPACES, namespace) === undefined) return;
		for (const message of this.#watchers.want(namespace, wanted, () => store.list<Node>(NODES))) this.#post(message);
	}

	#namespaceEmptied(message: Extract<MessageBody, { type: "namespaceEmptied" }>): void {
		const namespace = this.core.server.store.get<Namespace>(NAMESPACES, message.namespace);
		if (namespace === undefined || namespace.metadata.uid !== message.uid || !namespace.metadata.deletionTimestamp) return;
		this.core.actor.act("namespace", applyNamespaceEmptied(namespace, message, this.#ports.nowMs()));
	}

	#takeNode(name: string, instanceId: string, taints: Taint[], old: Node | undefined): void {
		const kind = this.#kind(NODES);
		if (old !== undefined) {
			const next = cloneJson(old);
			next.metadata.annotations = { ...next.metadata.annotations, [INSTANCE_ANNOTATION]: instanceId };
			updateObject(this.core.server, kind, next, old, systemWrite("kubelet", ""));
			return;
		}
		const node: Node = {
			apiVersion: "v1",
			kind: "Node",
			metadata: { name, annotations: { [INSTANCE_ANNOTATION]: instanceId }, labels: { "kubernetes.io/hostname": name } },
			spec: taints.length > 0 ? { taints } : {},
		};
		createObject(this.core.server, kind, node, systemWrite("kubelet", ""));
	}

	#configFor(namespace: string): ClusterConfig {
		const { store } = this.core.server;
		const object = store.get(NAMESPACES, namespace) ?? null;
		return {
			version: store.clock.cut(),
			objects: Object.fromEntries(this.#replicated.list().map((resource) => [resource, store.list(resource)])),
			definitionsVersion: this.#definitionLedger.version(),
			namespace: object,
			rootCa: `${this.#ports.frontDoorCa}${this.ca.state?.certificate ?? ""}`,
			clientCa: this.#ports.authority === undefined ? "" : this.#ports.frontDoorCa,
			requestHeaderCa: this.frontProxyCa.state?.certificate ?? "",
			// Whoever asks for a namespace that is not there is not told when it comes, and so asks again.
			leaseMs: object === null ? 0 : CONFIG_LEASE_MS,
		};
	}

	#observe(changes: readonly CommittedChange[]): void {
		this.#webhooks.observe(changes);
		for (const { resource } of changes) this.#replicated.changed(resource);
		for (const change of changes) {
			for (const message of this.#dependents.changed(change.resource, change.name, change.object, change.old)) this.#post(message);
			if (change.resource === NODES) this.#nodeChanged(change as CommittedChange & { object?: Node; old?: Node });
			if (change.resource === NAMESPACES) this.#namespaceChanged(change);
			this.#devices.changed(change.resource);
			if (STORAGE.includes(change.resource) || DEVICES.includes(change.resource)) this.scheduler.objectChanged(change.resource);
			if (change.resource === DEFINITIONS && change.object === undefined) this.#definitionLedger.forget(change.old?.metadata.uid ?? "");
		}
		this.#scheduleSoon();
		const definition = changes.findLast((change) => change.resource === DEFINITIONS || changesAggregation(change));
		if (definition !== undefined) this.#definitionsChanged(definition.revision);
		const configured = changes.filter((change) => this.#isConfiguration(change));
		if (definition === undefined && configured.length > 0) this.#pushConfig(undefined);
	}

	/** Whether Namespace objects are to hear of a change at once: not of what subscriptions tell of themselves. */
	#isConfiguration(change: CommittedChange): boolean {
		return change.resource === CLUSTER_SUBSCRIPTIONS ? this.#subscriptions.observe(change) : this.#replicated.list().includes(change.resource);
	}

	/** All that serve the kinds hear of it: this object at once, the Namespace objects by their configuration. */
	#definitionsChanged(revision: number): void {
		this.#definitionLedger.changed(revision);
		this.#installDefinitions();
		this.core.hub.kindsChanged();
		this.core.deliveries.kindsChanged();
		this.#pushConfig(undefined);
	}

	#installDefinitions(): void {
		this.#definitions.take({ version: this.#definitionLedger.version(), ...definitionsOf(this.core.server.store) });
	}

	#namespaceChanged({ name, object, old }: CommittedChange): void {
		if (object === undefined) this.#subscriptions.namespaceGone(name);
		this.#changeNetwork([{ kind: "namespace", name, labels: object === undefined ? null : (object.metadata.labels ?? {}) }]);
		if (old === undefined) this.#wantPodRows(name);
		if (object === undefined) this.#forgetNamespace(name);
		else this.scheduler.ledger.setNamespace(name, object.metadata.labels ?? {});
		this.#pushConfig([name]);
	}

	/** Sends the replica to the Namespace objects that rely on being told: those with a lease, of `names` or of all. */
	#pushConfig(names: readonly string[] | undefined): void {
		const leased = this.#ports.sql.all<{ namespace: string }>("SELECT namespace FROM config_leases WHERE until_ms > ?", this.#ports.nowMs());
		for (const { namespace } of leased) {
			if (names !== undefined && !names.includes(namespace)) continue;
			this.#post({ to: { object: "namespace", name: namespace }, body: { type: "config", config: this.#configFor(namespace) } });
		}
	}

	#nodeChanged({ name, object, old }: { name: string; object?: Node; old?: Node }): void {
		for (const message of this.#watchers.changed(name, object, old)) this.#post(message);
		if (object === undefined) this.scheduler.deleteNode(name);
		else this.scheduler.setNode(object);
		for (const message of nodeTaintsMessages(name, object, old)) this.#post(message);
		if (old === undefined) for (const part of this.#network.parts()) this.#post({ to: { object: "node", name }, body: { type: "network", ...part } });
		this.#changeNetwork([{ kind: "node", name, node: object === undefined ? null : nodeEntryOf(object) }]);
		if (object === undefined) this.#nodeGone(name);
	}

	/** The pods of a Node that was deleted are collected by their namespaces. */
	#nodeGone(node: string): void {
		const rows = this.#ports.sql.all<{ namespace: string; body: string }>("SELECT namespace, body FROM placements WHERE node = ?", node);
		const byNamespace = Map.groupBy(rows, (row) => row.namespace);
		for (const [name, placed] of byNamespace)
			this.#post({ to: { object: "namespace", name }, body: { type: "nodeGone", node, pods: placed.map((row) => (JSON.parse(row.body) as Placement).ref) } });
		this.#liveness.forget(node);
	}

	#post(message: ObjectMessage): void {
		this.core.outbox.post(message);
	}

	#kind(resource: string) {
		const kind = this.core.server.kinds.byStoreName(resource);
		if (kind === undefined) throw notFound({ group: "", resource }, resource);
		return kind;
	}

	#announce(): void {
		announceKeys(this.core, this.#ports, [this.ca, this.frontProxyCa]);
		for (const message of this.#namespaced.questions(this.namespaces())) this.#post(message);
	}
}
