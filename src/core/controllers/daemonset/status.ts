/** What a DaemonSet's status says. */
import type { DaemonSetStatus } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted } from "../identity.ts";
import { isReady } from "../pod-state.ts";
import { revisionOf } from "./daemon-pod.ts";
import { isServing, type Rollout } from "./rollout.ts";

export function statusOf(rollout: Rollout, collisionCount: number): DaemonSetStatus {
	const { places, set, hash } = rollout;
	const wanted = places.filter(({ fit }) => fit.shouldRun);
	const count = (test: (place: (typeof places)[number]) => boolean): number => wanted.filter(test).length;
	const available = count(({ pods }) => pods.some((pod) => isServing(pod, rollout)));
	const optional = {
		updatedNumberScheduled: count(({ pods }) => pods.some((pod) => !isBeingDeleted(pod) && revisionOf(pod) === hash)),
		numberAvailable: available,
		numberUnavailable: wanted.length - available,
	};
	return {
		currentNumberScheduled: count(({ pods }) => pods.length > 0),
		numberMisscheduled: places.filter(({ fit, pods }) => !fit.shouldRun && pods.length > 0).length,
		desiredNumberScheduled: wanted.length,
		numberReady: count(({ pods }) => pods.some((pod) => !isBeingDeleted(pod) && isReady(pod))),
		...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
		...Object.fromEntries(Object.entries(optional).filter(([, number]) => number > 0)),
		...(collisionCount > 0 ? { collisionCount } : {}),
		...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
	};
}
