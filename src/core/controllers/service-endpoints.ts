/** What Endpoints and EndpointSlices are made of: which pods stand behind a Service, and on which ports. */
import type { Container, Pod, Service, ServicePort } from "../schema/kubernetes.d.ts";
import { selectorFromSet } from "../selector/label-selector.ts";
import type { ObjectChange, View } from "./controller.ts";
import { labelsOf, nameOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { isFinished, isReady } from "./pod-state.ts";

export const SERVICES = "services";
export const PODS = "pods";
export const HEADLESS_LABEL = "service.kubernetes.io/headless";
const HEADLESS = "None";

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === HEADLESS;
/** A Service whose endpoints are the controllers' work: it selects pods. */
export const isSelecting = ({ spec }: Service): boolean => spec?.type !== "ExternalName" && Object.keys(spec?.selector ?? {}).length > 0;

/** The pods a Service selects that have an address and have not finished. */
export function podsBehind(service: Service, view: View): Pod[] {
	return view.list<Pod>(PODS, service.spec?.selector ?? {}).filter((pod) => !isFinished(pod) && pod.status?.podIP);
}

export const ipFamily = (ip: string): "IPv4" | "IPv6" => (ip.includes(":") ? "IPv6" : "IPv4");

/** The pod's address of one family. */
export function addressOf(pod: Pod, family: string): string | undefined {
	const ips = [pod.status?.podIP, ...(pod.status?.podIPs ?? []).map(({ ip }) => ip)];
	return ips.find((ip) => ip !== undefined && ipFamily(ip) === family);
}

export interface TargetPort {
	name: string;
	protocol: string;
	port: number;
	appProtocol?: string;
}

/** The Service's ports as this pod serves them; one whose named target the pod lacks is left out. */
export function targetPorts(service: Service, pod: Pod): TargetPort[] {
	return (service.spec?.ports ?? []).flatMap((port) => {
		const number = targetNumber(port, pod);
		if (number === undefined) return [];
		return [{ name: port.name ?? "", protocol: port.protocol ?? "TCP", port: number, ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}) }];
	});
}

function targetNumber({ targetPort, port, protocol = "TCP" }: ServicePort, pod: Pod): number | undefined {
	if (targetPort === undefined || targetPort === 0 || targetPort === "") return port;
	if (typeof targetPort === "number") return targetPort;
	const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
	const named = (container: Container) => (container.ports ?? []).find((p) => p.name === targetPort && (p.protocol ?? "TCP") === protocol);
	return [...(pod.spec?.containers ?? []), ...sidecars].map(named).find((p) => p !== undefined)?.containerPort;
}

/** The host name that DNS gives the pod within a headless Service. */
export function hostnameIn(service: Service, pod: Pod): string | undefined {
	return pod.spec?.hostname && pod.spec.subdomain === nameOf(service) ? pod.spec.hostname : undefined;
}

/** The Services that a changed pod is or was behind, when the change matters to them. */
export function servicesOfPod({ old, object }: ObjectChange, view: View): string[] {
	if (old && object && semanticEqual(endpointFacts(old as Pod), endpointFacts(object as Pod))) return [];
	const versions = [old, object].filter((version) => version !== undefined);
	const services = view.list<Service>(SERVICES).filter(isSelecting);
	return services.filter((service) => versions.some((version) => selectorFromSet(service.spec?.selector).matches(labelsOf(version)))).map(nameOf);
}

function endpointFacts(pod: Pod): unknown {
	const { metadata, spec, status } = pod;
	const ports = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map((container) => container.ports);
	return [
		metadata.labels,
		metadata.deletionTimestamp !== undefined,
		spec?.nodeName,
		spec?.hostname,
		spec?.subdomain,
		ports,
		status?.podIP,
		status?.podIPs,
		isFinished(pod),
		isReady(pod),
	];
}
