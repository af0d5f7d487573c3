/**
 * The node agent: joins the cluster, then polls, runs pods and reports until it is stopped. It accepts no connection; all
 * it says and hears goes through requests that it makes itself.
 */
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type AgentCommand, type JoinResponse, type NetworkRow, podCidrsOf } from "../core/protocol/agent-protocol.ts";
import { AgentError } from "./agent-error.ts";
import type { Agent, AgentOptions, NodeNetwork } from "./agent-options.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Backoff, restartBackoff } from "./container-backoff.ts";
import { ControlPlaneClient } from "./control-plane-client.ts";
import { CredentialRenewal } from "./credential-renewal.ts";
import { lockDataDirectory } from "./data-directory-lock.ts";
import { type DesiredChange, DesiredState } from "./desired-state.ts";
import { observeMachine } from "./eviction/observe.ts";
import { ApiEventRecorder } from "./event-recorder.ts";
import { forgetMembership, joinCluster, type JoinOptions, loadInstanceId, loadMembership, type Membership, readCaFile } from "./identity.ts";
import { Housekeeping } from "./housekeeping.ts";
import { releaseKubeletRoot, takeKubeletRoot } from "./kubelet-root.ts";
import { NodePlugins } from "./plugins/node-plugins.ts";
import { nodeImagePuller } from "./node-image-puller.ts";
import { KubeletApi } from "./kubelet-api.ts";
import { DEFAULT_KUBELET_CONFIGURATION, durationMs, type KubeletConfiguration } from "./kubelet-configuration.ts";
import { Limiter } from "./limiter.ts";
import { createLogger, errorText, type Logger } from "./log.ts";
import { renewNodeLease } from "./node-lease.ts";
import { NodeAddresses } from "./node-addresses.ts";
import { computeNodeStatus, nodeLabels } from "./node-status.ts";
import { NODE_STATUS_REPORT_MS, NodeReport } from "./node-report.ts";
import { shutDownPods } from "./node-shutdown.ts";
import type { PodContext } from "./pod-context.ts";
import { latestSandbox } from "./pod-lifecycle.ts";
import { ClusterServices, type ClusterServicesPlace } from "./network/cluster-services.ts";
import { NetworkChanges } from "./network/network-changes.ts";
import { podRef } from "./pod-names.ts";
import { PodSupervisor } from "./pod-supervisor.ts";
import { PollLoop } from "./poll-loop.ts";
import { RetryDelay } from "./retry-delay.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import { RuntimeClasses } from "./runtime-classes.ts";
import { RuntimeView } from "./runtime-view.ts";
import { ServiceAccountTokens } from "./service-account-token.ts";
import { SessionServer } from "./sessions/session-server.ts";
import { EdgeListener } from "./edge/edge-listener.ts";
import { TunnelServer } from "./tunnel/tunnel-server.ts";
import { volumeUsages } from "./usage/volume-usage.ts";
import { UsageAnswers } from "./usage/usage-answers.ts";
import { UsageMeter } from "./usage/usage-meter.ts";
import { startRuntime } from "./runtime-start.ts";
import { StaticPods } from "./static-pods.ts";
import { StatusReporter } from "./status-reporter.ts";
import { connectTcp } from "./tcp-connection.ts";
import { CsiVolumes } from "./volumes/csi/csi-volumes.ts";
import { BoundVolumes } from "./volumes/bound-volumes.ts";
import { deleteLocalVolume, localPathDirectory } from "./volumes/local-path.ts";
import type { Place } from "./tunnel/target-connection.ts";

/** Sandboxes and containers started at once, for each core and in all. Of 30 pods on two cores all were ready after 12 to 14 s with 4, 16 s with 2. */
export const PARALLEL_STARTS_PER_CORE = 4;
export const MAX_PARALLEL_STARTS = 8;
/** How long a starting agent waits for the control plane before it runs the pods that it remembers; a refused connection is no wait. */
export const SAVED_PODS_WAIT_MS = 5_000;

/** Resolves when the node has joined (or had before) and its runtime is up; rejects with AgentError. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
	const log = options.log ?? createLogger();
	const clock = options.clock ?? systemClock;
	const instanceId = await loadInstanceId(options.dataDir).catch((error: unknown) => {
		throw new AgentError("data-directory", `the data directory ${options.dataDir} cannot be used (${errorText(error)})`, { cause: error });
	});
	const unlock = await lockDataDirectory(options.dataDir);
	try {
		const joinOptions: JoinOptions = {
			...options,
			token: options.token,
			ca: await readCaFile(options.caFile),
			dataDirectory: options.dataDir,
			clock,
			log,
			patienceMs: options.joinPatienceMs,
			taints: options.configuration?.registerWithTaints,
		};
		const membership = (await loadMembership(joinOptions)) ?? (await joinCluster(joinOptions, instanceId));
		const runtime = await startRuntime(options, membership);
		const kubeletRoot = await takeKubeletRoot({ dataDirectory: options.dataDir, wanted: options.kubeletRoot, log });
		const node = new NodeAgent({ options, log, clock, instanceId, joinOptions, membership, runtime, kubeletRoot, unlock });
		await node.start();
		return node;
	} catch (error) {
		await unlock();
		throw error;
	}
}

interface NodeAgentParts {
	options: AgentOptions;
	log: Logger;
	clock: Clock;
	instanceId: string;
	joinOptions: JoinOptions;
	membership: Membership;
	runtime: ContainerRuntime;
	/** Where drivers and plugins find what kubelet has for them. */
	kubeletRoot: string;
	unlock(): Promise<void>;
}

class NodeAgent implements Agent {
	readonly #parts: NodeAgentParts;
	readonly #client: ControlPlaneClient;
	readonly #state: DesiredState;
	readonly #view: RuntimeView;
	readonly #supervisor: PodSupervisor;
	readonly #poll: PollLoop;
	readonly #reporter: StatusReporter;
	readonly #sessions: SessionServer;
	readonly #edge: EdgeListener | undefined;
	readonly #tunnels: TunnelServer;
	readonly #clusterServices: ClusterServices | undefined;
	readonly #housekeeping: Housekeeping;
	readonly #plugins: NodePlugins;
	readonly #csi: CsiVolumes;
	readonly #claims: BoundVolumes;
	#network: NodeNetwork | undefined;
	readonly #networkChanges: NetworkChanges;
	readonly #meter: UsageMeter;
	readonly #usage: UsageAnswers;
	readonly #addresses: NodeAddresses;
	readonly #nodeReport: NodeReport;
	readonly #static: StaticPods;
	#cancelSavedTimer: () => void = () => undefined;
	/** The saved pods run, or the control plane has said what should. */
	#heard = false;
	#stopping: Promise<void> | undefined;
	readonly #credential: CredentialRenewal;

	constructor(parts: NodeAgentParts) {
		const { options, log, clock, membership, runtime, instanceId } = parts;
		this.#addresses = new NodeAddresses(options.nodeIP, () => podCidrsOf(membership.cluster));
		this.#parts = parts;
		this.#client = new ControlPlaneClient(membership.server, membership.cluster.credential, this.#ca());
		this.#credential = new CredentialRenewal({ client: this.#client, clock, log, dataDirectory: options.dataDir, instanceId, membership });
		this.#state = new DesiredState(options.dataDir);
		this.#view = new RuntimeView(runtime, clock, log);
		this.#networkChanges = new NetworkChanges(clock, log, (rows) => this.#network?.apply(rows));
		this.#poll = new PollLoop({
			client: this.#client,
			clock,
			log,
			retry: new RetryDelay(),
			state: this.#state,
			nodeName: options.nodeName,
			instanceId,
			bootId: randomUUID(),
			onChange: (change) => this.#take(change),
			onFailure: () => this.#runSavedPods(),
			onCommand: (command) => this.#obey(command),
			hasPods: () => this.#state.pods.some((p) => !p.metadata.deletionTimestamp),
			onRefused: (code) => this.#rejoin(code),
		});
		this.#reporter = new StatusReporter(clock, log, new RetryDelay(), (report) => this.#poll.report(report));
		if (options.clusterServices) this.#clusterServices = this.#newClusterServices(options.clusterServices);
		this.#plugins = this.#newPlugins();
		this.#csi = this.#newCsiVolumes();
		this.#claims = new BoundVolumes(this.#client);
		const events = new ApiEventRecorder(this.#client, clock, log, options.nodeName);
		this.#nodeReport = this.#newNodeReport();
		this.#static = this.#newStaticPods();
		this.#housekeeping = this.#newHousekeeping(events);
		this.#supervisor = new PodSupervisor(this.#podContext(events));
		this.#meter = new UsageMeter({ runtime, clock, pods: () => this.#state.pods.map(podRef), runtimeUid: (uid) => this.#static.runtimeUid(uid) });
		this.#usage = new UsageAnswers(this.#meter, log, (usage) => this.#poll.report({ usage }));
		this.#sessions = new SessionServer({
			client: this.#client,
			runtime,
			view: this.#view,
			log,
			clock,
			findPod: (uid) => this.#supervisor.find(uid)?.current,
		});
		if (options.edge) this.#edge = new EdgeListener({ client: this.#client, log, ...options.edge });
		this.#tunnels = new TunnelServer({
			client: this.#client,
			log,
			kubelet: this.#newKubeletApi(),
			dial: (place) => this.#dial(place),
		});
	}

	#obey(command: AgentCommand): void {
		if (command.type === "tunnel") this.#tunnels.handle(command);
		else if (command.type === "usage") this.#usage.handle(command.id);
		// A newer control plane may know commands that this agent does not.
		else if (command.type === "session") this.#sessions.handle({ ...command, pod: { ...command.pod, uid: this.#static.runtimeUid(command.pod.uid) } });
	}

	#newCsiVolumes(): CsiVolumes {
		const { options, clock, kubeletRoot: root } = this.#parts;
		const onInUse = () => this.#nodeReport.soon();
		return new CsiVolumes({ drivers: this.#plugins.csiDrivers, api: this.#client, clock, nodeName: options.nodeName, root, onInUse });
	}

	#newNodeReport(): NodeReport {
		const { options, clock, log, runtime, instanceId } = this.#parts;
		const { nodeName, dataDir: dataDirectory } = options;
		return new NodeReport({
			clock,
			log,
			compute: (previous) => {
				const { pressures, shuttingDown } = this.#housekeeping;
				const devices = this.#plugins.devices.resources;
				const seen = {
					runtimeDown: this.#view.down,
					addresses: this.#addresses.now,
					previous,
					pressures,
					shuttingDown,
					volumesInUse: this.#csi.inUse,
					devices,
				};
				return computeNodeStatus({ clock, runtime, nodeName, instanceId, dataDirectory, configuration: this.#configuration, ...seen });
			},
			tell: async (status, nowMs) => {
				this.#reporter.node({ labels: nodeLabels(nodeName, options.labels ?? {}), status, localPath: localPathDirectory(dataDirectory) });
				await this.#renewLease(nowMs);
			},
		});
	}

	#newClusterServices(place: ClusterServicesPlace): ClusterServices {
		const { options, clock, log, membership } = this.#parts;
		const { nodeName, dataDir: dataDirectory } = options;
		return new ClusterServices({
			place,
			client: this.#client,
			clock,
			log,
			nodeName,
			dataDirectory,
			clusterDomain: membership.cluster.clusterDomain,
			network: membership.cluster.network,
		});
	}

	#newPlugins(): NodePlugins {
		const { options, clock, log, kubeletRoot } = this.#parts;
		return new NodePlugins({
			kubeletRoot,
			api: this.#client,
			nodeName: options.nodeName,
			clock,
			log,
			active: () => (this.#heard ? this.#supervisor.active.map(({ pod }) => pod) : undefined),
			onDevices: (podUids) => {
				this.#nodeReport.soon();
				for (const uid of podUids) this.#supervisor.find(uid)?.wake();
			},
		});
	}

	#newStaticPods(): StaticPods {
		const { options, clock, log } = this.#parts;
		return new StaticPods({
			directory: this.#configuration.staticPodPath,
			nodeName: options.nodeName,
			client: this.#client,
			clock,
			log,
			periodMs: durationMs(this.#configuration.fileCheckFrequency),
			reports: this.#reporter,
			onAdded: (pod) => this.#supervisor.upsert(pod),
			onRemoved: (ref) => this.#supervisor.remove(ref),
			onMirrored: (uid) => this.#supervisor.find(uid)?.reportAgain(),
		});
	}

	#newKubeletApi(): KubeletApi {
		const { dataDir, nodeName } = this.#parts.options;
		return new KubeletApi({
			pods: () => this.#state.pods,
			nodeName,
			meter: this.#meter,
			observe: () => observeMachine(dataDir),
			volumes: (pods) => volumeUsages(pods, { csi: this.#csi, known: (uid, claim) => this.#claims.known(uid, claim), clock: this.#parts.clock }),
			configuration: this.#configuration,
		});
	}

	#newHousekeeping(events: ApiEventRecorder): Housekeeping {
		const { options, runtime, clock, log } = this.#parts;
		return new Housekeeping({
			runtime,
			view: this.#view,
			clock,
			log,
			configuration: this.#configuration,
			dataDirectory: options.dataDir,
			events,
			active: () => this.#supervisor.active,
			devices: this.#plugins.devices,
			allocatable: () => this.#nodeReport.status?.allocatable ?? {},
			onPressure: () => this.#nodeReport.soon(),
		});
	}

	get nodeName(): string {
		return this.#parts.options.nodeName;
	}
	get cluster(): JoinResponse {
		return this.#parts.membership.cluster;
	}
	get runtime(): ContainerRuntime {
		return this.#parts.runtime;
	}
	get #configuration(): KubeletConfiguration {
		return this.#parts.options.configuration ?? DEFAULT_KUBELET_CONFIGURATION;
	}
	get connected(): boolean {
		return this.#poll.connected;
	}

	async start(): Promise<void> {
		const { options, log, clock, runtime } = this.#parts;
		// Volumes hold Secrets: nobody else on the machine may look in.
		await mkdir(join(options.dataDir, "pods"), { recursive: true, mode: 0o700 });
		await this.#state.load();
		this.#network = typeof options.network === "function" ? await options.network(this.cluster, runtime, this.#client) : options.network;
		await this.#network?.start();
		this.#clusterServices?.start();
		this.#applyNetwork(this.#state.networkRows);
		this.#view.start((uid) => this.#supervisor.runtimeChanged(uid));
		this.#housekeeping.start();
		await this.#csi.start();
		await this.#plugins.load();
		await this.#nodeReport.look();
		await this.#static.look();
		await this.#plugins.start();
		this.#cancelSavedTimer = clock.after(SAVED_PODS_WAIT_MS, () => this.#runSavedPods());
		this.#poll.start();
		await this.#edge?.start();
		this.#credential.start();
		log.info("the agent runs", { node: this.nodeName, server: this.#parts.membership.server, runtime: runtime.info().version, pods: this.#state.pods.length });
	}

	async shutDown(): Promise<void> {
		const { clock, log } = this.#parts;
		this.#housekeeping.shuttingDown = true;
		this.#nodeReport.soon();
		await shutDownPods(this.#supervisor.active, this.#configuration, clock, log);
	}

	stop(options: { removeAll?: boolean } = {}): Promise<void> {
		this.#stopping ??= this.#stop(options.removeAll === true);
		return this.#stopping;
	}

	async #stop(removeAll: boolean): Promise<void> {
		const { log, runtime, unlock } = this.#parts;
		const step = async (what: string, work: () => Promise<void> | void) => {
			try {
				await work();
			} catch (error) {
				log.error(`stopping: ${what} failed`, { error });
			}
		};
		this.#nodeReport.stop();
		this.#static.stop();
		this.#cancelSavedTimer();
		this.#credential.stop();
		await step("the housekeeping", () => this.#housekeeping.stop());
		await step("the plugins", () => this.#plugins.stop());
		await step("the poll", () => this.#poll.stop());
		await step("the sessions", () => this.#sessions.stop());
		await step("the edge's listener", () => this.#edge?.stop());
		await step("the tunnels", () => this.#tunnels.stop());
		await step("the pods", () => this.#supervisor.stop({ removeAll }));
		this.#plugins.close();
		this.#view.stop();
		await step("the last report", () => this.#reporter.stop());
		await this.#networkChanges.stop();
		await step("the cluster's Services", () => this.#clusterServices?.stop());
		await step("the network", () => this.#network?.stop({ removeAll }));
		await step("the runtime", () => runtime.stop({ removeAll }));
		await step("the state", () => this.#state.save());
		if (removeAll) await step("the kubelet's root", () => releaseKubeletRoot(this.#parts.options.dataDir));
		this.#client.close();
		await unlock();
	}

	/** A pod of this node by whatever way the runtime has into it; anything else by its address. */
	async #dial(place: Place): Promise<Duplex> {
		if (place.kind === "address") return connectTcp(place.host, place.port);
		const { sandboxes } = await this.#view.pod(this.#static.runtimeUid(place.uid));
		const sandbox = latestSandbox(sandboxes);
		return sandbox?.ready ? this.#parts.runtime.dial(sandbox.id, place.port) : connectTcp(place.ip, place.port);
	}

	#ca(): string | undefined {
		return this.#parts.joinOptions.ca ?? (this.cluster.caCertificate || undefined);
	}

	#podContext(events: ApiEventRecorder): PodContext {
		const { options, log, clock, membership, runtime } = this.#parts;
		return {
			runtime,
			view: this.#view,
			clock,
			log,
			events,
			objects: this.#clusterServices?.objects(this.#state) ?? this.#state,
			tokens: new ServiceAccountTokens(this.#client, clock, log, options.dataDir),
			claims: this.#claims,
			csi: this.#csi,
			devices: this.#plugins.devices,
			claimDevices: this.#plugins.claimDevices,
			runtimeClasses: new RuntimeClasses(this.#client),
			images: nodeImagePuller(this.#parts, events, this.#state),
			restartBackoff: new Backoff(clock, options.restartBackoff ?? restartBackoff(this.#configuration)),
			admission: this.#housekeeping,
			startLimit: new Limiter(Math.min(MAX_PARALLEL_STARTS, PARALLEL_STARTS_PER_CORE * availableParallelism())),
			reports: this.#static,
			dataDirectory: options.dataDir,
			node: {
				name: options.nodeName,
				hostIPs: () => this.#addresses.lately,
				allocatable: () => this.#nodeReport.status?.allocatable ?? {},
				clusterDomain: membership.cluster.clusterDomain,
				dnsAddress: membership.cluster.dnsAddress,
			},
		};
	}

	/** The Lease tells others; what the control plane itself knows of the node does not hang on it. */
	async #renewLease(nowMs: number): Promise<void> {
		const { options, log } = this.#parts;
		const code = await renewNodeLease(this.#client, options.nodeName, nowMs, NODE_STATUS_REPORT_MS).catch((error: unknown) => error);
		if (code !== 200 && code !== 201) log.warn("the node's Lease was not renewed", { outcome: code });
	}

	/** Without word from the control plane the pods of the last run go on; with it, only those it still wants. */
	#runSavedPods(): void {
		this.#cancelSavedTimer();
		if (this.#heard || this.#stopping) return;
		this.#heard = true;
		for (const pod of this.#static.takeAll(this.#state.pods)) this.#supervisor.upsert(pod);
	}

	#take(change: DesiredChange): void {
		this.#heard = true;
		this.#cancelSavedTimer();
		if (change.full) this.#supervisor.replaceAll([...this.#static.takeAll(this.#state.pods), ...this.#static.pods]);
		else {
			for (const pod of change.pods) if (!this.#static.take(pod)) this.#supervisor.upsert(pod);
			for (const ref of change.removed) if (!this.#static.gone(ref)) this.#supervisor.remove(ref);
		}
		for (const namespace of change.namespaces) this.#supervisor.namespaceChanged(namespace);
		if (change.network.length > 0) this.#applyNetwork(change.network);
		const { options, log } = this.#parts;
		for (const volume of change.volumesToDelete)
			void deleteLocalVolume(localPathDirectory(options.dataDir), volume, log).then((outcome) => this.#reporter.volumeDeleted(outcome));
	}

	#applyNetwork(rows: readonly NetworkRow[]): void {
		this.#clusterServices?.apply(rows);
		this.#networkChanges.take(rows);
	}

	/** The credential is refused: with a token at hand the node may join again under its own name. */
	async #rejoin(code: number): Promise<void> {
		const { joinOptions, instanceId, log } = this.#parts;
		if (code !== 401 || !joinOptions.token) return;
		log.info("joining again: the node's credential is no longer accepted");
		const membership = await joinCluster({ ...joinOptions, patienceMs: 0 }, instanceId);
		this.#credential.joined(membership);
	}
}

export { AgentError, forgetMembership };
export type { Agent, AgentOptions, NodeNetwork } from "./agent-options.ts";
