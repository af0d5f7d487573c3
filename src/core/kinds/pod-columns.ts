/** How `kubectl get pods` shows a pod: printPod of pkg/printers/internalversion. */
import type { ContainerStatus, Pod } from "../schema/kubernetes.d.ts";
import { humanDuration } from "../table/human-duration.ts";
import { ageColumn, orNone } from "./columns.ts";
import type { TableColumn } from "./define-kind.ts";

/** What the STATUS, READY and RESTARTS columns say of a pod. */
export interface PodSummary {
	reason: string;
	ready: number;
	total: number;
	restarts: number;
	/** Milliseconds since the epoch of the last restart's end of run; 0 for none. */
	lastRestartMs: number;
}

const isTerminal = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
const condition = (pod: Pod, type: string): string | undefined => pod.status?.conditions?.find((c) => c.type === type)?.status;

function addRestarts(summary: PodSummary, status: ContainerStatus): void {
	summary.restarts += status.restartCount ?? 0;
	const finishedAt = status.lastState?.terminated?.finishedAt;
	if (finishedAt) summary.lastRestartMs = Math.max(summary.lastRestartMs, Date.parse(finishedAt));
}

function exitReason(prefix: string, terminated: { reason?: string; signal?: number; exitCode: number }): string {
	if (terminated.reason) return `${prefix}${terminated.reason}`;
	return terminated.signal ? `${prefix}Signal:${terminated.signal}` : `${prefix}ExitCode:${terminated.exitCode}`;
}

/** What an init container that holds the pod up says; undefined when it does not. */
function initReason(pod: Pod, status: ContainerStatus, index: number, restartable: boolean): string | undefined {
	const { terminated, waiting } = status.state ?? {};
	if (terminated && terminated.exitCode === 0) return undefined;
	if (restartable && status.started) return undefined;
	if (terminated) return exitReason("Init:", terminated);
	if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
	return `Init:${index}/${pod.spec?.initContainers?.length ?? 0}`;
}

/** Goes through the init containers up to the one that is still at work; true when there is one. */
function summarizeInit(pod: Pod, summary: PodSummary, sidecars: PodSummary): boolean {
	const restartable = new Set((pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always").map((c) => c.name));
	summary.total += restartable.size;
	for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
		const sidecar = restartable.has(status.name);
		addRestarts(summary, status);
		if (sidecar) addRestarts(sidecars, status);
		const reason = initReason(pod, status, index, sidecar);
		if (reason !== undefined) {
			summary.reason = reason;
			return true;
		}
		const succeeded = status.state?.terminated?.exitCode === 0;
		if (!succeeded && sidecar && status.ready) summary.ready++;
	}
	return false;
}

function summarizeContainers(pod: Pod, summary: PodSummary): void {
	let running = false;
	for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
		addRestarts(summary, status);
		const state = status.state ?? {};
		if (state.waiting?.reason) summary.reason = state.waiting.reason;
		else if (state.terminated) summary.reason = exitReason("", state.terminated);
		else if (status.ready && state.running) {
			running = true;
			summary.ready++;
		}
	}
	if (summary.reason === "Completed" && running) summary.reason = condition(pod, "Ready") === "True" ? "Running" : "NotReady";
}

export function summarizePod(pod: Pod): PodSummary {
	const summary: PodSummary = {
		reason: pod.status?.reason || pod.status?.phase || "",
		ready: 0,
		total: pod.spec?.containers?.length ?? 0,
		restarts: 0,
		lastRestartMs: 0,
	};
	if (pod.status?.conditions?.some((c) => c.type === "PodScheduled" && c.reason === "SchedulingGated")) summary.reason = "SchedulingGated";
	const sidecars: PodSummary = { ...summary };
	const initializing = summarizeInit(pod, summary, sidecars);
	if (!initializing || condition(pod, "Initialized") === "True") {
		summary.restarts = sidecars.restarts;
		summary.lastRestartMs = sidecars.lastRestartMs;
		summarizeContainers(pod, summary);
	}
	if (pod.metadata.deletionTimestamp) {
		if (pod.status?.reason === "NodeLost") summary.reason = "Unknown";
		else if (!isTerminal(pod)) summary.reason = "Terminating";
	}
	return summary;
}

function readinessGates(pod: Pod): string {
	const gates = pod.spec?.readinessGates ?? [];
	if (gates.length === 0) return "<none>";
	return `${gates.filter((g) => condition(pod, g.conditionType) === "True").length}/${gates.length}`;
}

export const podColumns: TableColumn<Pod>[] = [
	{
		name: "Ready",
		type: "string",
		description: "The aggregate readiness state of this pod for accepting traffic.",
		cell(pod) {
			const { ready, total } = summarizePod(pod);
			return `${ready}/${total}`;
		},
	},
	{ name: "Status", type: "string", description: "The aggregate status of the containers in this pod.", cell: (pod) => summarizePod(pod).reason },
	{
		name: "Restarts",
		type: "string",
		description: "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
		cell(pod, { nowMs }) {
			const { restarts, lastRestartMs } = summarizePod(pod);
			return restarts !== 0 && lastRestartMs !== 0 ? `${restarts} (${humanDuration(nowMs - lastRestartMs)} ago)` : String(restarts);
		},
	},
	ageColumn,
	{
		name: "IP",
		type: "string",
		priority: 1,
		description: "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.",
		cell: (pod) => orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
	},
	{
		name: "Node",
		type: "string",
		priority: 1,
		description:
			"NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename",
		cell: (pod) => orNone(pod.spec?.nodeName),
	},
	{
		name: "Nominated Node",
		type: "string",
		priority: 1,
		description:
			"nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.",
		cell: (pod) => orNone(pod.status?.nominatedNodeName),
	},
	{
		name: "Readiness Gates",
		type: "string",
		priority: 1,
		description:
			'If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to "True" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates',
		cell: readinessGates,
	},
];

/** The row's condition of a finished pod. */
export function podRowConditions(pod: Pod): { type: string; status: string; reason: string; message: string }[] {
	if (pod.status?.phase === "Succeeded") return [{ type: "Completed", status: "True", reason: "Succeeded", message: "The pod has completed successfully." }];
	if (pod.status?.phase === "Failed") return [{ type: "Completed", status: "True", reason: "Failed", message: "The pod failed." }];
	return [];
}
