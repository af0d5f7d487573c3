/** Gets a container's image by its pull policy, with kubelet's events and back-off. */
import type { Container, Pod } from "../core/schema/kubernetes.d.ts";
import type { Clock } from "./clock.ts";
import { Backoff, type BackoffDurations, IMAGE_BACKOFF_INITIAL_MS, IMAGE_BACKOFF_MAX_MS } from "./container-backoff.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { PullRecords } from "./image/pull-records.ts";
import { podCredentials, type RegistryCredential } from "./image/registry-credentials.ts";
import { Limiter } from "./limiter.ts";
import { errorText } from "./log.ts";
import type { ObjectSource } from "./object-source.ts";
import { type ContainerRuntime, type ImageStatus, RuntimeError } from "./runtime/runtime.ts";

/** Pulls at once; more would only share the same line. */
export const MAX_PARALLEL_PULLS = 4;

/** Waiting reason and message of a container without its image; `retryInMs` when the back-off is over. */
export class ImageError extends Error {
	readonly reason: string;
	readonly retryInMs: number;
	constructor(reason: string, message: string, retryInMs: number) {
		super(message);
		this.name = "ImageError";
		this.reason = reason;
		this.retryInMs = retryInMs;
	}
}

export interface PullContext {
	pod: Pod;
	container: Container;
	fieldPath: string;
}

export interface ImagePullerOptions {
	runtime: ContainerRuntime;
	events: EventRecorder;
	clock: Clock;
	objects: ObjectSource;
	records: Pick<PullRecords, "mustPull" | "pulled">;
	/** Credentials that the node has of its own for an image. */
	nodeCredentials?(ref: string): Promise<readonly RegistryCredential[]>;
	parallelPulls?: number;
	durations?: BackoffDurations;
}

export class ImagePuller {
	readonly #options: ImagePullerOptions;
	readonly #runtime: ContainerRuntime;
	readonly #events: EventRecorder;
	readonly #clock: Clock;
	readonly #backoff: Backoff;
	readonly #limit: Limiter;
	readonly #pulling = new Map<string, Promise<ImageStatus>>();
	readonly #lastFailure = new Map<string, string>();

	constructor(options: ImagePullerOptions) {
		const { runtime, events, clock, parallelPulls = MAX_PARALLEL_PULLS, durations } = options;
		this.#options = options;
		this.#limit = new Limiter(parallelPulls);
		this.#runtime = runtime;
		this.#events = events;
		this.#clock = clock;
		this.#backoff = new Backoff(clock, durations ?? { initialMs: IMAGE_BACKOFF_INITIAL_MS, maxMs: IMAGE_BACKOFF_MAX_MS });
	}

	/** The reference to give to the runtime. Rejects with ImageError. */
	async ensure(context: PullContext): Promise<string> {
		const { pod, container, fieldPath } = context;
		const ref = container.image ?? "";
		const policy = container.imagePullPolicy ?? (/:(?!latest$)[^/:]+$/.test(ref) || ref.includes("@") ? "IfNotPresent" : "Always");
		const present = await this.#runtime.imageStatus(ref);
		if (present && policy !== "Always" && !(await this.#mustAskAgain(ref, present, pod))) {
			this.#events.record(pod, "Normal", "Pulled", `Container image "${ref}" already present on machine and can be accessed by the pod`, fieldPath);
			return ref;
		}
		if (policy === "Never") {
			const message = `Container image "${ref}" is not present with pull policy of Never`;
			this.#events.record(pod, "Warning", "ErrImageNeverPull", message, fieldPath);
			throw new ImageError("ErrImageNeverPull", message, NEVER_PULL_RETRY_MS);
		}
		await this.#pull(context, ref);
		return ref;
	}

	/** What came from a file is everybody's under its name, though another name for the same image came with a Secret; no registry could be asked for it. */
	async #mustAskAgain(ref: string, { id, pinned }: ImageStatus, pod: Pod): Promise<boolean> {
		return pinned !== true && this.#options.records.mustPull(ref, id, () => this.#credentials(ref, pod));
	}

	forget(podUid: string): void {
		this.#backoff.forget(`${podUid}_`);
		for (const key of this.#lastFailure.keys()) if (key.startsWith(`${podUid}_`)) this.#lastFailure.delete(key);
	}

	async #pull({ pod, fieldPath }: PullContext, ref: string): Promise<void> {
		const key = `${pod.metadata.uid}_${ref}`;
		const remainingMs = this.#backoff.remainingSinceUpdateMs(key);
		if (remainingMs > 0) {
			this.#events.record(pod, "Normal", "BackOff", `Back-off pulling image "${ref}"`, fieldPath);
			throw new ImageError("ImagePullBackOff", `Back-off pulling image "${ref}": ${this.#lastFailure.get(key) ?? "ErrImagePull"}`, remainingMs);
		}
		this.#events.record(pod, "Normal", "Pulling", `Pulling image "${ref}"`, fieldPath);
		const startedAtMs = this.#clock.nowMs();
		try {
			const image = await this.#shared(ref, pod);
			const took = `${((this.#clock.nowMs() - startedAtMs) / 1000).toFixed(3).replace(/\.?0+$/, "")}s`;
			this.#events.record(
				pod,
				"Normal",
				"Pulled",
				`Successfully pulled image "${ref}" in ${took} (${took} including waiting). Image size: ${image.sizeBytes} bytes.`,
				fieldPath,
			);
		} catch (error) {
			this.#backoff.next(key, this.#clock.nowMs());
			const reason = error instanceof RuntimeError ? error.reason : "ErrImagePull";
			const message = errorText(error);
			this.#lastFailure.set(key, `${reason}: ${message}`);
			this.#events.record(pod, "Warning", "Failed", `Failed to pull image "${ref}": ${message}`, fieldPath);
			throw new ImageError(reason, message, Math.min(IMAGE_RETRY_MS, this.#backoff.remainingSinceUpdateMs(key)));
		}
	}

	/** The pod's own before the node's. */
	async #credentials(ref: string, pod: Pod): Promise<RegistryCredential[]> {
		return [...podCredentials(ref, pod, this.#options.objects), ...((await this.#options.nodeCredentials?.(ref)) ?? [])];
	}

	/** One pull of an image serves all pods that wait for it with the same credentials. */
	async #shared(ref: string, pod: Pod): Promise<ImageStatus> {
		const credentials = await this.#credentials(ref, pod);
		const key = JSON.stringify([ref, credentials]);
		const running = this.#pulling.get(key);
		if (running) return running;
		const pull = this.#limit.run(() => this.#withAny(ref, credentials)).finally(() => this.#pulling.delete(key));
		this.#pulling.set(key, pull);
		return pull;
	}

	/** With each credential in turn until one will do; without any when there is none. */
	async #withAny(ref: string, credentials: readonly RegistryCredential[]): Promise<ImageStatus> {
		const failures: unknown[] = [];
		for (const credential of credentials.length > 0 ? credentials : [undefined]) {
			try {
				const image = await this.#runtime.pullImage(ref, credential && { username: credential.username, password: credential.password });
				await this.#options.records.pulled(ref, image.id, credential);
				return image;
			} catch (error) {
				failures.push(error);
			}
		}
		const [first] = failures;
		if (failures.length === 1 || !(first instanceof RuntimeError)) throw first;
		throw new RuntimeError(first.reason, `[${failures.map(errorText).join(", ")}]`, { cause: first });
	}
}

/** How often a container whose image may not be pulled looks whether someone has imported it. */
const NEVER_PULL_RETRY_MS = 10_000;
/** How soon after a failed pull the status turns from ErrImagePull to ImagePullBackOff. */
const IMAGE_RETRY_MS = 1_000;
