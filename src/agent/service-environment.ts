/** The variables that name a namespace's Services, and the API server's always (k8s.io/kubernetes/pkg/kubelet/envvars). */
import type { ServiceEntry } from "../core/protocol/agent-protocol.ts";
import type { ObjectSource } from "./object-source.ts";

const API_NAMESPACE = "default";
const API_SERVICE = "kubernetes";

export function serviceEnvironment(objects: ObjectSource, namespace: string, links: boolean): Map<string, string> {
	const byName = new Map<string, ServiceEntry>();
	for (const service of objects.services(API_NAMESPACE)) if (service.name === API_SERVICE) byName.set(service.name, service);
	if (links) for (const service of objects.services(namespace)) byName.set(service.name, service);
	const out = new Map<string, string>();
	for (const name of [...byName.keys()].sort()) addService(out, byName.get(name) as ServiceEntry);
	return out;
}

const variableName = (text: string): string => text.toUpperCase().replaceAll("-", "_");

function addService(out: Map<string, string>, service: ServiceEntry): void {
	const ip = service.clusterIP;
	const first = service.ports[0];
	if (!ip || ip === "None" || !first) return;
	const name = variableName(service.name);
	out.set(`${name}_SERVICE_HOST`, ip);
	out.set(`${name}_SERVICE_PORT`, String(first.port));
	for (const port of service.ports) if (port.name) out.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
	const url = (protocol: string, port: number) => `${protocol.toLowerCase()}://${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
	out.set(`${name}_PORT`, url(first.protocol, first.port));
	for (const port of service.ports) {
		const prefix = `${name}_PORT_${port.port}_${port.protocol}`;
		out.set(prefix, url(port.protocol, port.port));
		out.set(`${prefix}_PROTO`, port.protocol.toLowerCase());
		out.set(`${prefix}_PORT`, String(port.port));
		out.set(`${prefix}_ADDR`, ip);
	}
}
