/** What the scheduler is told of a pod: what it decides by, and nothing else of what may be a long object. */
import { controllerOf } from "../controllers/controller.ts";
import type { Container, Pod, PodSpec, Volume } from "../schema/kubernetes.d.ts";

export function trimmedPod(pod: Pod): Pod {
	const { name, namespace, uid, labels, creationTimestamp } = pod.metadata;
	const owner = controllerOf(pod);
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, namespace, uid, ...(labels ? { labels } : {}), creationTimestamp, ...(owner ? { ownerReferences: [owner] } : {}) },
		...(pod.spec ? { spec: trimmedSpec(pod.spec) } : {}),
		status: trimmedStatus(pod),
	};
}

function trimmedSpec(spec: PodSpec): PodSpec {
	const { nodeName, nodeSelector, affinity, tolerations, topologySpreadConstraints, schedulerName, priority, preemptionPolicy, overhead } = spec;
	const volumes = (spec.volumes ?? []).filter(concernsNodes);
	const kept: PodSpec = {
		nodeName,
		nodeSelector,
		affinity,
		tolerations,
		topologySpreadConstraints,
		schedulerName,
		priority,
		preemptionPolicy,
		overhead,
		resources: spec.resources,
		resourceClaims: spec.resourceClaims,
		containers: spec.containers.map(trimmedContainer),
		...(spec.initContainers?.length ? { initContainers: spec.initContainers.map(trimmedContainer) } : {}),
		...(volumes.length > 0 ? { volumes } : {}),
	};
	return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)) as unknown as PodSpec;
}

function trimmedContainer({ name, image, resources, ports, restartPolicy }: Container): Container {
	const hostPorts = (ports ?? []).filter((port) => port.hostPort);
	return {
		name,
		...(image ? { image } : {}),
		...(resources ? { resources } : {}),
		...(restartPolicy ? { restartPolicy } : {}),
		...(hostPorts.length > 0 ? { ports: hostPorts } : {}),
	};
}

const concernsNodes = (volume: Volume): boolean => Boolean(volume.persistentVolumeClaim || volume.ephemeral || volume.csi);

function trimmedStatus({ status }: Pod): NonNullable<Pod["status"]> {
	const resized = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].filter(({ resources }) => resources?.requests);
	return {
		...(status?.nominatedNodeName ? { nominatedNodeName: status.nominatedNodeName } : {}),
		...(status?.resourceClaimStatuses ? { resourceClaimStatuses: status.resourceClaimStatuses } : {}),
		...(resized.length > 0 ? { containerStatuses: resized.map(({ name, resources }) => ({ name, resources })) as never } : {}),
	};
}
