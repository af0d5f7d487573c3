/** The ranges of pods' and Services' addresses: said when the cluster is first started, kept in its directory, the same from then on. */
import { canonicalNetwork, type ClusterNetwork, clusterNetworkOf, DEFAULT_NETWORK, networkProblem } from "../core/protocol/cluster-addresses.ts";
import { CliError } from "./cli-error.ts";
import type { DataDirectory } from "./data-directory.ts";

const FILE = "network.json";
const STATE = "workerd.capnp";

export interface NetworkOptions {
	/** As kube-controller-manager's and kube-apiserver's: one range, or one of each IP family with a comma between. */
	clusterCidr?: string;
	serviceClusterIpRange?: string;
}

const ranges = (text: string | undefined, otherwise: readonly string[]): readonly string[] => text?.split(",").map((one) => one.trim()) ?? otherwise;

/** As JSON for the Worker's environment, "" for the default. It is kept with the rest of what the control plane is told (`writeControlPlane`). */
export function chooseNetwork(data: DataDirectory, { clusterCidr, serviceClusterIpRange }: NetworkOptions): string {
	const kept = data.read(FILE) ?? "";
	if (clusterCidr === undefined && serviceClusterIpRange === undefined) return kept;
	const podCidrs = ranges(clusterCidr, DEFAULT_NETWORK.podCidrs);
	const wanted: ClusterNetwork = { ...DEFAULT_NETWORK, podCidrs, serviceCidrs: ranges(serviceClusterIpRange, DEFAULT_NETWORK.serviceCidrs) };
	const problem = networkProblem(wanted);
	if (problem !== undefined)
		throw new CliError(`The cluster's network cannot be so: ${problem}.`, "Give --cluster-cidr and --service-cluster-ip-range that fit together.");
	const text = JSON.stringify(canonicalNetwork(wanted));
	const present = JSON.stringify(canonicalNetwork(clusterNetworkOf(kept)));
	if (text === present) return kept;
	if (data.read(STATE) !== undefined)
		throw new CliError(`The cluster in ${data.path} has another network, and keeps it: ${present}.`, "Leave the options out, or give another --data.");
	return text;
}
