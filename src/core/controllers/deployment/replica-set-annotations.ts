/** What a Deployment notes on its ReplicaSets: revisions, and the size it had when it scaled them. */
import type { Deployment, ReplicaSet } from "../../schema/kubernetes.d.ts";
import { desiredReplicas, maxSurge } from "./replica-bounds.ts";

export const REVISION = "deployment.kubernetes.io/revision";
export const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
export const DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas";
export const MAX_REPLICAS = "deployment.kubernetes.io/max-replicas";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const ROLLBACK_TO = "deprecated.deployment.rollback.to";
const NOT_COPIED = new Set([LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, ROLLBACK_TO]);
/** Longest list of past revisions that is kept on one ReplicaSet. */
export const REVISION_HISTORY_CHARS_MAX = 2000;

/** 0 for a ReplicaSet that has none. */
export function revisionOf(rs: ReplicaSet): number {
	const revision = Number(rs.metadata.annotations?.[REVISION] ?? "0");
	return Number.isSafeInteger(revision) ? revision : 0;
}

export const maxRevision = (sets: readonly ReplicaSet[]): number => sets.reduce((max, rs) => Math.max(max, revisionOf(rs)), 0);

/** An annotation that counts; undefined when it is absent or no number. */
export function countAnnotation(rs: ReplicaSet, key: string): number | undefined {
	const text = rs.metadata.annotations?.[key];
	return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

function set(rs: ReplicaSet, key: string, value: string): boolean {
	rs.metadata.annotations ??= {};
	if (rs.metadata.annotations[key] === value) return false;
	rs.metadata.annotations[key] = value;
	return true;
}

/** Notes the size that `rs` was last scaled for. Mutates; tells whether anything changed. */
export function setReplicasAnnotations(rs: ReplicaSet, deployment: Deployment): boolean {
	const desired = set(rs, DESIRED_REPLICAS, String(desiredReplicas(deployment)));
	const max = set(rs, MAX_REPLICAS, String(desiredReplicas(deployment) + maxSurge(deployment)));
	return desired || max;
}

/** Copies the Deployment's annotations and raises the revision of its newest ReplicaSet. Mutates `rs`. */
export function setNewReplicaSetAnnotations(rs: ReplicaSet, deployment: Deployment, revision: number): void {
	for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
		if (!NOT_COPIED.has(key)) set(rs, key, value);
	}
	const former = rs.metadata.annotations?.[REVISION];
	if (revisionOf(rs) < revision) {
		set(rs, REVISION, String(revision));
		if (former !== undefined) set(rs, REVISION_HISTORY, historyWith(rs.metadata.annotations?.[REVISION_HISTORY], former));
	}
}

/** The oldest revisions make room when the list is full. */
function historyWith(history: string | undefined, revision: string): string {
	const revisions = history ? history.split(",") : [];
	revisions.push(revision);
	while (revisions.length > 1 && revisions.join(",").length > REVISION_HISTORY_CHARS_MAX) revisions.shift();
	return revisions.join(",");
}
