/**
 * What the Durable Objects of one cluster tell each other. Every message is delivered at least once through the
 * sender's outbox and is idempotent at the receiver; `clock` is the sender's revision clock, past which the receiver
 * advances its own.
 */
import type { ConfigMap, Node, NodeStatus, Pod, PodDisruptionBudget, PodStatus, Secret, Taint } from "../schema/kubernetes.d.ts";
import type { ClaimWrite } from "../controllers/persistentvolume/claim-write.ts";
import type { ClaimAllocation } from "../devices/device-ledger.ts";
import type { KubeObject, ResourceName } from "../meta/object.ts";
import type { DevicePreparation, DeviceRelease, Unplaced, VolumeBinding } from "../scheduler/scheduler.ts";
import type { Asked } from "../scheduler/scheduling-queue.ts";
import type { GatewayStatusMessage, HttpRouteStatusMessage } from "../controllers/gateway-status.ts";
import type { ServiceScaleMessage } from "../controllers/service-sleep.ts";
import type { EdgeRow } from "../edge/edge-table.ts";
import type { DeliveryCounts } from "../webhooks/subscription-status.ts";
import type { DeletedVolume, NetworkRow, VolumeDirectory } from "./agent-protocol.ts";

export type ObjectAddress = { object: "cluster" } | { object: "edge" } | { object: "namespace"; name: string } | { object: "node"; name: string };

/** Names one pod beyond doubt. */
export interface PodRef {
	namespace: string;
	name: string;
	uid: string;
}

/** A pod's node, the node's labels that the pod bears too, and what its ResourceClaims are given; `sinceMs` says which decision it is. */
export interface PodBinding {
	pod: PodRef;
	node: string;
	topology?: Record<string, string>;
	devices?: { claims: ClaimAllocation[]; sinceMs: number };
}

export type MessageBody =
	/** Namespace -> Cluster: these pods want a node. */
	| { type: "place"; namespace: string; asked: Asked[] }
	/** Namespace -> Cluster: bound by someone else (an external scheduler, spec.nodeName), or not what they were: take them into the ledger. */
	| { type: "placed"; namespace: string; pods: Pod[] }
	/** Namespace -> Cluster: these pods no longer hold a place, or want none. */
	| { type: "release"; pods: PodRef[] }
	/** Namespace -> Cluster: the pod's claims are not what that decision went by: it holds no place by it, and wants a node. */
	| { type: "unbound"; asked: Asked; sinceMs: number }
	/** Cluster -> Namespace: the scheduler's answer; `topology` are the node's labels that its pods bear too. */
	| { type: "bind"; bindings: PodBinding[]; unschedulable: Unplaced[] }
	/** Cluster -> Namespace: these must make way for a more important pod. */
	| { type: "preempt"; preemptor: PodRef; schedulerName: string; node: string; victims: PodRef[] }
	/** Cluster -> Namespace: the pod's place is kept on this node until these claims have their volumes there. */
	| { type: "bindVolumes"; bindings: VolumeBinding[] }
	/** Cluster -> Namespace: these pods' claims get their devices, which must be ready before the pods are bound. */
	| { type: "prepareDevices"; preparations: DevicePreparation[] }
	/** Cluster -> Namespace: these pods do not use these claims (any more). */
	| { type: "releaseDevices"; releases: DeviceRelease[] }
	/** Cluster -> Namespace: a more important pod took the places that were kept for these. */
	| { type: "denominate"; pods: PodRef[] }
	/** Namespace -> Cluster: all its PodDisruptionBudgets, trimmed to what preemption asks of them. */
	| { type: "budgets"; namespace: string; budgets: PodDisruptionBudget[] }
	/** Namespace -> Node: this is now what should run (the whole pod, deletionTimestamp included) and what it reads. */
	| { type: "assign"; pods: Pod[]; configMaps: ConfigMap[]; secrets: Secret[] }
	/** Namespace -> Node: the pod's object is gone; stop it if it runs. */
	| { type: "unassign"; pods: PodRef[] }
	/** Node -> Namespace: what the agent reports. */
	| { type: "podStatus"; node: string; statuses: { pod: PodRef; status: PodStatus }[] }
	/** Node -> Namespace: the agent has stopped and cleaned up a pod that was marked for deletion. */
	| { type: "podStopped"; node: string; pods: PodRef[] }
	/** Node -> Namespace: a NoExecute taint's toleration ran out. */
	| { type: "evictPods"; node: string; pods: PodRef[]; reason: string; message: string }
	/** Cluster -> Namespace: devices of these are tainted so that their users must go. */
	| { type: "evictDeviceUsers"; pods: PodRef[] }
	/** Node -> Namespace: the node is lost: its pods are no longer ready. */
	| { type: "nodeLost"; node: string; pods: PodRef[] }
	/** Node -> Cluster: the agent came, reported or went (liveness, never a row per heartbeat); `sequence` orders these messages. */
	| {
			type: "nodeStatus";
			node: string;
			sequence: number;
			connected: boolean;
			status?: NodeStatus;
			labels?: Record<string, string>;
			localPath?: string;
			silentMs?: number;
	  }
	/** Namespace (kube-node-lease) -> Cluster: a node that is not Petrel's renewed its Lease. */
	| { type: "nodeRenewed"; node: string }
	/** Cluster -> Node: the node's taints, for eviction; and whether the Node still exists. */
	| { type: "nodeTaints"; node: string; exists: boolean; taints: Taint[]; nodeUid: string }
	/** Namespace -> Cluster: what of the network table changed. */
	| { type: "networkRows"; rows: NetworkRow[] }
	/** Edge -> Namespace: how a Gateway or HTTPRoute of it stands. */
	| GatewayStatusMessage
	| HttpRouteStatusMessage
	/** Edge -> Namespace: the Deployments behind a Service shall sleep, or wake. */
	| ServiceScaleMessage
	/** Namespace -> Edge: what of its table changed. */
	| { type: "edgeRows"; rows: EdgeRow[] }
	/** Cluster -> Namespace: make the namespace ready (default ServiceAccount, root CA). */
	| { type: "namespaceActive"; namespace: string; uid: string }
	/** Cluster -> Namespace: delete everything. */
	| { type: "namespaceTerminating"; namespace: string; uid: string }
	/** Namespace -> Cluster: nothing is left, or what holds it. */
	| {
			type: "namespaceEmptied";
			namespace: string;
			uid: string;
			remaining: { resource: string; count: number; finalizers: string[] }[];
			/** Group versions of extension API servers that could not be asked, and why. */
			undiscovered?: { groupVersion: string; why: string }[];
			/** What could not be deleted there. */
			failures?: string[];
	  }
	/** Cluster -> Namespace: a CustomResourceDefinition is going away: delete the objects of its kind. */
	| { type: "deleteInstances"; definition: string; uid: string; resource: string }
	/** Namespace -> Cluster: no object of the definition's kind is left. */
	| { type: "instancesDeleted"; namespace: string; definition: string; uid: string }
	/** Cluster -> Namespace: a new version of the cluster's configuration replica. */
	| { type: "config"; config: ClusterConfig }
	/** Namespace -> Cluster: the holder's addresses and node ports are free again. */
	| { type: "releaseAllocation"; namespace: string; name: string }
	/** Cluster or Node -> Namespace: an Event about a cluster-scoped object (they live in namespace "default"). */
	| { type: "recordEvent"; source: string; about: KubeObject; eventType: "Normal" | "Warning"; reason: string; message: string }
	/** Cluster -> Node: rows of the network table; `sequence` orders them. */
	| { type: "network"; sequence: number; rows: NetworkRow[] }
	/** Cluster -> Namespace: there are NetworkPolicies: tell of the pods. */
	| { type: "wantPodRows" }
	/** Node -> Namespace: somebody has said that the lost node is out of service for good: its pods that are to go are gone. */
	| { type: "nodeOutOfService"; node: string; pods: PodRef[] }
	/** Cluster -> Namespace: these nodes are gone: their pods can be collected. */
	| { type: "nodeGone"; node: string; pods: PodRef[] }
	/** Namespace -> Cluster: objects here name this cluster-scoped owner: how does it stand, and what becomes of it? */
	| { type: "wantOwner"; namespace: string; owner: ForeignOwner }
	/** Cluster -> Namespace: how a cluster-scoped owner stands to what it owns. */
	| { type: "ownerState"; owner: ForeignOwner; state: ForeignOwnerState }
	/** Namespace -> Cluster: nothing is left here that this owner's deletion waits for. */
	| { type: "dependentsGone"; namespace: string; owner: ForeignOwner }
	/** Cluster -> Namespace, Node: the encryption keys were rotated. Nothing but to be awake: an object that wakes seals anew what older keys sealed. */
	| { type: "keysRotated" }
	/** Namespace -> Cluster: how its deliveries to a subscription of the cluster stand. */
	| { type: "deliveryReport"; namespace: string; uid: string; subscription: string; counts: DeliveryCounts }
	/** Cluster -> Namespace: deliver again to a subscription of the cluster: its dead letters, or what changed after a revision. */
	| { type: "replayDeliveries"; uid: string; after?: number }
	/** Namespace -> Cluster: it places daemons and wants to hear of the nodes, or no longer. */
	| { type: "wantNodes"; namespace: string; wanted: boolean }
	/** Cluster -> Namespace: the nodes, trimmed to what daemons are placed by; `sequence` orders these messages. */
	| { type: "nodes"; sequence: number; replica: NodeReplica }
	/** Namespace -> Cluster: these objects, trimmed to what the Cluster object decides by, are so now; these names are free. */
	| { type: "replicate"; namespace: string; resource: ResourceName; objects: KubeObject[]; removed: string[] }
	/** Cluster -> Namespace: how do these stand, or all of the collection? */
	| { type: "wantReplicas"; resource: ResourceName; names?: string[] }
	/** Cluster -> Namespace: what was decided about claims. */
	| { type: "claimWrites"; writes: ClaimWrite[] }
	/** Cluster -> Node: these directories of released volumes can go. */
	| { type: "deleteVolumes"; volumes: VolumeDirectory[] }
	/** Node -> Cluster: they are gone, or why not. */
	| { type: "volumesDeleted"; node: string; volumes: DeletedVolume[] };

/** What the Cluster object decides about pods' devices. */
export type DeviceMessage = Extract<MessageBody, { type: "prepareDevices" | "releaseDevices" | "evictDeviceUsers" }>;

/** A cluster-scoped object that namespaced ones name as their owner. */
export interface ForeignOwner {
	/** The collection's name in the store. */
	resource: string;
	name: string;
	uid: string;
}

/** "waiting": being deleted after its dependents; "orphan": being deleted, and they shall stay. */
export type ForeignOwnerState = "solid" | "gone" | "waiting" | "orphan";

/** All nodes, or what changed of them, or that there is no replica any more. */
export type NodeReplica = { kind: "all"; nodes: Node[] } | { kind: "changes"; nodes: Node[]; removed: string[] } | { kind: "none" };

export interface ObjectMessage {
	to: ObjectAddress;
	body: MessageBody;
}

/** The versioned replica of cluster configuration that a Namespace object authorises and admits by. */
export interface ClusterConfig {
	version: number;
	/** Cluster-scoped objects by collection: clusterroles, clusterrolebindings, priorityclasses. */
	objects: Record<string, unknown[]>;
	/** The version of the CustomResourceDefinitions, 0 where there has never been one: who has an older one asks for them. */
	definitionsVersion: number;
	/** The Namespace's own object, or null when there is none. */
	namespace: unknown | null;
	/** PEM of the cluster's CA, for kube-root-ca.crt. */
	rootCa: string;
	/** PEM of what signs clients' certificates, "" where nothing does; and of what signs the front proxy's: for extension API servers. */
	clientCa: string;
	requestHeaderCa: string;
	/** How long the replica may be used without asking again, in milliseconds: within it the Cluster object pushes changes. */
	leaseMs: number;
}
