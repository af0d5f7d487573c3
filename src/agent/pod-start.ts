/** Carries out what computePodActions decided for a pod that should run: volumes, sandbox, kills, starts. */
import { mkdir } from "node:fs/promises";
import type { Container, Pod, PodStatus } from "../core/schema/kubernetes.d.ts";
import { sandboxConfig } from "./container-config.ts";
import { START_RETRY_MS, StartError, startContainer } from "./container-start.ts";
import type { PodFacts } from "./downward-field.ts";
import { ImageError } from "./image-puller.ts";
import { errorText } from "./log.ts";
import type { PodContext } from "./pod-context.ts";
import { type ContainerToKill, DEFAULT_GRACE_SECONDS, latestContainer, MIN_GRACE_SECONDS, type PodActions } from "./pod-lifecycle.ts";
import { findContainer, type PodPaths } from "./pod-names.ts";
import { knownRestarts } from "./pod-record.ts";
import type { StartFailure } from "./pod-status.ts";
import { PodTermination } from "./pod-termination.ts";
import type { SandboxConfig, SandboxState } from "./runtime/runtime.ts";
import type { PodSnapshot } from "./runtime-view.ts";
import { localPathDirectory } from "./volumes/local-path.ts";
import { VolumeNotAttached } from "./volumes/volume.ts";
import { setUpVolumes, VolumeError } from "./volumes/volume-set.ts";

/** Kubelet's back-off of a volume that cannot be made, doubling. */
const VOLUME_RETRY_INITIAL_MS = 500;
const VOLUME_RETRY_MAX_MS = 122_000;
/** How soon it is asked again whether a volume is attached, doubling; kubelet says that it waits after podAttachAndMountTimeout. */
const ATTACH_RETRY_INITIAL_MS = 250;
const ATTACH_RETRY_MAX_MS = 5_000;
const ATTACH_TOLD_MS = 123_000;
/** A sandbox that cannot be made is tried again after this long. */
const SANDBOX_RETRY_MS = 5_000;

export class PodStart {
	readonly #context: PodContext;
	readonly #paths: PodPaths;
	readonly #failures: Map<string, StartFailure>;
	readonly #signal: AbortSignal;
	#volumeFailures = 0;
	/** Since when a volume is waited for. */
	#waitingSinceMs: number | undefined;
	/** Of a sandbox that could not be made: its name stays reserved in some runtimes. */
	#failedSandboxAttempt = -1;

	constructor(context: PodContext, paths: PodPaths, failures: Map<string, StartFailure>, signal: AbortSignal) {
		this.#context = context;
		this.#paths = paths;
		this.#failures = failures;
		this.#signal = signal;
	}

	/** Returns when the pod should be looked at again, in milliseconds. */
	async execute(pod: Pod, actions: PodActions, snapshot: PodSnapshot, status: PodStatus | undefined): Promise<number> {
		const termination = new PodTermination(this.#context, pod, actions.sandbox?.ips[0] ?? "");
		if (actions.createSandbox) await this.#killOldSandboxes(termination, pod, snapshot);
		await Promise.all(actions.containersToKill.map((kill) => this.#kill(termination, pod, snapshot, kill)));
		const facts = this.#facts(pod, actions.sandbox);
		const volumes = await this.#volumes(pod, facts);
		if (typeof volumes === "number") return volumes;
		const toStart = [
			...actions.ephemeralContainersToStart.filter(({ name }) => knownRestarts(status, name) === undefined),
			...actions.initContainersToStart,
			...actions.containersToStart,
		];
		if (!actions.createSandbox && toStart.length === 0) return Number.POSITIVE_INFINITY;
		const config = await this.#sandboxConfig(pod, Math.max(actions.attempt, this.#failedSandboxAttempt + 1));
		if (!config) return SANDBOX_RETRY_MS;
		const sandbox = actions.createSandbox ? await this.#createSandbox(pod, config) : actions.sandbox;
		if (!sandbox) return SANDBOX_RETRY_MS;
		const fresh = actions.createSandbox || actions.containersToKill.length > 0 ? await this.#context.view.pod(pod.metadata.uid ?? "") : snapshot;
		let nextMs = Number.POSITIVE_INFINITY;
		for (const container of toStart) {
			if (this.#signal.aborted) break;
			nextMs = Math.min(
				nextMs,
				await this.#startOne(pod, container, { sandbox, config: { ...config, attempt: sandbox.attempt }, volumes, snapshot: fresh, status }),
			);
		}
		return nextMs;
	}

	#facts(pod: Pod, sandbox: SandboxState | undefined): PodFacts {
		const { node } = this.#context;
		return {
			nodeName: node.name,
			hostIPs: node.hostIPs(),
			podIPs: pod.spec?.hostNetwork ? node.hostIPs() : (sandbox?.ips ?? []),
			allocatable: node.allocatable(),
		};
	}

	async #killOldSandboxes(termination: PodTermination, pod: Pod, snapshot: PodSnapshot): Promise<void> {
		if (snapshot.sandboxes.length === 0) return;
		this.#context.events.record(pod, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
		await termination.stopAll(snapshot.containers, pod.spec?.terminationGracePeriodSeconds ?? 30);
		for (const sandbox of snapshot.sandboxes) await this.#context.runtime.stopSandbox(sandbox.id);
	}

	async #kill(termination: PodTermination, pod: Pod, snapshot: PodSnapshot, kill: ContainerToKill): Promise<void> {
		const state = snapshot.containers.find((c) => c.id === kill.id);
		if (!state) return;
		const container = findContainer(pod, kill.name)?.container;
		const probe = kill.cause === "liveness" ? container?.livenessProbe : kill.cause === "startup" ? container?.startupProbe : undefined;
		const graceSeconds = probe?.terminationGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
		// KEP-5532: a restart of all is to be quick; what the pod needs for its end it gets at its end.
		await termination.stop(state, kill.cause === "restart-all" ? MIN_GRACE_SECONDS : graceSeconds, kill.message);
	}

	/** Host paths by volume name, or milliseconds until the next attempt. */
	async #volumes(pod: Pod, facts: PodFacts): Promise<Map<string, string> | number> {
		const { objects, tokens, claims, csi, images, events, dataDirectory, log, runtime } = this.#context;
		try {
			const paths = await setUpVolumes({
				pod,
				paths: this.#paths,
				facts,
				objects,
				tokens,
				claims,
				csi,
				images,
				runtime,
				events,
				localPath: localPathDirectory(dataDirectory),
				log,
				isolated: runtime.info().isolated,
			});
			this.#volumeFailures = 0;
			this.#waitingSinceMs = undefined;
			return paths;
		} catch (error) {
			if (error instanceof VolumeNotAttached) return this.#untilAttached(pod);
			if (error instanceof VolumeError && error.cause instanceof ImageError) return this.#withoutImage(pod, error.volume, error.cause);
			this.#context.events.record(pod, "Warning", "FailedMount", errorText(error instanceof Error ? new Error(error.message) : error));
			return Math.min(VOLUME_RETRY_INITIAL_MS * 2 ** this.#volumeFailures++, VOLUME_RETRY_MAX_MS);
		}
	}

	/** The containers that would have had the image wait for it as for their own. */
	#withoutImage(pod: Pod, volume: string, { reason, message, retryInMs }: ImageError): number {
		const { initContainers = [], containers = [] } = pod.spec ?? {};
		const users = [...initContainers, ...containers].filter(({ volumeMounts }) => volumeMounts?.some(({ name }) => name === volume));
		for (const { name } of users) this.#failures.set(name, { reason, message });
		return retryInMs;
	}

	/** Milliseconds until it is asked again. */
	#untilAttached(pod: Pod): number {
		const { clock, events } = this.#context;
		const nowMs = clock.nowMs();
		this.#waitingSinceMs ??= nowMs;
		if (nowMs - this.#waitingSinceMs >= ATTACH_TOLD_MS) {
			this.#waitingSinceMs = nowMs;
			const names = (pod.spec?.volumes ?? []).filter((volume) => volume.persistentVolumeClaim || volume.ephemeral).map(({ name }) => name);
			const message = `Unable to attach or mount volumes: unmounted volumes=[${names.join(" ")}], unattached volumes=[${names.join(" ")}], failed to process volumes=[]: context deadline exceeded`;
			events.record(pod, "Warning", "FailedMount", message);
		}
		return Math.min(ATTACH_RETRY_INITIAL_MS * 2 ** this.#volumeFailures++, ATTACH_RETRY_MAX_MS);
	}

	async #sandboxConfig(pod: Pod, attempt: number): Promise<SandboxConfig | undefined> {
		try {
			const { hostUsers } = pod.spec ?? {};
			// Never as if it had not been asked for: the container's root would be the node's.
			if (hostUsers === false && !this.#context.runtime.info().userNamespaces) throw new Error("runtime does not support user namespaces");
			return await sandboxConfig(this.#context, pod, this.#paths, attempt);
		} catch (error) {
			this.#context.events.record(pod, "Warning", "FailedCreatePodSandBox", `Failed to create pod sandbox: ${errorText(error)}`);
			return undefined;
		}
	}

	async #createSandbox(pod: Pod, config: SandboxConfig): Promise<SandboxState | undefined> {
		try {
			await this.#context.claimDevices.prepare(pod);
		} catch (error) {
			this.#context.events.record(pod, "Warning", "FailedPrepareDynamicResources", `Failed to prepare dynamic resources: ${errorText(error)}`);
			return undefined;
		}
		try {
			await mkdir(this.#paths.logDirectory, { recursive: true, mode: 0o755 });
			const sandbox = await this.#context.startLimit.run(() => this.#context.runtime.runSandbox(config));
			this.#failedSandboxAttempt = -1;
			return sandbox;
		} catch (error) {
			this.#failedSandboxAttempt = config.attempt;
			this.#context.events.record(pod, "Warning", "FailedCreatePodSandBox", `Failed to create pod sandbox: ${errorText(error)}`);
			return undefined;
		}
	}

	async #startOne(
		pod: Pod,
		container: Container,
		input: { sandbox: SandboxState; config: SandboxConfig; volumes: Map<string, string>; snapshot: PodSnapshot; status: PodStatus | undefined },
	): Promise<number> {
		try {
			await startContainer(this.#context, {
				pod,
				container,
				paths: this.#paths,
				sandbox: input.sandbox,
				sandboxConfig: input.config,
				volumes: input.volumes,
				facts: this.#facts(pod, input.sandbox),
				containers: input.snapshot.containers,
				knownRestarts: latestContainer(input.snapshot.containers, container.name) ? undefined : knownRestarts(input.status, container.name),
				signal: this.#signal,
			});
			this.#failures.delete(container.name);
			return Number.POSITIVE_INFINITY;
		} catch (error) {
			const failure = error instanceof StartError ? error : new StartError("RunContainerError", errorText(error), START_RETRY_MS);
			this.#failures.set(container.name, { reason: failure.reason, message: failure.message });
			return failure.retryInMs;
		}
	}
}
