/** Starts one container of a pod: back-off, image, configuration, creation, start, postStart; kubelet's startContainer. */
import type { Container, EphemeralContainer, Pod } from "../core/schema/kubernetes.d.ts";
import { goDuration } from "./container-backoff.ts";
import { containerConfig, type ContainerConfigInput } from "./container-config.ts";
import { containerFieldPath } from "./event-recorder.ts";
import { ImageError } from "./image-puller.ts";
import { runHook } from "./lifecycle-hook.ts";
import { errorText } from "./log.ts";
import type { PodContext } from "./pod-context.ts";
import { latestContainer } from "./pod-lifecycle.ts";
import { containerSpecHash, findContainer, formatPod } from "./pod-names.ts";
import { verifyRunAsNonRoot } from "./pod-security.ts";
import { type ContainerConfig, type ContainerStateInfo, RuntimeError, type SandboxConfig } from "./runtime/runtime.ts";

/** How soon what failed for another reason than back-off is tried again. */
export const START_RETRY_MS = 10_000;
/** A postStart hook may take long (upstream sets no limit); one that hangs must not hang the pod for ever. */
const POST_START_TIMEOUT_MS = 3_600_000;

/** Why the container waits, as its status shows it. */
export class StartError extends Error {
	readonly reason: string;
	readonly retryInMs: number;
	constructor(reason: string, message: string, retryInMs = START_RETRY_MS) {
		super(message);
		this.name = "StartError";
		this.reason = reason;
		this.retryInMs = retryInMs;
	}
}

export interface StartInput extends Omit<ContainerConfigInput, "attempt" | "imageRef"> {
	sandboxConfig: SandboxConfig;
	/** All containers of the pod, for the attempt's number and the back-off. */
	containers: readonly ContainerStateInfo[];
	/** The restart count that was last reported, should the runtime have forgotten the containers. */
	knownRestarts: number | undefined;
	/** The pod is to be deleted: stop waiting. */
	signal: AbortSignal;
}

export const backoffKey = (pod: Pod, container: Container): string => `${pod.metadata.uid}_${container.name}_${containerSpecHash(container)}`;

/** Rejects with StartError. */
export async function startContainer(context: PodContext, input: StartInput): Promise<void> {
	const { pod, container } = input;
	const fieldPath = containerFieldPath(findContainer(pod, container.name)?.kind ?? "regular", container.name);
	const latest = latestContainer(input.containers, container.name);
	backOff(context, pod, container, latest, fieldPath);
	const imageRef = await image(context, input, fieldPath);
	const attempt = latest ? latest.attempt + 1 : input.knownRestarts === undefined ? 0 : input.knownRestarts + 1;
	const fail = (reason: string, error: unknown): StartError => {
		context.events.record(pod, "Warning", "Failed", `Error: ${errorText(error)}`, fieldPath);
		return new StartError(
			error instanceof RuntimeError && error.reason !== "Unavailable" && error.reason !== "NotFound" ? error.reason : reason,
			errorText(error),
		);
	};
	const config = await configured(context, { ...input, attempt, imageRef }).catch((error: unknown) => {
		throw fail("CreateContainerConfigError", error);
	});
	const id = await context.startLimit.run(() => createAndStart(context, input, config, fieldPath, fail), true);
	await postStart(context, input, id, fieldPath);
}

/** With the container whose processes an ephemeral one is to see: kubelet's getTargetID. */
async function configured(context: PodContext, input: StartInput & ContainerConfigInput): Promise<ContainerConfig> {
	const { user = "" } = (await context.runtime.imageStatus(input.imageRef)) ?? {};
	verifyRunAsNonRoot(input.pod, input.container, user);
	const config = await containerConfig(context, input);
	const { targetContainerName: name }: EphemeralContainer = input.container;
	if (!name) return config;
	const target = latestContainer(input.containers, name);
	if (!target) throw new Error(`unable to find target container ${name}`);
	return { ...config, targetId: target.id };
}

/** CrashLoopBackOff, counted from when the last run ended. */
function backOff(context: PodContext, pod: Pod, container: Container, latest: ContainerStateInfo | undefined, fieldPath: string): void {
	if (latest?.state !== "exited") return;
	const key = backoffKey(pod, container);
	const sinceMs = latest.finishedAtMs || latest.createdAtMs;
	const remainingMs = context.restartBackoff.remainingMs(key, sinceMs);
	if (remainingMs > 0) {
		context.events.record(pod, "Warning", "BackOff", `Back-off restarting failed container ${container.name} in pod ${formatPod(pod)}`, fieldPath);
		const text = `back-off ${goDuration(context.restartBackoff.delayMs(key))} restarting failed container=${container.name} pod=${formatPod(pod)}`;
		throw new StartError("CrashLoopBackOff", text, remainingMs);
	}
	context.restartBackoff.next(key, sinceMs);
}

async function image(context: PodContext, { pod, container, signal }: StartInput, fieldPath: string): Promise<string> {
	try {
		return await untilAborted(context.images.ensure({ pod, container, fieldPath }), signal);
	} catch (error) {
		if (!(error instanceof ImageError)) throw new StartError("ErrImagePull", errorText(error));
		context.events.record(pod, "Warning", "Failed", `Error: ${error.reason}`, fieldPath);
		throw new StartError(error.reason, error.message, error.retryInMs);
	}
}

async function createAndStart(
	context: PodContext,
	input: StartInput,
	config: ContainerConfig,
	fieldPath: string,
	fail: (reason: string, error: unknown) => StartError,
): Promise<string> {
	const { runtime, events } = context;
	const id = await runtime.createContainer(input.sandbox.id, config, input.sandboxConfig).catch((error: unknown) => {
		throw fail("CreateContainerError", error);
	});
	events.record(input.pod, "Normal", "Created", "Container created", fieldPath);
	await runtime.startContainer(id).catch((error: unknown) => {
		throw fail("RunContainerError", error);
	});
	events.record(input.pod, "Normal", "Started", "Container started", fieldPath);
	return id;
}

async function postStart(context: PodContext, input: StartInput, containerId: string, fieldPath: string): Promise<void> {
	const { pod, container, signal } = input;
	const handler = container.lifecycle?.postStart;
	if (!handler) return;
	const { runtime, clock, events } = context;
	try {
		await runHook(handler, { runtime, clock, container, containerId, podIP: input.facts.podIPs[0] ?? "", timeoutMs: POST_START_TIMEOUT_MS, signal });
	} catch (error) {
		events.record(pod, "Warning", "FailedPostStartHook", `PostStartHook failed: ${errorText(error)}`, fieldPath);
		events.record(pod, "Normal", "Killing", "FailedPostStartHook", fieldPath);
		await runtime.stopContainer(containerId, pod.spec?.terminationGracePeriodSeconds ?? 30);
		throw new StartError("PostStartHookError", "PostStartHookError");
	}
}

/** Rejects as soon as the signal aborts, leaving the work to end by itself. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
	return new Promise((resolve, reject) => {
		const onAbort = () => reject(new Error("the pod is being deleted"));
		if (signal.aborted) onAbort();
		signal.addEventListener("abort", onAbort, { once: true });
		work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
	});
}
