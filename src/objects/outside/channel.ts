/** How another machine is reached: over the public internet by its URL, or through the cluster's nodes by its Service. */
import type { CallTarget } from "../../core/admission/outside-call.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { dialService } from "./service-dial.ts";

/** Sends a request and resolves to its answer. */
export type Channel = (request: Request) => Promise<Response>;

export function channelTo(env: WorkerEnv, cluster: string, { service }: CallTarget): Channel {
	if (service !== undefined) return dialService(env, cluster, service);
	return (request) => fetch(request);
}
