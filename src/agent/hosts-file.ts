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

export function podHostname(pod: Pod): string {
	return (pod.spec?.hostnameOverride || pod.spec?.hostname || pod.metadata.name || "").slice(0, MAX_HOST_NAME_LENGTH).replace(/[-.]+$/, "");
}

export async function writeHostsFile(path: string, pod: Pod, ips: readonly string[], clusterDomain: string): Promise<void> {
	const lines = pod.spec?.hostNetwork ? await hostLines() : ["# Kubernetes-managed hosts file.", ...LOCAL, ...ownLines(pod, ips, clusterDomain)];
	const aliases = pod.spec?.hostAliases ?? [];
	if (aliases.length > 0) lines.push("", "# Entries added by HostAliases.", ...aliases.map((a) => `${a.ip}\t${(a.hostnames ?? []).join("\t")}`));
	await writeFileAtomic(path, `${lines.join("\n")}\n`, 0o644);
}

function ownLines(pod: Pod, ips: readonly string[], clusterDomain: string): string[] {
	const hostname = podHostname(pod);
	const full = pod.spec?.subdomain ? `${hostname}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}\t` : "";
	return ips.map((ip) => `${ip}\t${full}${hostname}`);
}

async function hostLines(): Promise<string[]> {
	const text = await readFile("/etc/hosts", "utf8").catch(() => LOCAL.join("\n"));
	return ["# Kubernetes-managed hosts file (host network).", text.trimEnd()];
}
