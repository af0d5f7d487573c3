/** A pod's /etc/hosts, after k8s.io/kubernetes/pkg/kubelet: its own address and its hostAliases. */
import { readFile } from "node:fs/promises";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import { writeFileAtomic } from "./atomic-file.ts";

const LOCAL = [
	"127.0.0.1\tlocalhost",
	"::1\tlocalhost ip6-localhost ip6-loopback",
	"fe00::0\tip6-localnet",
	"fe00::0\tip6-mcastprefix",
	"fe00::1\tip6-allnodes",
	"fe00::2\tip6-allrouters",
];
const MAX_HOST_NAME_LENGTH = 63;
/** Linux's HOST_NAME_MAX. */
const MAX_KERNEL_NAME_LENGTH = 64;

export function podHostname(pod: Pod): string {
	return (pod.spec?.hostnameOverride || pod.spec?.hostname || pod.metadata.name || "").slice(0, MAX_HOST_NAME_LENGTH).replace(/[-.]+$/, "");
}

/** With its subdomain; "" for a pod that has none. */
export function podFqdn(pod: Pod, clusterDomain: string): string {
	const { subdomain } = pod.spec ?? {};
	return subdomain ? `${podHostname(pod)}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` : "";
}

/** What the kernel tells the pod's processes: the whole name when the pod asks for it. Throws when the kernel has no room for it. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
	const fqdn = pod.spec?.setHostnameAsFQDN ? podFqdn(pod, clusterDomain) : "";
	if (fqdn.length > MAX_KERNEL_NAME_LENGTH) {
		throw new Error(
			`failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${MAX_KERNEL_NAME_LENGTH} characters is the max, ${fqdn.length} characters requested)`,
		);
	}
	return fqdn || podHostname(pod);
}

export async function writeHostsFile(path: string, pod: Pod, ips: readonly string[], clusterDomain: string): Promise<void> {
	const lines = pod.spec?.hostNetwork ? await hostLines() : ["# Kubernetes-managed hosts file.", ...LOCAL, ...ownLines(pod, ips, clusterDomain)];
	const aliases = pod.spec?.hostAliases ?? [];
	if (aliases.length > 0) lines.push("", "# Entries added by HostAliases.", ...aliases.map((a) => `${a.ip}\t${(a.hostnames ?? []).join("\t")}`));
	await writeFileAtomic(path, `${lines.join("\n")}\n`, 0o644);
}

function ownLines(pod: Pod, ips: readonly string[], clusterDomain: string): string[] {
	const hostname = podHostname(pod);
	const fqdn = podFqdn(pod, clusterDomain);
	return ips.map((ip) => `${ip}\t${fqdn ? `${fqdn}\t` : ""}${hostname}`);
}

async function hostLines(): Promise<string[]> {
	const text = await readFile("/etc/hosts", "utf8").catch(() => LOCAL.join("\n"));
	return ["# Kubernetes-managed hosts file (host network).", text.trimEnd()];
}
