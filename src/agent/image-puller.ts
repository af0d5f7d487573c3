/** Gets a container's image by its pull policy, with kubelet's events and back-off. */
import type { Container, Pod, Secret } from "../core/schema/kubernetes.d.ts";
import type { Clock } from "./clock.ts";
import { Backoff, type BackoffDurations, IMAGE_BACKOFF_INITIAL_MS, IMAGE_BACKOFF_MAX_MS } from "./container-backoff.ts";
import type { EventRecorder } from "./event-recorder.ts";
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

export class ImagePuller {
	readonly #runtime: ContainerRuntime;
	readonly #events: EventRecorder;
	readonly #clock: Clock;
	readonly #objects: ObjectSource;
	readonly #backoff: Backoff;
	readonly #limit: Limiter;
	readonly #pulling = new Map<string, Promise<ImageStatus>>();
	readonly #lastFailure = new Map<string, string>();

	constructor(
		runtime: ContainerRuntime,
		events: EventRecorder,
		clock: Clock,
		objects: ObjectSource,
		parallelPulls: number = MAX_PARALLEL_PULLS,
		durations: BackoffDurations = { initialMs: IMAGE_BACKOFF_INITIAL_MS, maxMs: IMAGE_BACKOFF_MAX_MS },
	) {
		this.#limit = new Limiter(parallelPulls);
		this.#runtime = runtime;
		this.#events = events;
		this.#clock = clock;
		this.#objects = objects;
		this.#backoff = new Backoff(clock, durations);
	}

	/** The reference to give to the runtime. Rejects with ImageError. */
	async ensure(context: PullContext): Promise<string> {
		const { pod, container, fieldPath } = context;
		const ref = container.image ?? "";
		const policy = container.imagePullPolicy ?? (/:(?!latest$)[^/:]+$/.test(ref) || ref.includes("@") ? "IfNotPresent" : "Always");
		const present = await this.#runtime.imageStatus(ref);
		if (present && policy !== "Always") {
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

	/** One pull of an image serves all pods that wait for it. */
	#shared(ref: string, pod: Pod): Promise<ImageStatus> {
		const auth = registryAuth(ref, pod, this.#objects);
		const key = `${ref}\0${auth ? `${auth.username}\0${auth.password}` : ""}`;
		const running = this.#pulling.get(key);
		if (running) return running;
		const pull = this.#limit.run(() => this.#runtime.pullImage(ref, auth)).finally(() => this.#pulling.delete(key));
		this.#pulling.set(key, pull);
		return pull;
	}
}

/** How often a container whose image may not be pulled looks whether someone has imported it. */
const NEVER_PULL_RETRY_MS = 10_000;
/** How soon after a failed pull the status turns from ErrImagePull to ImagePullBackOff. */
const IMAGE_RETRY_MS = 1_000;

type DockerAuths = Record<string, { username?: string; password?: string; auth?: string }>;

/** The first imagePullSecret that has an entry for the image's registry. */
export function registryAuth(ref: string, pod: Pod, objects: ObjectSource): { username: string; password: string } | undefined {
	const first = ref.split("/")[0] ?? "";
	const host = ref.includes("/") && /[.:]|^localhost$/.test(first) ? first : "docker.io";
	for (const { name } of pod.spec?.imagePullSecrets ?? []) {
		const secret = objects.secret(pod.metadata.namespace ?? "", name ?? "");
		const found = secret && authsOf(secret);
		for (const [server, entry] of Object.entries(found ?? {})) {
			const serverHost = server.replace(/^https?:\/\//, "").split("/")[0];
			if (serverHost !== host && !(host === "docker.io" && serverHost === "index.docker.io")) continue;
			const [user, ...rest] = Buffer.from(entry.auth ?? "", "base64")
				.toString("utf8")
				.split(":");
			const username = entry.username ?? user ?? "";
			if (username) return { username, password: entry.password ?? rest.join(":") };
		}
	}
	return undefined;
}

function authsOf(secret: Secret): DockerAuths | undefined {
	const encoded = secret.data?.[".dockerconfigjson"] ?? secret.data?.[".dockercfg"];
	if (!encoded) return undefined;
	try {
		const parsed = JSON.parse(Buffer.from(encoded, "base64").toString("utf8")) as { auths?: DockerAuths } & DockerAuths;
		return parsed.auths ?? parsed;
	} catch {
		// A Secret that is no JSON holds no credential; the pull then says what the registry says.
		return undefined;
	}
}
