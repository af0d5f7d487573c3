/** What a node does for its own health beside running pods: rotates logs, removes images, evicts pods under pressure. */
import { existsSync } from "node:fs";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import type { Clock } from "./clock.ts";
import type { EventRecorder } from "./event-recorder.ts";
import { Eviction, type EvictablePod, type Pressure } from "./eviction/eviction.ts";
import { observeMachine } from "./eviction/observe.ts";
import type { Observations } from "./eviction/thresholds.ts";
import { ImageCollection } from "./image-collection.ts";
import { durationMs, type KubeletConfiguration } from "./kubelet-configuration.ts";
import type { Logger } from "./log.ts";
import { LogRotation } from "./log-rotation.ts";
import { admitByCapacity, refuseResize } from "./node-capacity.ts";
import type { PodAdmission } from "./pod-context.ts";
import { admitBySecurity } from "./pod-security.ts";
import type { PodWorker } from "./pod-worker.ts";
import { parseQuantityNumber } from "./quantity-number.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import type { RuntimeView } from "./runtime-view.ts";
import { podUses } from "./usage/pod-use.ts";

/** There where the kernel enforces profiles. */
const APP_ARMOR = "/sys/kernel/security/apparmor/profiles";

export interface HousekeepingOptions {
	runtime: ContainerRuntime;
	view: RuntimeView;
	clock: Clock;
	log: Logger;
	configuration: KubeletConfiguration;
	dataDirectory: string;
	events: Pick<EventRecorder, "record" | "recordNode">;
	devices: { allocate(pod: Pod): Promise<void>; forget(podUid: string): void };
	/** The workers of pods that should run. */
	active(): readonly PodWorker[];
	allocatable(): Readonly<Record<string, string>>;
	/** The node's conditions changed. */
	onPressure(): void;
	/** The machine; for tests. */
	observe?(): Promise<Observations>;
}

export class Housekeeping implements PodAdmission {
	readonly #options: HousekeepingOptions;
	/** The machine goes down. */
	shuttingDown = false;
	/** Pods that were taken and whose workers have not heard so yet. */
	readonly #accepted = new Set<string>();
	readonly #logs: LogRotation;
	readonly #images: ImageCollection;
	readonly #eviction: Eviction;

	constructor(options: HousekeepingOptions) {
		this.#options = options;
		const { runtime, view, clock, log, configuration, dataDirectory, events, onPressure } = options;
		const observe = options.observe ?? (() => observeMachine(dataDirectory));
		const containers = () => view.containers();
		const tell: EventRecorder["recordNode"] = (type, reason, message) => events.recordNode(type, reason, message);
		this.#logs = new LogRotation({
			runtime,
			clock,
			log,
			containers,
			maxBytes: parseQuantityNumber(configuration.containerLogMaxSize),
			maxFiles: configuration.containerLogMaxFiles,
			periodMs: durationMs(configuration.containerLogMonitorInterval),
		});
		const disk = async () => (await observe())["imagefs.available"];
		this.#images = new ImageCollection({ runtime, clock, log, configuration, containers, disk, tell });
		this.#eviction = new Eviction({
			clock,
			log,
			configuration,
			observe,
			pods: () => options.active().map((worker) => evictable(worker, events)),
			use: (pods: readonly Pod[], withDisk) => podUses({ runtime, containers, dataDirectory }, pods, withDisk),
			freeDisk: () => this.#images.removeUnused(),
			tell,
			onPressure,
		});
	}

	get pressures(): readonly Pressure[] {
		return this.#eviction.pressures;
	}

	async admit(pod: Pod): ReturnType<PodAdmission["admit"]> {
		const refusal = this.#refuse(pod) ?? (await this.#giveDevices(pod));
		if (refusal) return refusal;
		const uid = pod.metadata.uid ?? "";
		const lacking = admitByCapacity(pod, this.#granted(pod), this.#options.allocatable());
		if (lacking) this.#options.devices.forget(uid);
		else this.#accepted.add(uid);
		return lacking;
	}

	#refuse(pod: Pod): { reason: string; message: string } | undefined {
		if (this.shuttingDown) return { reason: "NodeShutdown", message: "Pod was rejected as the node is shutting down." };
		const { allowedUnsafeSysctls } = this.#options.configuration;
		const host = { allowedUnsafeSysctls, appArmor: existsSync(APP_ARMOR) };
		return this.#eviction.admit(pod) ?? admitBySecurity(pod, host);
	}

	async #giveDevices(pod: Pod): Promise<{ reason: string; message: string } | undefined> {
		try {
			await this.#options.devices.allocate(pod);
			return undefined;
		} catch (error) {
			return { reason: "UnexpectedAdmissionError", message: `Allocate failed due to ${(error as Error).message}, which is unexpected` };
		}
	}

	refuseResize(pod: Pod): ReturnType<PodAdmission["refuseResize"]> {
		return refuseResize(pod, this.#granted(pod), this.#options.allocatable());
	}

	/** The other pods here, with what they were granted. */
	#granted({ metadata: { uid } }: Pod): Pod[] {
		const active = this.#options.active();
		for (const worker of active) if (worker.admitted) this.#accepted.delete(worker.pod.metadata.uid ?? "");
		const others = active.filter((worker) => worker.pod.metadata.uid !== uid && (worker.admitted || this.#accepted.has(worker.pod.metadata.uid ?? "")));
		return others.map((worker) => worker.granted);
	}

	start(): void {
		this.#logs.start();
		this.#images.start();
		this.#eviction.start();
	}

	async stop(): Promise<void> {
		await Promise.all([this.#logs.stop(), this.#images.stop(), this.#eviction.stop()]);
	}
}

function evictable(worker: PodWorker, events: Pick<EventRecorder, "record">): EvictablePod {
	return {
		pod: worker.pod,
		evict({ message, graceSeconds }) {
			events.record(worker.pod, "Warning", "Evicted", message);
			return worker.terminate({ reason: "Evicted", message, graceSeconds });
		},
	};
}
