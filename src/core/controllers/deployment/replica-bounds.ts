/** How many pods a Deployment may have too many or too few while it rolls. */
import type { Deployment, ReplicaSet } from "../../schema/kubernetes.d.ts";

export const desiredReplicas = (deployment: Deployment): number => deployment.spec?.replicas ?? 1;
export const replicasOf = (rs: ReplicaSet | undefined): number => (rs === undefined ? 0 : (rs.spec?.replicas ?? 1));
export const isRollingUpdate = (deployment: Deployment): boolean => (deployment.spec?.strategy?.type ?? "RollingUpdate") === "RollingUpdate";
/** ReplicaSets that want pods. */
export const withReplicas = (sets: readonly ReplicaSet[]): ReplicaSet[] => sets.filter((rs) => replicasOf(rs) > 0);
export const totalReplicas = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, rs) => sum + replicasOf(rs), 0);
export const actualReplicas = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, rs) => sum + (rs.status?.replicas ?? 0), 0);
export const readyReplicas = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, rs) => sum + (rs.status?.readyReplicas ?? 0), 0);
export const availableReplicas = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, rs) => sum + (rs.status?.availableReplicas ?? 0), 0);

/** intstr.GetScaledValueFromIntOrPercent. */
export function scaledValue(value: number | string | undefined, total: number, roundUp: boolean): number {
	if (typeof value === "number") return value;
	const percent = Number.parseInt(value ?? "25%", 10);
	const scaled = (percent * total) / 100;
	return roundUp ? Math.ceil(scaled) : Math.floor(scaled);
}

/** Both may not be 0 after rounding, or a rollout could never begin (ResolveFenceposts). */
function bounds(deployment: Deployment): { surge: number; unavailable: number } {
	const rolling = deployment.spec?.strategy?.rollingUpdate;
	const surge = scaledValue(rolling?.maxSurge, desiredReplicas(deployment), true);
	const unavailable = scaledValue(rolling?.maxUnavailable, desiredReplicas(deployment), false);
	return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export const maxSurge = (deployment: Deployment): number => (isRollingUpdate(deployment) ? bounds(deployment).surge : 0);

export function maxUnavailable(deployment: Deployment): number {
	if (!isRollingUpdate(deployment)) return 0;
	return Math.min(bounds(deployment).unavailable, desiredReplicas(deployment));
}
