/** Which Durable Object owns what, by name: the front door and the objects themselves find each other here. */
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import type { RegistryObject } from "./registry-object.ts";
import type { ClusterRpc, EdgeRpc, NamespaceRpc, NodeRpc } from "./rpc.ts";

/** A stub as its callers use it: fetch, and the methods of its class. */
export type ObjectStub<Rpc = unknown> = Pick<DurableObjectStub, "fetch"> & Rpc;

/** The methods of an object's class that others call. */
type Rpc<T> = { [Name in keyof T as T[Name] extends (...args: never[]) => Promise<unknown> ? Name : never]: T[Name] };

/** The cluster that a bare host serves. */
export const DEFAULT_CLUSTER = "default";

export const clusterObjectName = (cluster: string): string => cluster;
export const namespaceObjectName = (cluster: string, namespace: string): string => `${cluster}/${namespace}`;
export const nodeObjectName = (cluster: string, node: string): string => `${cluster}/${node}`;

/** Ids that an isolate keeps of each class: making one is a keyed hash. */
const IDS_MAX = 4_096;
const ids = new WeakMap<DurableObjectNamespace, Map<string, DurableObjectId>>();

function idOf(objects: DurableObjectNamespace, name: string): DurableObjectId {
	let known = ids.get(objects);
	if (known === undefined || known.size >= IDS_MAX) ids.set(objects, (known = new Map()));
	let id = known.get(name);
	if (id === undefined) known.set(name, (id = objects.idFromName(name)));
	return id;
}

const named = <Rpc>(objects: DurableObjectNamespace, name: string): ObjectStub<Rpc> => objects.get(idOf(objects, name)) as unknown as ObjectStub<Rpc>;

export const clusterObject = (env: WorkerEnv, cluster: string): ObjectStub<ClusterRpc> => named(env.CLUSTER, clusterObjectName(cluster));
export const namespaceObject = (env: WorkerEnv, cluster: string, namespace: string): ObjectStub<NamespaceRpc> =>
	named(env.NAMESPACE, namespaceObjectName(cluster, namespace));
export const nodeObject = (env: WorkerEnv, cluster: string, node: string): ObjectStub<NodeRpc> => named(env.NODE, nodeObjectName(cluster, node));

/** The cluster's Edge object. */
export const edgeObject = (env: WorkerEnv, cluster: string): ObjectStub<EdgeRpc> => named(env.EDGE, `${cluster}/edge`);

/** The one Registry object of the deployment. */
export const registryObject = (env: WorkerEnv): ObjectStub<Rpc<RegistryObject>> => named(env.REGISTRY, "registry");
/** A node's tunnels are numbered from 0: the next is opened when one is full. */
export const tunnelObject = (env: WorkerEnv, cluster: string, node: string, index: number): ObjectStub => named(env.TUNNEL, `${cluster}/${node}/${index}`);

/** Where two nodes meet that cannot reach each other: one object for the two, whoever asks. */
export const relayObject = (env: WorkerEnv, cluster: string, nodes: readonly [string, string]): ObjectStub =>
	named(env.RELAY, [cluster, ...[...nodes].sort()].join("/"));

/** The Session object of an id that `newSessionId` made; throws a TypeError for anything else. */
export const sessionObject = (env: WorkerEnv, id: string): ObjectStub => env.SESSION.get(env.SESSION.idFromString(id));
/** A new Session object's id, as a string that a command can carry. */
export const newSessionId = (env: WorkerEnv): string => env.SESSION.newUniqueId().toString();
