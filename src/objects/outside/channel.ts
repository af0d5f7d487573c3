/** How who is asked is reached: over the public internet by its URL, through the cluster's nodes by its Service, or as another object of the cluster's own. */
import type { CallTarget } from "../../core/admission/outside-call.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { UserInfo } from "../../core/api/request.ts";
import type { ResourceAttributes } from "../../core/authz/attributes.ts";
import type { AuthorizerDecision } from "../../core/cel/library/authorizer.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import { namespaceObject } from "../addresses.ts";
import { dialService } from "./service-dial.ts";

/** What a Namespace object tells the others. */
export interface NamespaceInside {
	/** Parameters of policies. */
	collection(resource: string): Promise<KubeObject[]>;
	decision(user: UserInfo, attributes: ResourceAttributes): Promise<AuthorizerDecision>;
}

/** Sends a request and resolves to its answer. */
export type Channel = (request: Request) => Promise<Response>;

export function channelTo(env: WorkerEnv, cluster: string, { service, collection, decision }: CallTarget): Channel {
	if (collection !== undefined) return async () => Response.json(await insideOf(env, cluster, collection.namespace).collection(collection.resource));
	if (decision !== undefined)
		return async () => Response.json(await insideOf(env, cluster, decision.attributes.namespace).decision(decision.user, decision.attributes));
	if (service !== undefined) return dialService(env, cluster, service);
	return (request) => fetch(request);
}

const insideOf = (env: WorkerEnv, cluster: string, namespace: string): NamespaceInside =>
	namespaceObject(env, cluster, namespace) as unknown as NamespaceInside;
