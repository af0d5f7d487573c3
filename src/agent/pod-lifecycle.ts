/**
 * What should happen next to a pod on this node: a pure decision over what the runtime reports, after kubelet's
 * computePodActions (k8s.io/kubernetes/pkg/kubelet/kuberuntime). Back-off is applied by whoever executes it.
 */
import type { Container, EphemeralContainer, Pod } from "../core/schema/kubernetes.d.ts";
import { containerSpecHash, isSidecar } from "./pod-names.ts";
import { restartOfAll, restartRule } from "./restart-all.ts";
import type { ContainerStateInfo, SandboxState } from "./runtime/runtime.ts";

/** What the probes know, by the runtime's container id. */
export interface ProbeVerdicts {
	/** Has its startup probe passed (true without one)? */
	started(containerId: string): boolean;
	/** The probe that asks for a restart, if one does. */
	failed(containerId: string): "liveness" | "startup" | undefined;
	/** Whether the container must be restarted for resources that it is to have. */
	mustRestart?(container: Container, containerId: string): boolean;
}

export interface ContainerToKill {
	id: string;
	name: string;
	cause: "definition" | "liveness" | "startup" | "unknown" | "sandbox" | "resize" | "restart-all";
	/** For the Killing event. */
	message: string;
}

export interface PodActions {
	/** Stop all containers and the sandbox. With `createSandbox` a new one follows, without it the pod is over. */
	killPod: boolean;
	createSandbox: boolean;
	/** The sandbox to work in; undefined until it is created. */
	sandbox?: SandboxState;
	/** Of the sandbox to create. */
	attempt: number;
	/** In order. */
	initContainersToStart: Container[];
	containersToStart: Container[];
	/** Those that never ran: each runs once. */
	ephemeralContainersToStart: EphemeralContainer[];
	containersToKill: ContainerToKill[];
}

/** The youngest container of that name, or undefined. */
export function latestContainer(containers: readonly ContainerStateInfo[], name: string): ContainerStateInfo | undefined {
	let latest: ContainerStateInfo | undefined;
	for (const c of containers)
		if (c.name === name && (!latest || c.attempt > latest.attempt || (c.attempt === latest.attempt && c.createdAtMs > latest.createdAtMs))) latest = c;
	return latest;
}

export function latestSandbox(sandboxes: readonly SandboxState[]): SandboxState | undefined {
	let latest: SandboxState | undefined;
	for (const s of sandboxes) if (!latest || s.attempt > latest.attempt || (s.attempt === latest.attempt && s.createdAtMs > latest.createdAtMs)) latest = s;
	return latest;
}

const restartPolicy = (pod: Pod): string => pod.spec?.restartPolicy ?? "Always";
const succeeded = (c: ContainerStateInfo | undefined): boolean => c?.state === "exited" && c.exitCode === 0;

/** Kubelet's ShouldContainerBeRestarted: by what became of the container's last run. */
export function shouldRestart(pod: Pod, container: Container, latest: ContainerStateInfo | undefined): boolean {
	if (pod.metadata.deletionTimestamp) return false;
	if (!latest) return true;
	if (latest.state === "running") return false;
	return latest.state !== "exited" || restartsAfter(pod, container, latest.exitCode);
}

/** Whether a container that ended so runs again: by the first of its rules that fits, its own policy or the pod's. */
export function restartsAfter(pod: Pod, container: Container, exitCode: number): boolean {
	if (restartRule(container, exitCode) !== undefined) return true;
	const policy = container.restartPolicy ?? restartPolicy(pod);
	return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

export function computePodActions(
	pod: Pod,
	sandboxes: readonly SandboxState[],
	containers: readonly ContainerStateInfo[],
	verdicts: ProbeVerdicts,
): PodActions {
	const sandbox = latestSandbox(sandboxes);
	const readyCount = sandboxes.filter((s) => s.ready).length;
	if (!sandbox?.ready || readyCount > 1) return withNewSandbox(pod, sandbox, containers);
	const actions: PodActions = {
		killPod: false,
		createSandbox: false,
		sandbox,
		attempt: sandbox.attempt,
		initContainersToStart: [],
		containersToStart: [],
		// Even before the others are initialised: that may be what is to be looked into.
		ephemeralContainersToStart: (pod.spec?.ephemeralContainers ?? []).filter(({ name }) => !latestContainer(containers, name)),
		containersToKill: [],
	};
	const inSandbox = containers.filter((c) => c.sandboxId === sandbox.id);
	const restart = restartOfAll(pod, inSandbox);
	actions.containersToKill.push(...restart.running.map(toRestartAll));
	if (restart.running.length > 0) return actions;
	const counting = containers.filter((c) => c.sandboxId !== sandbox.id || !restart.isOver(c));
	const here = inSandbox.filter((c) => !restart.isOver(c));
	const initialized = decideInitContainers(pod, here, verdicts, actions);
	if (actions.killPod || !initialized) return actions;
	decideContainers(pod, here, counting, verdicts, actions);
	return actions;
}

/** The sandbox is missing or dead: start the pod's containers in a new one, unless they need not run again. */
function withNewSandbox(pod: Pod, sandbox: SandboxState | undefined, containers: readonly ContainerStateInfo[]): PodActions {
	const attempt = sandbox ? sandbox.attempt + 1 : 0;
	const none = { initContainersToStart: [], containersToStart: [], ephemeralContainersToStart: [], containersToKill: [] };
	const actions: PodActions = { killPod: true, createSandbox: true, attempt, ...none };
	const over: PodActions = { ...actions, createSandbox: false };
	const regular = pod.spec?.containers ?? [];
	const everRestarts = regular.some((c) => (c.restartPolicy ?? restartPolicy(pod)) !== "Never" || c.restartPolicyRules?.length);
	if (!everRestarts && attempt !== 0 && containers.length > 0) return over;
	const toStart = regular.filter((c) => {
		const latest = latestContainer(containers, c.name);
		return latest?.state !== "exited" || restartsAfter(pod, c, latest.exitCode);
	});
	const everInitialized = regular.some((c) => latestContainer(containers, c.name));
	if (toStart.length === 0 && everInitialized) return over;
	const firstInit = pod.spec?.initContainers?.[0];
	if (firstInit) actions.initContainersToStart.push(firstInit);
	else actions.containersToStart.push(...toStart);
	return actions;
}

/** Walks the init containers in order; returns whether the regular ones may run. `here` are those of the present sandbox. */
function decideInitContainers(pod: Pod, here: readonly ContainerStateInfo[], verdicts: ProbeVerdicts, actions: PodActions): boolean {
	const initContainers = pod.spec?.initContainers ?? [];
	const initialized = (pod.spec?.containers ?? []).some((c) => latestContainer(here, c.name));
	for (const container of initContainers) {
		if (isSidecar(container)) {
			const up = decideSidecar(container, latestContainer(here, container.name), verdicts, actions);
			if (!up && !initialized) return false;
			continue;
		}
		if (initialized) continue;
		const latest = latestContainer(here, container.name);
		if (succeeded(latest)) continue;
		if (latest?.state === "running") return false;
		// Of an init container that failed, "Always" of its pod means until it succeeds.
		if (latest?.state === "exited" && !restartsAfter(pod, container, latest.exitCode)) {
			actions.killPod = true;
			actions.initContainersToStart = [];
			return false;
		}
		if (latest?.state === "unknown") actions.containersToKill.push(unknownState(latest));
		actions.initContainersToStart.push(container);
		return false;
	}
	return true;
}

/** Returns whether the sidecar runs and has started, so that the next container may. */
function decideSidecar(container: Container, latest: ContainerStateInfo | undefined, verdicts: ProbeVerdicts, actions: PodActions): boolean {
	if (latest?.state !== "running") {
		if (latest?.state === "unknown") actions.containersToKill.push(unknownState(latest));
		actions.initContainersToStart.push(container);
		return false;
	}
	const kill = reasonToKill(container, latest, verdicts);
	if (kill) {
		actions.containersToKill.push(kill.cause === "resize" ? kill : { ...kill, message: `${kill.message}, will be restarted` });
		actions.initContainersToStart.push(container);
		return false;
	}
	return verdicts.started(latest.id);
}

function decideContainers(
	pod: Pod,
	here: readonly ContainerStateInfo[],
	all: readonly ContainerStateInfo[],
	verdicts: ProbeVerdicts,
	actions: PodActions,
): void {
	let kept = 0;
	for (const container of pod.spec?.containers ?? []) {
		const latest = latestContainer(here, container.name);
		if (latest?.state !== "running") {
			// One that ran to its end in an earlier sandbox has had its turn.
			if (!shouldRestart(pod, container, latest ?? finishedEarlier(pod, container, all))) continue;
			if (latest?.state === "unknown") actions.containersToKill.push(unknownState(latest));
			actions.containersToStart.push(container);
			continue;
		}
		const kill = reasonToKill(container, latest, verdicts);
		if (!kill) {
			kept++;
			continue;
		}
		const restart = kill.cause === "definition" || kill.cause === "resize" || (container.restartPolicy ?? restartPolicy(pod)) !== "Never";
		actions.containersToKill.push({ ...kill, message: restart && kill.cause !== "resize" ? `${kill.message}, will be restarted` : kill.message });
		if (restart) actions.containersToStart.push(container);
	}
	if (kept > 0 || actions.containersToStart.length > 0) return;
	actions.killPod = true;
	actions.initContainersToStart = [];
}

function finishedEarlier(pod: Pod, container: Container, all: readonly ContainerStateInfo[]): ContainerStateInfo | undefined {
	const latest = latestContainer(all, container.name);
	return latest?.state === "exited" && !restartsAfter(pod, container, latest.exitCode) ? latest : undefined;
}

function reasonToKill(container: Container, latest: ContainerStateInfo, verdicts: ProbeVerdicts): ContainerToKill | undefined {
	const base = { id: latest.id, name: container.name };
	if (latest.specHash !== containerSpecHash(container)) return { ...base, cause: "definition", message: `Container ${container.name} definition changed` };
	if (verdicts.mustRestart?.(container, latest.id)) return { ...base, cause: "resize", message: `Container ${container.name} resize requires restart` };
	const failed = verdicts.failed(latest.id);
	return failed && { ...base, cause: failed, message: `Container ${container.name} failed ${failed} probe` };
}

const toRestartAll = ({ id, name }: ContainerStateInfo): ContainerToKill => ({ id, name, cause: "restart-all", message: `Stopping container ${name}` });

function unknownState(latest: ContainerStateInfo): ContainerToKill {
	return { id: latest.id, name: latest.name, cause: "unknown", message: `Container is in "unknown" state, try killing it before restart` };
}

/** Milliseconds until activeDeadlineSeconds is over (0 when it is), or undefined when the pod has none. */
export function remainingDeadlineMs(pod: Pod, startTime: string | undefined, nowMs: number): number | undefined {
	const seconds = pod.spec?.activeDeadlineSeconds;
	if (seconds === undefined || seconds === null || !startTime) return undefined;
	return Math.max(0, Date.parse(startTime) + seconds * 1000 - nowMs);
}

export const isTerminal = (phase: string | undefined): boolean => phase === "Succeeded" || phase === "Failed";

/** Kubelet never gives a container less than this to stop, except when it is killed with the pod's object already gone. */
export const MIN_GRACE_SECONDS = 1;
export const DEFAULT_GRACE_SECONDS = 30;

/** How long the pod's containers get to stop: what the deletion says, else the pod's own. */
export function graceSeconds(pod: Pod): number {
	const seconds = pod.metadata.deletionTimestamp ? pod.metadata.deletionGracePeriodSeconds : undefined;
	return Math.max(MIN_GRACE_SECONDS, seconds ?? pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS);
}
