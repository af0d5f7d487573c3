/** Where a pod's log, exec, attach or portforward is served: the pod's node and the container that is meant (registry/core/pod/strategy.go). */
import type { ApiRequest } from "../../core/api/request.ts";
import { type ConnectOptions, connectOptions } from "../../core/kinds/connect-options.ts";
import { badRequest, notFound } from "../../core/errors/status-error.ts";
import type { ContainerStatus, Pod } from "../../core/schema/kubernetes.d.ts";
import type { PodConnection } from "../rpc.ts";
import { admitPosted } from "../write.ts";
import { type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

/** kubectl's own annotation for the container that is meant when none is named. */
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

const quotedNames = (names: readonly string[]): string => `[${names.join(" ")}]`;

function chosenContainer(pod: Pod, wanted: string): string {
	const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? { containers: [] };
	const all = [...initContainers, ...containers, ...ephemeralContainers].map((container) => container.name);
	const name = pod.metadata.name ?? "";
	if (wanted !== "") {
		if (all.includes(wanted)) return wanted;
		throw badRequest(`container ${wanted} is not valid for pod ${name}`);
	}
	if (containers.length === 1) return containers[0]?.name ?? "";
	const annotated = pod.metadata.annotations?.[DEFAULT_CONTAINER];
	if (annotated && all.includes(annotated)) return annotated;
	const init = initContainers.length > 0 ? ` or one of the init containers: ${quotedNames(initContainers.map((c) => c.name))}` : "";
	throw badRequest(`a container name must be specified for pod ${name}, choose one of: ${quotedNames(containers.map((c) => c.name))}${init}`);
}

function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
	const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
	return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find((status) => status.name === container);
}

/** Kubelet's refusals, where the pod's status already tells. */
function checkStarted(pod: Pod, container: string, request: ApiRequest): void {
	const state = statusOf(pod, container);
	if (request.subresource !== "log") return;
	const previous = request.query.raw.some(([key, value]) => key === "previous" && value === "true");
	const name = pod.metadata.name ?? "";
	if (previous && !state?.lastState?.terminated)
		throw badRequest(`previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} not found`);
	const waiting =
		state === undefined
			? "ContainerCreating"
			: state.state?.waiting && !state.lastState?.terminated
				? (state.state.waiting.reason ?? "ContainerCreating")
				: undefined;
	if (waiting !== undefined) throw badRequest(`container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} is waiting to start: ${waiting}`);
}

/** The options of a connection once they are admitted: what upstream's ConnectResource does before it connects. */
export function admittedOptions(call: VerbCall): ConnectOptions {
	const { server, kind, request } = call;
	const type = kind.subresources?.connect?.[request.subresource]?.kind;
	if (type === undefined) throw new Error(`no options are known of ${kind.plural}/${request.subresource}`);
	const object = connectOptions(server.schema, type, request.query.raw);
	const subject = { ...type, schema: `core/${type.version}.${type.kind}` };
	return admitPosted(server, kind, { subject, object, name: request.name, operation: "CONNECT" }, writeOptions(call)) as ConnectOptions;
}

/** exec, attach, portforward; a log is only read, and nobody is asked. */
export function connectPod(call: VerbCall): VerbResult {
	const { server, request } = call;
	const raw = (key: string) => request.query.raw.find(([name]) => name === key)?.[1];
	const options: ConnectOptions = request.subresource === "log" ? { container: raw("container") ?? "" } : admittedOptions(call);
	const pod = server.store.get<Pod>("pods", request.name);
	if (pod === undefined) throw notFound({ group: "", resource: "pods" }, request.name);
	const container = request.subresource === "portforward" ? "" : chosenContainer(pod, options.container ?? "");
	const node = pod.spec?.nodeName;
	if (!node) throw badRequest(`pod ${request.name} does not have a host assigned`);
	if (container !== "") checkStarted(pod, container, request);
	const connection: PodConnection = { node, container, options, pod: { namespace: server.namespace, name: request.name, uid: pod.metadata.uid ?? "" } };
	return { code: 200, object: connection };
}
