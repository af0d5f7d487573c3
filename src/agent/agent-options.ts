/** What an agent is started with, and what whoever started it holds. */
import type { JoinResponse, NetworkRow } from "../core/protocol/agent-protocol.ts";
import type { Clock } from "./clock.ts";
import type { BackoffDurations } from "./container-backoff.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";
import type { CredentialProvider } from "./image/credential-providers.ts";
import type { KubeletConfiguration } from "./kubelet-configuration.ts";
import type { Logger } from "./log.ts";
import type { ClusterServicesPlace } from "./network/cluster-services.ts";
import type { ContainerRuntime, SetPodCidrs } from "./runtime/runtime.ts";

/** Keeps part of the node's network in step with the network table. */
export interface NodeNetwork {
	start(): Promise<void>;
	/** Rows that changed, all of them at first; the same again after a failure. Calls do not overlap. */
	apply(rows: readonly NetworkRow[]): Promise<void> | void;
	/** Pods that go on keep their rules and routes, unless `removeAll`: then nothing is left of them. */
	stop(options: { removeAll: boolean }): Promise<void>;
}

/** A driver with a pod network of its own is told its range once it runs. */
export type NodeRuntime = ContainerRuntime & { setPodCidrs?: SetPodCidrs };

export interface AgentOptions {
	/** The cluster's API root; may have a path. */
	server: string;
	/** Needed only until the node has joined. */
	token?: string;
	/** PEM file of the cluster's CA; none trusts the system's authorities. */
	caFile?: string;
	nodeName: string;
	dataDir: string;
	/** Made once the cluster's settings (pod CIDR, DNS) are known, if it is a function. */
	runtime: NodeRuntime | ((cluster: JoinResponse) => NodeRuntime | Promise<NodeRuntime>);
	network?:
		| NodeNetwork
		| ((cluster: JoinResponse, runtime: ContainerRuntime, client: ControlPlaneClient) => NodeNetwork | undefined | Promise<NodeNetwork | undefined>);
	/** Where the API and DNS are served to pods; nowhere without it. */
	clusterServices?: ClusterServicesPlace;
	labels?: Record<string, string>;
	/** Where drivers' sockets and volumes are; `required` accepts no other directory. In the data directory without it. */
	kubeletRoot?: { directory: string; required: boolean };
	/** Kubelet's settings; its defaults without. */
	configuration?: KubeletConfiguration;
	/** Programs that know credentials of registries, and where they are. */
	credentialProviders?: { providers: readonly CredentialProvider[]; directory: string };
	/** Where TLS for the edge is ended; nowhere without it. */
	edge?: { address: string; port: number };
	/** Instead of the first address of the machine. */
	nodeIP?: string;
	log?: Logger;
	clock?: Clock;
	/** Shorter in tests. */
	restartBackoff?: BackoffDurations;
	joinPatienceMs?: number;
}

export interface Agent {
	readonly nodeName: string;
	readonly cluster: JoinResponse;
	readonly runtime: ContainerRuntime;
	/** Whether the last poll was answered. */
	readonly connected: boolean;
	/** The machine goes down: pods end first, as the settings say, and no other is taken. */
	shutDown(): Promise<void>;
	/** Pods keep running, unless `removeAll`: then nothing of the agent is left on the machine but its data directory. */
	stop(options?: { removeAll?: boolean }): Promise<void>;
}
