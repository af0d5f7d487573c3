/** What the scheduler remembers of a pod that has a node: small, and JSON-safe so that it can be stored as it is. */
import { controllerOf } from "../controllers/controller.ts";
import type { ClaimAllocation } from "../devices/device-ledger.ts";
import type { PodRef } from "../protocol/messages.ts";
import type { Pod, PodAffinity, PodAntiAffinity } from "../schema/kubernetes.d.ts";
import { claimNames } from "./volume-objects.ts";
import { podNonZeroRequests, podRequests, type Resources } from "./resources.ts";

export interface HostPort {
	ip: string;
	protocol: string;
	port: number;
}

export interface SchedulingPod {
	labels: Record<string, string>;
	/** uid of the controlling owner: its pods are spread. */
	ownerUid?: string;
	priority: number;
	requests: Resources;
	nonZeroRequests: { milliCpu: number; memoryBytes: number };
	hostPorts: HostPort[];
	podAffinity?: PodAffinity;
	podAntiAffinity?: PodAntiAffinity;
	/** Names of the PersistentVolumeClaims that it uses. */
	claims?: string[];
}

/** One pod on one node. */
export interface Placement {
	ref: PodRef;
	node: string;
	pod: SchedulingPod;
	/** When it got the node, in milliseconds since 1970: among equals, those that have run for longer are spared. */
	sinceMs?: number;
	/** What its ResourceClaims are given with the node. */
	devices?: ClaimAllocation[];
	/** It has been told to make way. */
	preempted?: true;
}

export const podRefOf = ({ metadata }: Pod): PodRef => ({ namespace: metadata.namespace ?? "", name: metadata.name ?? "", uid: metadata.uid ?? "" });

export function schedulingPodOf(pod: Pod): SchedulingPod {
	const owner = controllerOf(pod);
	const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
	const claims = claimNames(pod).map(({ name }) => name);
	return {
		labels: pod.metadata.labels ?? {},
		...(owner ? { ownerUid: owner.uid } : {}),
		priority: pod.spec?.priority ?? 0,
		requests: podRequests(pod),
		nonZeroRequests: podNonZeroRequests(pod),
		hostPorts: hostPorts(pod),
		...(podAffinity ? { podAffinity } : {}),
		...(podAntiAffinity ? { podAntiAffinity } : {}),
		...(claims.length > 0 ? { claims } : {}),
	};
}

function hostPorts(pod: Pod): HostPort[] {
	const sidecars = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always");
	return [...(pod.spec?.containers ?? []), ...sidecars].flatMap((container) =>
		(container.ports ?? [])
			.filter((port) => (port.hostPort ?? 0) > 0)
			.map((port) => ({ ip: port.hostIP || "0.0.0.0", protocol: port.protocol ?? "TCP", port: port.hostPort ?? 0 })),
	);
}
