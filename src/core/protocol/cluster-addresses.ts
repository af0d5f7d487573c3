/** The addresses and names of a cluster's own network: chosen when the cluster is made, the same from then on. */
import { addressAt, addressRange, BITS, rangeFamily } from "../meta/address-range.ts";
import { canonicalCidr, cidr, type IPFamily } from "../meta/address.ts";

export const CLUSTER_DOMAIN = "cluster.local";
export const API_PORT = 443;
export const DNS_PORT = 53;

export interface ClusterNetwork {
	/** --cluster-cidr: what nodes' ranges are taken from, the first family's first; two of them are of both families. */
	podCidrs: readonly string[];
	/** --service-cluster-ip-range, likewise. */
	serviceCidrs: readonly string[];
	/** --node-cidr-mask-size-ipv4 and -ipv6 */
	nodeMaskSizes: Readonly<Record<IPFamily, number>>;
}

export const DEFAULT_NETWORK: ClusterNetwork = {
	podCidrs: ["10.244.0.0/16"],
	serviceCidrs: ["10.96.0.0/16"],
	nodeMaskSizes: { IPv4: 24, IPv6: 64 },
};

/** kube-apiserver's limits: the shortest masks that a range of Services may have. */
const SERVICE_MASK_MIN: Readonly<Record<IPFamily, number>> = { IPv4: 12, IPv6: 64 };
/** As many addresses as the cluster's own Services need at the beginning of a range. */
const SERVICE_MASK_MAX: Readonly<Record<IPFamily, number>> = { IPv4: 28, IPv6: 124 };
/** Nodes' ranges in the cluster's: 2 to this power at most (nodeipam's clusterSubnetMaxDiff). */
const NODE_BITS_MAX = 16;
const [API_PLACE, DNS_PLACE] = [1n, 10n];

const at = (cidrs: readonly string[], place: bigint): string[] =>
	cidrs.flatMap((one) => {
		const range = addressRange(one);
		return range ? [addressAt(range, place)] : [];
	});

/** Of the Service default/kubernetes: every agent forwards from there to the control plane. The Service shows the first one. */
export const apiAddresses = ({ serviceCidrs }: ClusterNetwork): string[] => at(serviceCidrs, API_PLACE);
/** Of the Service kube-system/kube-dns: every agent answers there. */
export const dnsAddresses = ({ serviceCidrs }: ClusterNetwork): string[] => at(serviceCidrs, DNS_PLACE);
/** The families of Services, the first one is what they get without asking. */
export const serviceFamilies = ({ serviceCidrs }: ClusterNetwork): IPFamily[] => serviceCidrs.map(rangeFamily);
/** The cluster's own Services by address: namespace/name. */
export const reservedAddresses = (network: ClusterNetwork): Record<string, string> =>
	Object.fromEntries([
		...apiAddresses(network).map((address) => [address, "default/kubernetes"]),
		...dnsAddresses(network).map((address) => [address, "kube-system/kube-dns"]),
	]);

/** What is wrong with a network, in the words of kube-apiserver and kube-controller-manager; undefined for nothing. */
export function networkProblem({ podCidrs, serviceCidrs, nodeMaskSizes }: ClusterNetwork): string | undefined {
	const problem = rangesProblem("--service-cluster-ip-range", serviceCidrs) ?? rangesProblem("--cluster-cidr", podCidrs);
	if (problem !== undefined) return problem;
	if (podCidrs.map(rangeFamily).join() !== serviceCidrs.map(rangeFamily).join())
		return "--cluster-cidr and --service-cluster-ip-range must have the same IP families in the same order";
	for (const one of serviceCidrs) {
		const [family, mask] = [rangeFamily(one), maskOf(one)];
		if (mask < SERVICE_MASK_MIN[family])
			return `specified --service-cluster-ip-range is too large; for ${BITS[family]}-bit addresses, the mask must be >= ${SERVICE_MASK_MIN[family]}`;
		if (mask > SERVICE_MASK_MAX[family])
			return `specified --service-cluster-ip-range is too small; for ${BITS[family]}-bit addresses, the mask must be <= ${SERVICE_MASK_MAX[family]}`;
	}
	for (const one of podCidrs) {
		const [family, mask] = [rangeFamily(one), maskOf(one)];
		const size = nodeMaskSizes[family];
		if (!Number.isInteger(size) || size < mask || size > BITS[family] - 2)
			return `the size of the node CIDR mask for ${family} must be between ${mask} and ${BITS[family] - 2}, not ${size}`;
		if (size - mask > NODE_BITS_MAX) return `New CIDR set failed; the node CIDR size is too big: ${one} in ranges of /${size}`;
	}
	return overlapProblem([...podCidrs, ...serviceCidrs]);
}

const maskOf = (one: string): number => Number(one.slice(one.indexOf("/") + 1));

function rangesProblem(option: string, cidrs: readonly string[]): string | undefined {
	if (cidrs.length === 0) return `${option} is required`;
	for (const one of cidrs) if (cidr(one).length > 0) return `${option} ${JSON.stringify(one)}: ${cidr(one)[0]}`;
	if (cidrs.length > 2) return `${option} must not contain more than two entries`;
	if (cidrs.length === 2 && rangeFamily(cidrs[0] ?? "") === rangeFamily(cidrs[1] ?? ""))
		return `len of ${option}==2 and they are not configured as dual stack (at least one from each IPFamily)`;
	return undefined;
}

function overlapProblem(cidrs: readonly string[]): string | undefined {
	const ranges = cidrs.flatMap((text) => {
		const range = addressRange(text);
		return range ? [{ text, ...range }] : [];
	});
	const pairs = ranges.flatMap((one, index) => ranges.slice(index + 1).map((other) => [one, other] as const));
	const found = pairs.find(([a, b]) => a.family === b.family && a.start < b.start + b.size && b.start < a.start + a.size);
	return found && `the ranges ${found[0].text} and ${found[1].text} overlap`;
}

/** The ranges as they are kept: without bits beyond their masks. Expects a network without problems. */
export const canonicalNetwork = ({ podCidrs, serviceCidrs, nodeMaskSizes }: ClusterNetwork): ClusterNetwork => ({
	podCidrs: podCidrs.map(canonicalCidr),
	serviceCidrs: serviceCidrs.map(canonicalCidr),
	nodeMaskSizes: { ...nodeMaskSizes },
});

let read: { text: string; network: ClusterNetwork } | undefined;

/** PETREL_NETWORK, read once an isolate; the default without it. */
export function clusterNetworkOf(text: string | undefined): ClusterNetwork {
	if (!text) return DEFAULT_NETWORK;
	if (read?.text !== text) read = { text, network: { ...DEFAULT_NETWORK, ...(JSON.parse(text) as Partial<ClusterNetwork>) } };
	return read.network;
}
