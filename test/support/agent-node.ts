/** The agent's pod machinery on a fake runtime, clock and control plane, for tests. */
import { csiOf } from "./csi-node.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Backoff, CONTAINER_BACKOFF_INITIAL_MS, CONTAINER_BACKOFF_MAX_MS } from "../../src/agent/container-backoff.ts";
import type { EventRecorder } from "../../src/agent/event-recorder.ts";
import { PullRecords } from "../../src/agent/image/pull-records.ts";
import { ImagePuller } from "../../src/agent/image-puller.ts";
import { Limiter } from "../../src/agent/limiter.ts";
import { silentLogger } from "../../src/agent/log.ts";
import type { ObjectSource } from "../../src/agent/object-source.ts";
import type { PodContext } from "../../src/agent/pod-context.ts";
import { PodSupervisor } from "../../src/agent/pod-supervisor.ts";
import { RuntimeView } from "../../src/agent/runtime-view.ts";
import type { BoundVolume } from "../../src/agent/volumes/bound-volumes.ts";
import { MountFailure } from "../../src/agent/volumes/volume.ts";
import type { ServiceEntry } from "../../src/core/protocol/agent-protocol.ts";
import type { PodRef } from "../../src/core/protocol/messages.ts";
import type { ConfigMap, Pod, PodSpec, PodStatus, Secret } from "../../src/core/schema/kubernetes.d.ts";
import { FakeClock, until } from "./fake-clock.ts";
import { FakeRuntime } from "./fake-runtime.ts";

export class FakeObjects implements ObjectSource {
	readonly configMaps = new Map<string, ConfigMap>();
	readonly secrets = new Map<string, Secret>();
	readonly serviceEntries: ServiceEntry[] = [];
	configMap(namespace: string, name: string): ConfigMap | undefined {
		return this.configMaps.get(`${namespace}/${name}`);
	}
	secret(namespace: string, name: string): Secret | undefined {
		return this.secrets.get(`${namespace}/${name}`);
	}
	services(namespace: string): readonly ServiceEntry[] {
		return this.serviceEntries.filter((s) => s.namespace === namespace);
	}
	addConfigMap(name: string, data: Record<string, string>): void {
		this.configMaps.set(`default/${name}`, { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data });
	}
	addSecret(name: string, data: Record<string, string>): void {
		const encoded = Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString("base64")]));
		this.secrets.set(`default/${name}`, { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, data: encoded });
	}
}

export interface RecordedEvent {
	type: string;
	reason: string;
	message: string;
}

export class TestNode {
	readonly clock = new FakeClock();
	readonly runtime = new FakeRuntime(this.clock);
	readonly objects = new FakeObjects();
	readonly events: RecordedEvent[] = [];
	readonly statuses: { pod: PodRef; status: PodStatus }[] = [];
	readonly stopped: PodRef[] = [];
	readonly view: RuntimeView;
	readonly context: PodContext;
	supervisor: PodSupervisor;
	tokenError: Error | undefined;
	admit: (pod: Pod) => ReturnType<PodContext["admission"]["admit"]> = async () => undefined;
	refuseResize: PodContext["admission"]["refuseResize"] = () => undefined;
	/** By the claim's name. */
	readonly boundVolumes = new Map<string, BoundVolume>();

	readonly #dataDirectory: string;

	static async create(): Promise<TestNode> {
		return new TestNode(await mkdtemp(join(tmpdir(), "petrel-agent-")));
	}

	constructor(dataDirectory: string) {
		this.#dataDirectory = dataDirectory;
		const recorder: EventRecorder = {
			record: (_pod, type, reason, message) => void this.events.push({ type, reason, message }),
			recordNode: (type, reason, message) => void this.events.push({ type, reason, message }),
		};
		this.view = new RuntimeView(this.runtime, this.clock, silentLogger);
		this.runtime.addImage("app:1");
		this.context = {
			runtime: this.runtime,
			view: this.view,
			clock: this.clock,
			log: silentLogger,
			events: recorder,
			objects: this.objects,
			tokens: {
				token: async () => {
					if (this.tokenError) throw this.tokenError;
					return "a.b.c";
				},
				bound: async () => ({ token: "a.b.c", expirationTimestamp: "2026-01-01T01:00:00Z" }),
				forget: () => undefined,
			},
			csi: csiOf(dataDirectory, this.clock),
			claims: {
				bound: async (_pod, _paths, { claimName }) => {
					const found = this.boundVolumes.get(claimName);
					if (found === undefined) throw new MountFailure(`error processing PVC default/${claimName}: PVC is not bound`);
					return found;
				},
				grown: async () => undefined,
				refresh: () => undefined,
				forget: () => undefined,
			},
			devices: { prepare: async () => [], statusOf: () => [], forget: () => undefined },
			claimDevices: { prepare: async () => undefined, unprepare: async () => undefined, cdiDevices: () => [] },
			runtimeClasses: { handler: async () => "" },
			images: new ImagePuller({
				runtime: this.runtime,
				events: recorder,
				clock: this.clock,
				objects: this.objects,
				records: new PullRecords({ dataDirectory, policy: "NeverVerifyPreloadedImages", allowlist: [] }),
			}),
			restartBackoff: new Backoff(this.clock, { initialMs: CONTAINER_BACKOFF_INITIAL_MS, maxMs: CONTAINER_BACKOFF_MAX_MS }),
			startLimit: new Limiter(4),
			admission: { admit: (pod) => this.admit(pod), refuseResize: (pod) => this.refuseResize(pod) },
			reports: { status: (pod, status) => void this.statuses.push({ pod, status }), stopped: (pod) => void this.stopped.push(pod) },
			dataDirectory,
			node: {
				name: "node-1",
				hostIPs: () => ["192.0.2.1"],
				allocatable: () => ({ cpu: "4", memory: "8Gi" }),
				clusterDomain: "cluster.local",
				dnsAddress: "10.96.0.10",
			},
		};
		this.supervisor = new PodSupervisor(this.context);
		this.view.start((uid) => this.supervisor.runtimeChanged(uid));
	}

	/** The agent's process is replaced; the runtime and the data directory stay. */
	async restart(): Promise<void> {
		await this.supervisor.stop({ removeAll: false });
		this.supervisor = new PodSupervisor(this.context);
	}

	async close(): Promise<void> {
		await this.supervisor.stop({ removeAll: false });
		this.view.stop();
		await rm(this.#dataDirectory, { recursive: true, force: true });
	}

	status(name = "web"): PodStatus | undefined {
		return this.statuses.findLast((s) => s.pod.name === name)?.status;
	}

	/** Waits until the last reported status of the pod satisfies `condition`. */
	async reported(condition: (status: PodStatus) => boolean, name = "web"): Promise<PodStatus> {
		return until(() => {
			const status = this.status(name);
			return status && condition(status) ? status : undefined;
		});
	}

	async event(reason: string): Promise<RecordedEvent> {
		return until(() => this.events.find((e) => e.reason === reason));
	}
}

export function testPod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod["metadata"]> = {}): Pod {
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "web", namespace: "default", uid: `uid-${metadata.name ?? "web"}`, generation: 1, ...metadata },
		spec: { containers: [{ name: "app", image: "app:1" }], restartPolicy: "Always", terminationGracePeriodSeconds: 30, nodeName: "node-1", ...spec },
		status: { phase: "Pending", qosClass: "BestEffort" },
	};
}

/** The pod as it is once someone has deleted it. */
export function deletedPod(pod: Pod, graceSeconds = 30): Pod {
	return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:10:00Z", deletionGracePeriodSeconds: graceSeconds } };
}
