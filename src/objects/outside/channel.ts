/** How who is asked is reached: over the public internet by its URL, through the cluster's nodes by its Service, or as another object of the cluster's own. */
import type { CallTarget } from "../../core/admission/outside-call.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import { namespaceObject } from "../addresses.ts";
import { dialService } from "./service-dial.ts";

/** What a Namespace object tells the others. */
export interface CollectionReader {
	collection(resource: string): Promise<KubeObject[]>;
}

/** Sends a request and resolves to its answer. */
export type Channel = (request: Request) => Promise<Response>;

export function channelTo(env: WorkerEnv, cluster: string, { service, collection }: CallTarget): Channel {
	if (collection !== undefined) return () => readCollection(env, cluster, collection);
	if (service !== undefined) return dialService(env, cluster, service);
	return (request) => fetch(request);
}

/** What another namespace holds of a collection: parameters of policies. */
async function readCollection(env: WorkerEnv, cluster: string, { namespace, resource }: NonNullable<CallTarget["collection"]>): Promise<Response> {
	const stub = namespaceObject(env, cluster, namespace) as unknown as CollectionReader;
	return Response.json(await stub.collection(resource));
}
