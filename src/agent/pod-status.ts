/** A pod's status from what the runtime reports, pure: kubelet's generateAPIPodStatus and convertToAPIContainerStatuses. */
import type {
	Container,
	ContainerState,
	ContainerStatus,
	EphemeralContainer,
	Pod,
	PodCondition,
	PodStatus,
	ResourceRequirements,
	ResourceStatus,
} from "../core/schema/kubernetes.d.ts";
import { timestamp } from "./clock.ts";
import { podConditions } from "./pod-conditions.ts";
import { isTerminal, latestContainer, latestSandbox, restartsAfter, shouldRestart } from "./pod-lifecycle.ts";
import { restartingCondition } from "./restart-all.ts";
import { isSidecar } from "./pod-names.ts";
import type { ContainerStateInfo, SandboxState } from "./runtime/runtime.ts";

/** Why a container could not be started at the last attempt: the status shows it as waiting. */
export interface StartFailure {
	reason: string;
	message: string;
}

/** Why a pod is over whatever its containers do. */
export interface PodVerdict {
	phase: "Failed";
	reason: string;
	message: string;
	/** It was never run here: there are no containers to tell of. */
	rejected?: true;
	/** It has to go for the node's sake: DisruptionTarget says so to whoever made it. */
	disrupted?: true;
	/** Instead of the pod's own grace period. */
	graceSeconds?: number;
}

export interface PodStatusInput {
	pod: Pod;
	/** What was reported last; the API's own status after a restart of the agent. */
	previous: PodStatus | undefined;
	sandboxes: readonly SandboxState[];
	containers: readonly ContainerStateInfo[];
	/** By container name. */
	startFailures: ReadonlyMap<string, StartFailure>;
	/** By container id. */
	ready(containerId: string): boolean;
	started(containerId: string): boolean;
	terminationMessage(container: ContainerStateInfo): string;
	hostIPs: readonly string[];
	nowMs: number;
	/** Nothing will be started any more: the pod is deleted or over. */
	terminating: boolean;
	/** And nothing runs any more. */
	terminated: boolean;
	/** Scheme of containerID: "containerd" or "process". */
	runtimeName: string;
	/** What a running container has, by its id; what the pod says, where nothing is known. */
	applied?(containerId: string): ResourceRequirements | undefined;
	/** The health of the devices that a container has. */
	devices?(container: string): ResourceStatus[];
	/** Of a resize that is under way or must wait. */
	resizeConditions?: readonly Pick<PodCondition, "type" | "status" | "reason" | "message" | "observedGeneration">[];
	/** The pod is over for a reason that its containers do not show (DeadlineExceeded, Evicted). */
	verdict?: PodVerdict;
}

export function computePodStatus(input: PodStatusInput): PodStatus {
	const { pod, previous } = input;
	if (input.verdict?.rejected) return rejectedStatus(input, input.verdict);
	const initStatuses = (pod.spec?.initContainers ?? []).map((c) => containerStatus(input, c, previous?.initContainerStatuses));
	const statuses = (pod.spec?.containers ?? []).map((c) => containerStatus(input, c, previous?.containerStatuses));
	const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((c) => ephemeralStatus(input, c));
	const phase = settledPhase(input, initStatuses, statuses);
	const sandbox = latestSandbox(input.sandboxes);
	const ips = podIPs(input, sandbox, phase);
	return {
		observedGeneration: pod.metadata.generation,
		phase,
		conditions: podConditions({
			pod,
			previous,
			phase,
			sandboxReady: sandbox?.ready === true,
			initStatuses,
			statuses,
			nowMs: input.nowMs,
			passing: isTerminal(phase) ? [] : [...(input.resizeConditions ?? []), ...restartingCondition(pod, ofSandbox(input.containers, sandbox))],
			...(input.verdict?.disrupted ? { disruption: input.verdict.message } : {}),
		}),
		...(input.verdict
			? { reason: input.verdict.reason, message: input.verdict.message }
			: isTerminal(previous?.phase)
				? pick(previous, ["reason", "message"])
				: {}),
		...(input.hostIPs[0] ? { hostIP: input.hostIPs[0], hostIPs: input.hostIPs.map((ip) => ({ ip })) } : {}),
		...(ips[0] ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {}),
		startTime: previous?.startTime ?? timestamp(input.nowMs),
		...(initStatuses.length > 0 ? { initContainerStatuses: initStatuses } : {}),
		containerStatuses: statuses,
		...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
		...(pod.status?.qosClass ? { qosClass: pod.status.qosClass } : {}),
	};
}

function rejectedStatus({ pod, previous, nowMs }: PodStatusInput, { phase, reason, message }: PodVerdict): PodStatus {
	return {
		observedGeneration: pod.metadata.generation,
		phase,
		reason,
		message,
		conditions: pod.status?.conditions ?? [],
		startTime: previous?.startTime ?? timestamp(nowMs),
		...(pod.status?.qosClass ? { qosClass: pod.status.qosClass } : {}),
	};
}

function pick<T extends object, K extends keyof T>(from: T | undefined, keys: K[]): Partial<T> {
	const out: Partial<T> = {};
	for (const key of keys) if (from?.[key] !== undefined) out[key] = from[key];
	return out;
}

function podIPs(input: PodStatusInput, sandbox: SandboxState | undefined, phase: string): readonly string[] {
	if (input.pod.spec?.hostNetwork && sandbox) return input.hostIPs;
	if (sandbox && sandbox.ips.length > 0) return sandbox.ips;
	// A pod that is over keeps its address in the status.
	return isTerminal(phase) || input.terminating ? (input.previous?.podIPs ?? []).map((p) => p.ip) : [];
}

function containerStatus(input: PodStatusInput, container: Container, previousStatuses: ContainerStatus[] | undefined): ContainerStatus {
	const previous = previousStatuses?.find((s) => s.name === container.name);
	const latest = latestContainer(input.containers, container.name);
	const state = currentState(input, container, latest, previous);
	const running = state.running !== undefined && latest !== undefined;
	const started = running && input.started(latest.id);
	const isInit = !(input.pod.spec?.containers ?? []).includes(container);
	const exited = latest?.state === "exited";
	const ready = isInit && !isSidecar(container) ? exited && latest.exitCode === 0 : running && started && input.ready(latest.id);
	const lastState = lastTermination(input, container, latest, previous, state);
	return {
		name: container.name,
		state,
		lastState,
		ready,
		restartCount: latest ? latest.attempt : (previous?.restartCount ?? 0),
		image: latest?.image || previous?.image || container.image || "",
		imageID: latest?.imageId || previous?.imageID || "",
		...(latest ? { containerID: containerId(input, latest) } : previous?.containerID ? { containerID: previous.containerID } : {}),
		started,
		...(container.lifecycle?.stopSignal ? { stopSignal: container.lifecycle.stopSignal } : {}),
		...resources(container, running, latest && input.applied?.(latest.id)),
		...volumeMounts(container),
		...allocatedResources(input.devices?.(container.name) ?? []),
	};
}

/** It has no probes and is never ready: the pod does not hang on it. */
function ephemeralStatus(input: PodStatusInput, container: EphemeralContainer): ContainerStatus {
	const { started: _started, ...status } = containerStatus(input, container, input.previous?.ephemeralContainerStatuses);
	const lost = status.containerID && !latestContainer(input.containers, container.name) && !status.state?.terminated;
	return { ...status, ...(lost ? { state: LOST } : {}), ready: false };
}

/** What was granted, and what the container has. */
function resources(container: Container, running: boolean, applied: ResourceRequirements | undefined): Partial<ContainerStatus> {
	if (!running || !container.resources) return {};
	const { requests, limits } = applied ?? container.resources;
	return {
		...(container.resources.requests ? { allocatedResources: container.resources.requests } : {}),
		resources: { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) },
	};
}

const allocatedResources = (status: ResourceStatus[]): Partial<ContainerStatus> => (status.length > 0 ? { allocatedResourcesStatus: status } : {});

function volumeMounts(container: Container): Partial<ContainerStatus> {
	if (!container.volumeMounts?.length) return {};
	return {
		volumeMounts: container.volumeMounts.map((m) => ({
			name: m.name,
			mountPath: m.mountPath,
			...(m.readOnly ? { readOnly: true, recursiveReadOnly: "Disabled" } : {}),
		})),
	};
}

const containerId = (input: PodStatusInput, c: ContainerStateInfo): string => `${input.runtimeName}://${c.id}`;

function currentState(
	input: PodStatusInput,
	container: Container,
	latest: ContainerStateInfo | undefined,
	previous: ContainerStatus | undefined,
): ContainerState {
	const failure = input.startFailures.get(container.name);
	if (latest?.state === "running") return { running: { startedAt: timestamp(latest.startedAtMs) } };
	if (failure && !input.terminating && shouldRestart(input.pod, container, latest)) return { waiting: { reason: failure.reason, message: failure.message } };
	if (latest?.state === "exited") return terminated(input, latest);
	if (latest?.state === "unknown") return unknownTermination(input, latest);
	// The runtime has lost it (another sandbox, a collected container), but it ended and was told so.
	if (previous?.state?.terminated && !latest) return previous.state;
	if (previous?.state?.running && !latest && input.terminated) return LOST;
	return { waiting: { reason: (input.pod.spec?.initContainers?.length ?? 0) > 0 ? "PodInitializing" : "ContainerCreating" } };
}

const LOST: ContainerState = {
	terminated: { exitCode: 137, reason: "ContainerStatusUnknown", message: "The container could not be located when the pod was terminated" },
};

function terminated(input: PodStatusInput, c: ContainerStateInfo): ContainerState {
	const message = input.terminationMessage(c);
	return {
		terminated: {
			exitCode: c.exitCode,
			reason: c.reason || (c.exitCode === 0 ? "Completed" : "Error"),
			...(message ? { message } : {}),
			...(c.startedAtMs > 0 ? { startedAt: timestamp(c.startedAtMs) } : {}),
			...(c.finishedAtMs > 0 ? { finishedAt: timestamp(c.finishedAtMs) } : {}),
			containerID: containerId(input, c),
		},
	};
}

function unknownTermination(input: PodStatusInput, c: ContainerStateInfo): ContainerState {
	return {
		terminated: {
			exitCode: 137,
			reason: "ContainerStatusUnknown",
			message: "The container could not be located when the pod was deleted.  The container used to be Running",
			containerID: containerId(input, c),
		},
	};
}

/** The run before the one that `state` shows. */
function lastTermination(
	input: PodStatusInput,
	container: Container,
	latest: ContainerStateInfo | undefined,
	previous: ContainerStatus | undefined,
	state: ContainerState,
): ContainerState {
	if (latest?.state === "exited" && state.waiting) return terminated(input, latest);
	const before = latestContainer(
		input.containers.filter((c) => c !== latest && c.state === "exited"),
		container.name,
	);
	if (before) return terminated(input, before);
	if (!latest || !previous) return previous?.lastState ?? {};
	const sameRun = previous.containerID === containerId(input, latest);
	if (sameRun) return previous.lastState ?? {};
	return previous.state?.terminated ? { terminated: previous.state.terminated } : (previous.lastState ?? {});
}

const ofSandbox = (containers: readonly ContainerStateInfo[], sandbox: SandboxState | undefined): ContainerStateInfo[] =>
	containers.filter(({ sandboxId }) => sandboxId === sandbox?.id);

/** A terminal phase is told only when nothing runs any more: until then the API keeps the pod's resources. */
function settledPhase(input: PodStatusInput, initStatuses: ContainerStatus[], statuses: ContainerStatus[]): string {
	const previousPhase = input.previous?.phase;
	if (isTerminal(previousPhase)) return previousPhase as string;
	const computed = input.verdict?.phase ?? podPhase(input.pod, initStatuses, statuses, input.terminated);
	const anyRunning = [...initStatuses, ...statuses].some((s) => s.state?.running);
	if (isTerminal(computed) && anyRunning) return previousPhase ?? "Running";
	return computed;
}

/** What the containers alone say, running sidecars notwithstanding: kubelet's getPhase. */
export function podPhase(pod: Pod, initStatuses: readonly ContainerStatus[], statuses: readonly ContainerStatus[], terminated: boolean): string {
	const inits = pod.spec?.initContainers ?? [];
	let pendingInit = 0;
	for (const [i, status] of initStatuses.entries()) {
		const init = inits[i];
		if (init && isSidecar(init)) {
			if (!status.started && !status.state?.terminated) pendingInit++;
			continue;
		}
		const end = status.state?.terminated;
		if (end && end.exitCode !== 0 && (terminated || (init && !restartsAfter(pod, init, end.exitCode)))) return "Failed";
		if (end?.exitCode !== 0) pendingInit++;
	}
	const began = statuses.some((s) => s.state?.running || s.state?.terminated || s.lastState?.terminated);
	if (pendingInit > 0 && !began) return terminated ? "Failed" : "Pending";
	return regularPhase(pod, statuses, terminated);
}

function regularPhase(pod: Pod, statuses: readonly ContainerStatus[], terminated: boolean): string {
	let running = 0;
	let waiting = 0;
	let stopped = 0;
	let good = 0;
	for (const status of statuses) {
		if (status.state?.running) running++;
		else if (status.state?.terminated) {
			stopped++;
			if (status.state.terminated.exitCode === 0) good++;
		} else if (status.lastState?.terminated) stopped++;
		else waiting++;
	}
	if (waiting > 0 && !terminated) return "Pending";
	if (running > 0) return "Running";
	if (terminated) return stopped > 0 && stopped === good && waiting === 0 ? "Succeeded" : "Failed";
	const restarts = statuses.some(({ name, state }) => {
		const container = pod.spec?.containers.find((one) => one.name === name);
		return container !== undefined && (!state?.terminated || restartsAfter(pod, container, state.terminated.exitCode));
	});
	if (restarts) return "Running";
	return stopped === good ? "Succeeded" : "Failed";
}
