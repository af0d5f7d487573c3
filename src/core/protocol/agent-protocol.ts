/**
 * What a node agent and the control plane say to each other. docs/agent-protocol.md tells the same story in prose.
 *
 *   POST /agent/v1/join                    JoinRequest  -> JoinResponse   (join token)
 *   GET  /agent/v1/nodes/{name}/poll       WebSocket upgrade, PollRequest in POLL_REQUEST_HEADER -> PollResponse (node credential)
 *   POST /agent/v1/nodes/{name}/poll       PollRequest  -> PollResponse   (node credential)
 *   POST /agent/v1/nodes/{name}/credential CredentialRequest -> CredentialResponse (node credential)
 *   GET  /agent/v1/sessions/{id}           WebSocket upgrade              (node credential)
 *   POST /agent/v1/nodes/{name}/certificate  CertificateRequest -> CertificateResponse (node credential)
 *   POST /agent/v1/nodes/{name}/volume-secret VolumeSecretRequest -> Secret (node credential)
 *   GET  /agent/v1/tunnels/{number}        WebSocket upgrade              (node credential); its frames: src/core/tunnel/frame.ts
 *
 * The poll over a WebSocket is held until there is something to say or POLL_HOLD_MS has passed; its first message that
 * is not empty is the answer. The other one carries reports up and is answered as soon as they are stored. An agent keeps
 * one held poll open and sends reports beside it.
 */
import type { ClusterNetwork } from "./cluster-addresses.ts";
import type { ConfigMap, NetworkPolicy, NodeStatus, Pod, PodStatus, Secret, Taint } from "../schema/kubernetes.d.ts";
import type { PodRef } from "./messages.ts";

export const AGENT_PROTOCOL_VERSION = 1;
/** How long the control plane holds a poll, in milliseconds. Long, since each new poll wakes the Node object. */
export const POLL_HOLD_MS = 30 * 60_000;
/** How often both sides of a held poll send an empty message, in milliseconds: nothing else tells of a cable that was cut. */
export const POLL_HEARTBEAT_MS = 10_000;
/** A held poll on which nothing was heard for this long is dead: three heartbeats, in milliseconds. */
export const POLL_SILENCE_MS = 3 * POLL_HEARTBEAT_MS;
/** Carries a held poll's PollRequest, without a report, as JSON. */
export const POLL_REQUEST_HEADER = "petrel-poll";

export interface JoinRequest {
	version: number;
	nodeName: string;
	/** Made once per data directory: a second agent cannot take the name of a node that is another instance's. */
	instanceId: string;
	/** The agent renews its credential: it may be given one that expires. */
	renews?: boolean;
	/** Taints of the Node, should joining make it; a Node that is there keeps its own. */
	taints?: Taint[];
}

export interface JoinResponse {
	version: number;
	/** Bearer token of user system:node:<name>, group system:nodes. */
	credential: string;
	/** How long the credential is good, in seconds from now; absent when it has no end. */
	credentialSeconds?: number;
	/** PEM of the cluster's CA. */
	caCertificate: string;
	clusterDomain: string;
	/** The first of the cluster's DNS. */
	dnsAddress: string;
	/** The first of the cluster's. */
	serviceCidr: string;
	/** The first of this node's, allocated by the Cluster object. */
	podCidr: string;
	/** This node's, one of each family; absent in what was kept from before there were two. */
	podCidrs?: string[];
	/** The cluster's; likewise absent, where it is the default. */
	network?: ClusterNetwork;
}

/** A node's ranges, of each family; none where it has not been given any. */
export const podCidrsOf = ({ podCidrs, podCidr }: JoinResponse): string[] => podCidrs ?? (podCidr === "" ? [] : [podCidr]);

/** For a new credential, before the present one ends. */
export interface CredentialRequest {
	version: number;
	instanceId: string;
}

export interface CredentialResponse {
	version: number;
	credential: string;
	credentialSeconds: number;
}

/** POST /agent/v1/nodes/{name}/certificate */
export interface CertificateRequest {
	version: number;
	/** SubjectPublicKeyInfo of a P-256 key, in base64. */
	publicKey: string;
}

export interface CertificateResponse {
	version: number;
	/** PEM: for the names and the address of the Service default/kubernetes, signed by the CA that pods have as ca.crt. */
	certificate: string;
}

/** POST /agent/v1/nodes/{name}/volume-secret: the Secret that a PersistentVolume of the node's names for its CSI driver. Answered by that Secret. */
export interface VolumeSecretRequest {
	version: number;
	/** The PersistentVolume's name. */
	volume: string;
	use: VolumeSecretUse;
}

/** For which call of the driver, as its field in the volume's source says: nodeStageSecretRef and so on. */
export type VolumeSecretUse = "nodeStage" | "nodePublish" | "nodeExpand";

export interface PollRequest {
	version: number;
	instanceId: string;
	/** New for each start of the agent process. */
	bootId: string;
	/** The desired-pods cursor of the last answer that was taken in; 0 for everything. */
	cursor: number;
	/** Likewise of the network table. */
	networkCursor: number;
	/** NETWORK_ROWS_VERSION: the network table comes as `networkRows`. Absent: as `network`. */
	networkVersion?: number;
	/** Pods whose status changed since the last acknowledged report. */
	statuses?: { pod: PodRef; status: PodStatus }[];
	/** Pods marked for deletion that are stopped and cleaned up. */
	stopped?: PodRef[];
	/** The node's labels and status, on start and when they change; `localPath` is the directory that it keeps local volumes in. */
	node?: { labels: Record<string, string>; status: NodeStatus; localPath?: string };
	/** Directories of PollResponse.volumesToDelete that are gone, or why they are not. */
	volumesDeleted?: DeletedVolume[];
	/** What is used here now: the answer to a UsageCommand, and never sent unasked. */
	usage?: { id: string; usage: NodeUsage };
}

/** The directory that a PersistentVolume of the built-in provisioner is on its node. */
export interface VolumeDirectory {
	/** The PersistentVolume's name. */
	name: string;
	path: string;
}

export interface DeletedVolume {
	name: string;
	/** Why its directory could not be removed; absent when it is gone. */
	error?: string;
}

/** What one node and the containers on it use: CPU over a window that has just ended, memory at its end. */
export interface NodeUsage {
	/** The window's end, in milliseconds since 1970 by the node's clock. */
	timestampMs: number;
	/** The window's length, in milliseconds. */
	windowMs: number;
	node: ResourceUsage;
	/** Pods with running containers that were there for the whole window. */
	pods: { pod: PodRef; containers: ({ name: string } & ResourceUsage)[] }[];
}

export interface ResourceUsage {
	/** Billionths of a core, on average over the window. */
	cpuNanoCores: number;
	/** The working set: what cannot be had back without harm. */
	memoryBytes: number;
}

export interface PollResponse {
	version: number;
	cursor: number;
	networkCursor: number;
	/** `pods`, `configMaps` and `secrets` are everything there is: what is not in them must stop. */
	full: boolean;
	/** Pods that should run here or are being deleted, changed since the cursor. */
	pods: Pod[];
	/** Pods whose object is gone. */
	removed: PodRef[];
	configMaps: ConfigMap[];
	secrets: Secret[];
	/** Directories of volumes that nobody has any more, asked for since the cursor: the agent removes them and says so. */
	volumesToDelete?: VolumeDirectory[];
	/** Services changed since `networkCursor`, by namespace; a namespace's list replaces the former one. Empty for who asks for rows. */
	network: { namespace: string; services: ServiceEntry[] }[];
	/** Rows of the network table changed since `networkCursor`, for who asks for them. */
	networkRows?: NetworkRow[];
	commands: AgentCommand[];
}

/** The agent that sends this in PollRequest.networkVersion is told single changes of the network table. */
export const NETWORK_ROWS_VERSION = 2;

/** One row of the network table: what it says of one thing, or null when that is gone. */
export type NetworkRow =
	| { kind: "service"; namespace: string; name: string; service: ServiceEntry | null }
	| { kind: "node"; name: string; node: NodeEntry | null }
	/** The spec as it is. */
	| { kind: "policy"; namespace: string; name: string; policy: NonNullable<NetworkPolicy["spec"]> | null }
	/** Pods and namespaces are told of while there are NetworkPolicies. */
	| { kind: "pod"; namespace: string; name: string; pod: PodEntry | null }
	| { kind: "namespace"; name: string; labels: Record<string, string> | null };

export function networkRowKey(row: NetworkRow): string {
	return row.kind === "node" || row.kind === "namespace" ? `${row.kind}/${row.name}` : `${row.kind}/${row.namespace}/${row.name}`;
}

export function isRowGone(row: NetworkRow): boolean {
	if (row.kind === "service") return row.service === null;
	if (row.kind === "node") return row.node === null;
	if (row.kind === "policy") return row.policy === null;
	return row.kind === "pod" ? row.pod === null : row.labels === null;
}

/** The row that says that what this one speaks of is gone. */
export function rowGone(row: NetworkRow): NetworkRow {
	if (row.kind === "service") return { ...row, service: null };
	if (row.kind === "node") return { ...row, node: null };
	if (row.kind === "policy") return { ...row, policy: null };
	return row.kind === "pod" ? { ...row, pod: null } : { ...row, labels: null };
}

/** What NetworkPolicies ask of a pod. */
export interface PodEntry {
	ips: string[];
	labels: Record<string, string>;
	/** Its named ports: "TCP/http" to a number. */
	ports: Record<string, number>;
}

/** What the other nodes must know of one. */
export interface NodeEntry {
	podCidrs: string[];
	/** Its InternalIPs. */
	addresses: string[];
	/** The label topology.kubernetes.io/zone. */
	zone?: string;
}

export interface EndpointEntry {
	ip: string;
	port: number;
	node?: string;
	/** The name of its own below a headless Service. */
	hostname?: string;
}

/** One Service with its endpoints: what kube-proxy and the cluster's DNS need. */
export interface ServiceEntry {
	namespace: string;
	name: string;
	type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
	/** "None" for a headless one, "" for an ExternalName. */
	clusterIP: string;
	/** Where it has an address of each family: both, `clusterIP` the first. Its endpoints are then of both. */
	clusterIPs?: string[];
	sessionAffinity: "None" | "ClientIP";
	/** Seconds. */
	affinityTimeoutSeconds: number;
	ports: PortEntry[];
	externalName?: string;
	/** Further addresses from outside: spec.externalIPs, and those of the load balancer. */
	externalIPs?: string[];
	/** Whose connections to a load balancer's address are taken; absent for all. */
	sourceRanges?: string[];
	/** Absent for Cluster. */
	externalTrafficPolicy?: "Local";
	internalTrafficPolicy?: "Local";
	healthCheckNodePort?: number;
	trafficDistribution?: string;
	/** Of a headless Service: who stands behind its name, whatever the ports. */
	hosts?: { ip: string; hostname?: string }[];
}

export interface PortEntry {
	name: string;
	protocol: "TCP" | "UDP" | "SCTP";
	port: number;
	nodePort?: number;
	/** The ready ones; while there are none, those that are shutting down and still serve. */
	endpoints: EndpointEntry[];
	/** Those that are shutting down and still serve while others are ready: for a node that must use its own. */
	draining?: EndpointEntry[];
}

export type AgentCommand = SessionCommand | TunnelCommand | UsageCommand;

/** Dial `/agent/v1/tunnels/{tunnel}`, unless that tunnel is open already. Delivered once per id. */
export interface TunnelCommand {
	type: "tunnel";
	id: string;
	/** The tunnel's number on this node. */
	tunnel: number;
}

/** Report what is used here now, once per id. Usage is asked for, never sent unasked: an idle cluster measures nothing. */
export interface UsageCommand {
	type: "usage";
	id: string;
}

/** Dial `/agent/v1/sessions/{id}` and serve this. Delivered once per id; an agent ignores an id it already serves. */
export interface SessionCommand {
	type: "session";
	id: string;
	pod: PodRef;
	/** Resolved by the control plane: never empty except for portforward. */
	container: string;
	request: SessionRequest;
}

export type SessionRequest =
	| { kind: "log"; follow: boolean; previous: boolean; timestamps: boolean; sinceSeconds?: number; sinceTime?: string; tailLines?: number; limitBytes?: number }
	/** Frames are the remotecommand WebSocket protocol's, `subprotocol` v4.channel.k8s.io or v5.channel.k8s.io. */
	| { kind: "exec"; command: string[]; stdin: boolean; stdout: boolean; stderr: boolean; tty: boolean; subprotocol: string }
	| { kind: "attach"; stdin: boolean; stdout: boolean; stderr: boolean; tty: boolean; subprotocol: string }
	/** Bytes of SPDY/3.1 tunnelled in binary messages (subprotocol SPDY/3.1+portforward.k8s.io). */
	| { kind: "portforward"; subprotocol: string };

/**
 * The agent's first message on a session socket, as text. `ok: false` refuses with a Status (its code and message reach
 * the client); after `ok: true` binary messages pass through unread in both directions. A log session sends raw log
 * bytes. Either side closes with code 1000 when done.
 */
export type SessionHello = { ok: true } | { ok: false; code: number; reason: string; message: string };
