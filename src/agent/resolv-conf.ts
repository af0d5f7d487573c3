/** A pod's DNS settings by its dnsPolicy, after k8s.io/kubernetes/pkg/kubelet/network/dns. */
import { readFile } from "node:fs/promises";
import type { Pod } from "../core/schema/kubernetes.d.ts";

export interface DnsSettings {
	servers: string[];
	searches: string[];
	options: string[];
}

const HOST_RESOLV_CONF = "/etc/resolv.conf";
/** Upstream's limits. */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;

export async function podDns(pod: Pod, clusterDomain: string, dnsAddress: string): Promise<DnsSettings> {
	const host = parseResolvConf(await readFile(HOST_RESOLV_CONF, "utf8").catch(() => ""));
	const base = baseSettings(pod, host, clusterDomain, dnsAddress);
	const extra = pod.spec?.dnsConfig;
	const options = new Map(base.options.map((o) => [o.split(":")[0] as string, o]));
	for (const { name = "", value } of extra?.options ?? []) options.set(name, value ? `${name}:${value}` : name);
	return {
		servers: [...new Set([...base.servers, ...(extra?.nameservers ?? [])])].slice(0, MAX_SERVERS),
		searches: [...new Set([...base.searches, ...(extra?.searches ?? [])])].slice(0, MAX_SEARCHES),
		options: [...options.values()],
	};
}

function baseSettings(pod: Pod, host: DnsSettings, domain: string, dnsAddress: string): DnsSettings {
	const policy = pod.spec?.dnsPolicy ?? "ClusterFirst";
	if (policy === "None") return { servers: [], searches: [], options: [] };
	if (policy === "Default" || !dnsAddress || (policy === "ClusterFirst" && pod.spec?.hostNetwork)) return host;
	return {
		servers: [dnsAddress],
		searches: [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches],
		options: ["ndots:5"],
	};
}

export function parseResolvConf(text: string): DnsSettings {
	const out: DnsSettings = { servers: [], searches: [], options: [] };
	for (const line of text.split("\n")) {
		const [word, ...rest] = line
			.replace(/[#;].*$/, "")
			.trim()
			.split(/\s+/);
		if (word === "nameserver" && rest[0]) out.servers.push(rest[0]);
		if (word === "search" || word === "domain") out.searches = rest;
		if (word === "options") out.options.push(...rest);
	}
	return out;
}
