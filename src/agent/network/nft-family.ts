/** nftables keeps each IP family in tables of its own: what differs between them. Rules are written for IPv4 and put into IPv6's words. */
import { isIPv6 } from "node:net";
import { apiAddresses, type ClusterNetwork, DEFAULT_NETWORK, dnsAddresses } from "../../core/protocol/cluster-addresses.ts";

/** As nft, ip and conntrack know them. */
export type NftFamily = "ip" | "ip6";

export const NFT_FAMILIES: readonly NftFamily[] = ["ip", "ip6"];

/** Of an address or a network. */
export const nftFamilyOf = (text: string): NftFamily => (isIPv6(text.split("/")[0] ?? "") ? "ip6" : "ip");

/** `rules` say nothing of addresses that are IPv4's alone. */
export const inFamily = (family: NftFamily, rules: string): string =>
	family === "ip" ? rules : rules.replaceAll("ipv4_addr", "ipv6_addr").replaceAll(/\bip (?=saddr\b|daddr\b|to\b)/g, "ip6 ");

/** What a node must know of one family of the cluster's network. */
export interface FamilyNetwork {
	family: NftFamily;
	/** Of all pods. */
	podCidr: string;
	serviceCidr: string;
	/** Where every agent answers itself. */
	apiAddress: string;
	dnsAddress: string;
}

/** The first family's first. */
export function familyNetworks(network: ClusterNetwork): FamilyNetwork[] {
	const [apis, servers] = [apiAddresses(network), dnsAddresses(network)];
	return network.serviceCidrs.map((serviceCidr, index) => {
		const family = nftFamilyOf(serviceCidr);
		const podCidr = network.podCidrs.find((one) => nftFamilyOf(one) === family);
		if (podCidr === undefined) throw new TypeError(`the cluster has no range for pods in the family of ${serviceCidr}`);
		return { family, podCidr, serviceCidr, apiAddress: apis[index] ?? "", dnsAddress: servers[index] ?? "" };
	});
}

export const [DEFAULT_FAMILY_NETWORK] = familyNetworks(DEFAULT_NETWORK) as [FamilyNetwork];
