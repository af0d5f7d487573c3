/** The pod conditions that kubelet owns, after k8s.io/kubernetes/pkg/kubelet/status/generate.go. */
import type { ContainerStatus, Pod, PodCondition, PodStatus } from "../core/schema/kubernetes.d.ts";
import { timestamp } from "./clock.ts";
import { isSidecar } from "./pod-names.ts";

export interface PodConditionsInput {
	pod: Pod;
	previous: PodStatus | undefined;
	phase: string;
	sandboxReady: boolean;
	initStatuses: readonly ContainerStatus[];
	statuses: readonly ContainerStatus[];
	nowMs: number;
	/** Why the pod has to go for the node's sake. */
	disruption?: string;
	/** Of what is passing: a resize, a restart of all containers. */
	passing: readonly (Verdict & Pick<PodCondition, "type" | "observedGeneration">)[];
}

type Verdict = Pick<PodCondition, "status" | "reason" | "message" | "observedGeneration">;

const TRUE: Verdict = { status: "True" };

/** What the agent sets; all other conditions are someone else's and stay as they are. */
export const AGENT_CONDITIONS: ReadonlySet<string> = new Set([
	"PodReadyToStartContainers",
	"Initialized",
	"Ready",
	"ContainersReady",
	"PodScheduled",
	"PodResizePending",
	"PodResizeInProgress",
	"AllContainersRestarting",
]);

export function podConditions(input: PodConditionsInput): PodCondition[] {
	const containersReady = containersReadyVerdict(input);
	const { disruption } = input;
	const own = (type: string): boolean => AGENT_CONDITIONS.has(type) || (disruption !== undefined && type === "DisruptionTarget");
	const foreign = (input.pod.status?.conditions ?? []).filter((c) => !own(c.type));
	return [
		condition(input, "PodReadyToStartContainers", input.sandboxReady ? TRUE : { status: "False" }),
		condition(input, "Initialized", initializedVerdict(input)),
		condition(input, "Ready", readyVerdict(input, containersReady)),
		condition(input, "ContainersReady", containersReady),
		condition(input, "PodScheduled", TRUE),
		...input.passing.map(({ type, ...verdict }) => condition(input, type, verdict)),
		...(disruption === undefined ? [] : [condition(input, "DisruptionTarget", { status: "True", reason: "TerminationByKubelet", message: disruption })]),
		...foreign,
	];
}

function condition(input: PodConditionsInput, type: string, verdict: Verdict): PodCondition {
	const find = (status: PodStatus | undefined) => status?.conditions?.find((c) => c.type === type);
	const before = find(input.previous) ?? find(input.pod.status);
	const kept = before?.status === verdict.status ? before.lastTransitionTime : undefined;
	return {
		type,
		...(input.pod.metadata.generation === undefined ? {} : { observedGeneration: input.pod.metadata.generation }),
		...verdict,
		lastTransitionTime: kept ?? timestamp(input.nowMs),
	};
}

function initializedVerdict({ pod, phase, initStatuses, statuses }: PodConditionsInput): Verdict {
	const began = statuses.some((s) => s.state?.running || s.state?.terminated || s.lastState?.terminated);
	const incomplete: string[] = [];
	for (const [i, status] of initStatuses.entries()) {
		const init = pod.spec?.initContainers?.[i];
		const done = init && isSidecar(init) ? status.started === true || began : status.ready || began;
		if (!done) incomplete.push(status.name);
	}
	if (phase === "Succeeded" && incomplete.length === 0) return { status: "True", reason: "PodCompleted" };
	if (incomplete.length === 0) return TRUE;
	return { status: "False", reason: "ContainersNotInitialized", message: `containers with incomplete status: [${incomplete.join(" ")}]` };
}

function containersReadyVerdict({ pod, phase, initStatuses, statuses }: PodConditionsInput): Verdict {
	if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
	if (phase === "Failed") return { status: "False", reason: "PodFailed" };
	const sidecars = initStatuses.filter((_, i) => {
		const init = pod.spec?.initContainers?.[i];
		return init !== undefined && isSidecar(init);
	});
	const unready = [...sidecars, ...statuses].filter((s) => !s.ready).map((s) => s.name);
	if (unready.length === 0) return TRUE;
	return { status: "False", reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` };
}

function readyVerdict({ pod, phase }: PodConditionsInput, containersReady: Verdict): Verdict {
	if (containersReady.status !== "True" || phase === "Succeeded" || phase === "Failed") return containersReady;
	const complaints: string[] = [];
	for (const gate of pod.spec?.readinessGates ?? []) {
		const found = pod.status?.conditions?.find((c) => c.type === gate.conditionType);
		if (!found) complaints.push(`corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`);
		else if (found.status !== "True") complaints.push(`the status of pod readiness gate "${gate.conditionType}" is not "True", but ${found.status}`);
	}
	return complaints.length === 0 ? TRUE : { status: "False", reason: "ReadinessGatesNotReady", message: complaints.join(", ") };
}
