/** How the agent names a pod, its containers and its directories, as kubelet does. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Container, EphemeralContainer, Pod } from "../core/schema/kubernetes.d.ts";
import type { PodRef } from "../core/protocol/messages.ts";

export interface PodPaths {
	/** What the pod owns but its logs: volumes, hosts file, termination messages. */
	podDirectory: string;
	logDirectory: string;
	volumesDirectory: string;
	hostsFile: string;
	/** The last status and what must be known after a restart of the agent. */
	recordFile: string;
	/** What the node has granted a pod that was resized. */
	resizeFile: string;
}

export function podRef(pod: Pod): PodRef {
	return { namespace: pod.metadata.namespace ?? "default", name: pod.metadata.name ?? "", uid: pod.metadata.uid ?? "" };
}

/** k8s.io/kubernetes/pkg/kubelet/util/format.Pod: `name_namespace(uid)`. */
export function formatPod(pod: Pod): string {
	const ref = podRef(pod);
	return `${ref.name}_${ref.namespace}(${ref.uid})`;
}

/** A uid, name or namespace becomes part of a path: what could leave its directory is refused. */
function pathSegment(text: string): string {
	if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) || text.includes("..")) throw new Error(`${JSON.stringify(text)} cannot be part of a path`);
	return text;
}

export function podPaths(dataDirectory: string, ref: PodRef): PodPaths {
	const podDirectory = join(dataDirectory, "pods", pathSegment(ref.uid));
	return {
		podDirectory,
		logDirectory: join(dataDirectory, "logs", "pods", `${pathSegment(ref.namespace)}_${pathSegment(ref.name)}_${ref.uid}`),
		volumesDirectory: join(podDirectory, "volumes"),
		hostsFile: join(podDirectory, "etc-hosts"),
		recordFile: join(podDirectory, "record.json"),
		resizeFile: join(podDirectory, "resize.json"),
	};
}

/** Relative to the pod's log directory. */
export const containerLogPath = (containerName: string, attempt: number): string => join(pathSegment(containerName), `${attempt}.log`);

export function terminationMessageFile(paths: PodPaths, containerName: string, attempt: number): string {
	return join(paths.podDirectory, "containers", pathSegment(containerName), `${attempt}.message`);
}

/** Changes when a running container must be replaced: kubelet hashes the name and the image, the rest of a container is immutable. */
export function containerSpecHash(container: Container): string {
	return createHash("sha256")
		.update(JSON.stringify([container.name, container.image ?? ""]))
		.digest("hex")
		.slice(0, 16);
}

export const isSidecar = (container: Container): boolean => container.restartPolicy === "Always";

export type ContainerKind = "init" | "regular" | "ephemeral";

export interface NamedContainer {
	container: Container | EphemeralContainer;
	kind: ContainerKind;
}

export function findContainer(pod: Pod, name: string): NamedContainer | undefined {
	const regular = pod.spec?.containers.find((c) => c.name === name);
	if (regular) return { container: regular, kind: "regular" };
	const init = pod.spec?.initContainers?.find((c) => c.name === name);
	if (init) return { container: init, kind: "init" };
	const ephemeral = pod.spec?.ephemeralContainers?.find((c) => c.name === name);
	return ephemeral && { container: ephemeral, kind: "ephemeral" };
}

/** A port by number or by the name that the container gives it; undefined when there is none. */
export function resolvePort(container: Container, port: number | string): number | undefined {
	if (typeof port === "number") return port;
	const named = container.ports?.find((p) => p.name === port);
	if (named) return named.containerPort;
	return /^\d+$/.test(port) ? Number(port) : undefined;
}
