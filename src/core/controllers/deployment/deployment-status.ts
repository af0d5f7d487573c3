/** What a Deployment's status says, counted from its ReplicaSets, and whether its rollout gets on. */
import type { Deployment, DeploymentStatus } from "../../schema/kubernetes.d.ts";
import { nameOf } from "../identity.ts";
import {
	conditionOf,
	hasProgressDeadline,
	newCondition,
	progressDeadlineMs,
	REASON,
	removeCondition,
	replaceCondition,
	replicaFailure,
	setCondition,
} from "./conditions.ts";
import { actualReplicas, availableReplicas, desiredReplicas, maxUnavailable, readyReplicas, totalReplicas } from "./replica-bounds.ts";
import { allSets, type Rollout } from "./rollout.ts";

/** Added to a progress check, as conditions count in whole seconds, in milliseconds. */
const PROGRESS_CHECK_SLACK_MS = 1000;

/** The status of a Deployment that rolls. Mutates the draft. */
export function syncRolloutStatus(rollout: Rollout): void {
	const status = countedStatus(rollout);
	if (!hasProgressDeadline(rollout.deployment)) removeCondition(status, "Progressing");
	else estimateProgress(rollout, status);
	const failure = replicaFailure(rollout.newest, allSets(rollout));
	if (failure) setCondition(status, failure);
	else removeCondition(status, "ReplicaFailure");
	rollout.deployment.status = status;
}

/** The status of one that is paused, scaled or being deleted: progress is not judged. */
export function syncCountsOnly(rollout: Rollout): void {
	rollout.deployment.status = countedStatus(rollout);
}

function countedStatus(rollout: Rollout): DeploymentStatus {
	const { deployment, ctx } = rollout;
	const all = allSets(rollout);
	const available = availableReplicas(all);
	const status: DeploymentStatus = {
		observedGeneration: deployment.metadata.generation,
		replicas: actualReplicas(all),
		updatedReplicas: actualReplicas(rollout.newest ? [rollout.newest] : []),
		readyReplicas: readyReplicas(all),
		availableReplicas: available,
		unavailableReplicas: Math.max(0, totalReplicas(all) - available),
		terminatingReplicas: all.reduce((sum, rs) => sum + (rs.status?.terminatingReplicas ?? 0), 0),
		collisionCount: deployment.status?.collisionCount,
		conditions: [...(deployment.status?.conditions ?? [])],
	};
	const enough = available >= desiredReplicas(deployment) - maxUnavailable(deployment);
	setCondition(
		status,
		enough
			? newCondition("Available", "True", REASON.minimumAvailable, "Deployment has minimum availability.", ctx.nowMs)
			: newCondition("Available", "False", REASON.minimumUnavailable, "Deployment does not have minimum availability.", ctx.nowMs),
	);
	return withoutZeros(status);
}

/** Fields that upstream marks omitempty are absent rather than 0. */
function withoutZeros(status: DeploymentStatus): DeploymentStatus {
	return Object.fromEntries(Object.entries(status).filter(([key, value]) => value !== undefined && (value !== 0 || key === "terminatingReplicas")));
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
	const desired = desiredReplicas(deployment);
	return (
		(status.updatedReplicas ?? 0) === desired &&
		(status.replicas ?? 0) === desired &&
		(status.availableReplicas ?? 0) === desired &&
		(status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
	);
}

function estimateProgress(rollout: Rollout, status: DeploymentStatus): void {
	const { deployment, newest, ctx } = rollout;
	const current = conditionOf(deployment.status, "Progressing");
	const settled = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === REASON.newReplicaSetAvailable;
	if (settled) return;
	const subject = newest ? `ReplicaSet ${JSON.stringify(nameOf(newest))}` : `Deployment ${JSON.stringify(nameOf(deployment))}`;
	if (isComplete(deployment, status)) {
		setCondition(status, newCondition("Progressing", "True", REASON.newReplicaSetAvailable, `${subject} has successfully progressed.`, ctx.nowMs));
	} else if (gotOn(rollout.stored.status ?? {}, status)) {
		const condition = newCondition("Progressing", "True", REASON.replicaSetUpdated, `${subject} is progressing.`, ctx.nowMs);
		// Progress is written even when the reason stays: lastUpdateTime is what the deadline counts from.
		replaceCondition(status, current?.status === "True" ? { ...condition, lastTransitionTime: current.lastTransitionTime } : condition);
	} else if (timedOut(deployment, status, ctx.nowMs)) {
		setCondition(status, newCondition("Progressing", "False", REASON.timedOut, `${subject} has timed out progressing.`, ctx.nowMs));
	}
}

function gotOn(before: DeploymentStatus, now: DeploymentStatus): boolean {
	const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
	return (
		(now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
		old(now) < old(before) ||
		(now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
		(now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
	);
}

function timedOut(deployment: Deployment, status: DeploymentStatus, nowMs: number): boolean {
	if (conditionOf(status, "Progressing")?.reason === REASON.timedOut) return true;
	const deadline = progressDeadlineMs(deployment, status);
	return deadline !== undefined && deadline < nowMs;
}

/** When to look again whether the rollout is stuck; undefined when it is done, paused or known to be stuck. */
export function progressCheckMs(rollout: Rollout): number | undefined {
	const { deployment, ctx } = rollout;
	const status = deployment.status ?? {};
	if (deployment.spec?.paused || isComplete(deployment, status) || conditionOf(status, "Progressing")?.reason === REASON.timedOut) return undefined;
	const deadline = progressDeadlineMs(deployment, status);
	return deadline === undefined ? undefined : Math.max(0, deadline - ctx.nowMs) + PROGRESS_CHECK_SLACK_MS;
}

/** Notes that a Deployment was paused or resumed, so that time spent paused is not held against it. Mutates the draft. */
export function notePause({ deployment, ctx }: Rollout): void {
	const current = conditionOf(deployment.status, "Progressing");
	if (!hasProgressDeadline(deployment) || current?.reason === REASON.timedOut) return;
	const wasPaused = current?.reason === REASON.paused;
	if (Boolean(deployment.spec?.paused) === wasPaused) return;
	deployment.status ??= {};
	const [reason, message] = wasPaused ? [REASON.resumed, "Deployment is resumed"] : [REASON.paused, "Deployment is paused"];
	setCondition(deployment.status, newCondition("Progressing", "Unknown", reason, message, ctx.nowMs));
}
