/** hostProbesAndHostLifecycle: probes and hooks go to the pod itself, since the kubelet would reach what the pod may not. */
import type { LifecycleHandler, ProbeHandler } from "../../../schema/kubernetes.d.ts";
import { type AnyContainer, type Check, containersOf, type JudgedPod, plural, quoted, quotedSet, type Violation } from "../check.ts";

const hostsOf = (handler: ProbeHandler | LifecycleHandler | undefined): string[] =>
	[handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host) => host !== undefined && host !== "") as string[];

const containerHosts = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: AnyContainer): string[] =>
	[livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hostsOf);

function judge({ spec }: JudgedPod): Violation | undefined {
	const bad = containersOf(spec).filter((container) => containerHosts(container).length > 0);
	if (bad.length === 0) return undefined;
	const names = [...new Set(bad.map(({ name }) => name))].sort();
	const hosts = new Set(bad.flatMap(containerHosts));
	const uses = `${plural(names.length, "uses", "use")} ${plural(hosts.size, "probe or lifecycle host")}`;
	return { reason: "probe or lifecycle host", detail: `${plural(names.length, "container")} ${quoted(names)} ${uses} ${quotedSet(hosts)}` };
}

export const hostProbesAndHostLifecycle: Check = { id: "hostProbesAndHostLifecycle", level: "baseline", versions: [{ since: 34, judge }] };
