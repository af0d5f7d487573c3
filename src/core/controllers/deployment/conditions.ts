/** The conditions of a Deployment and their reasons (deployment/util of kube-controller-manager). */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "../../schema/kubernetes.d.ts";
import { metaTime, timeMs } from "../meta-time.ts";

export const REASON = {
	replicaSetUpdated: "ReplicaSetUpdated",
	newReplicaSet: "NewReplicaSetCreated",
	foundNewReplicaSet: "FoundNewReplicaSet",
	newReplicaSetAvailable: "NewReplicaSetAvailable",
	failedReplicaSetCreate: "ReplicaSetCreateError",
	timedOut: "ProgressDeadlineExceeded",
	paused: "DeploymentPaused",
	resumed: "DeploymentResumed",
	minimumAvailable: "MinimumReplicasAvailable",
	minimumUnavailable: "MinimumReplicasUnavailable",
} as const;

/** progressDeadlineSeconds that means "never" (math.MaxInt32). */
const NO_DEADLINE = 2_147_483_647;

export const hasProgressDeadline = (deployment: Deployment): boolean =>
	deployment.spec?.progressDeadlineSeconds !== undefined && deployment.spec.progressDeadlineSeconds !== NO_DEADLINE;

export const conditionOf = (status: DeploymentStatus | undefined, type: string): DeploymentCondition | undefined =>
	status?.conditions?.find((c) => c.type === type);

export function newCondition(type: string, status: "True" | "False" | "Unknown", reason: string, message: string, nowMs: number): DeploymentCondition {
	const now = metaTime(nowMs);
	return { type, status, reason, message, lastUpdateTime: now, lastTransitionTime: now };
}

/** A condition that says the same as before is left with its times and message. Mutates. */
export function setCondition(status: DeploymentStatus, condition: DeploymentCondition): void {
	const current = conditionOf(status, condition.type);
	if (current?.status === condition.status && current.reason === condition.reason) return;
	replaceCondition(status, current?.status === condition.status ? { ...condition, lastTransitionTime: current.lastTransitionTime } : condition);
}

/** Writes the condition as given. Mutates. */
export function replaceCondition(status: DeploymentStatus, condition: DeploymentCondition): void {
	removeCondition(status, condition.type);
	status.conditions = [...(status.conditions ?? []), condition];
}

export function removeCondition(status: DeploymentStatus, type: string): void {
	const left = status.conditions?.filter((c) => c.type !== type) ?? [];
	if (left.length > 0) status.conditions = left;
	else delete status.conditions;
}

/** When the rollout counts as stuck, in milliseconds; undefined when nothing is being timed. */
export function progressDeadlineMs(deployment: Deployment, status: DeploymentStatus): number | undefined {
	const progressing = conditionOf(status, "Progressing");
	const since = timeMs(progressing?.lastUpdateTime);
	if (!hasProgressDeadline(deployment) || since === undefined || progressing?.reason === REASON.newReplicaSetAvailable) return undefined;
	return since + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000;
}

/** A ReplicaSet's ReplicaFailure, told of its Deployment: the newest set's before the others'. */
export function replicaFailure(newest: ReplicaSet | undefined, all: readonly ReplicaSet[]): DeploymentCondition | undefined {
	for (const rs of newest ? [newest, ...all] : all) {
		const failure = rs.status?.conditions?.find((c) => c.type === "ReplicaFailure");
		if (failure) return { ...failure, lastUpdateTime: failure.lastTransitionTime };
	}
	return undefined;
}
