/** The way from the control plane to a Service of the cluster. */
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { Channel } from "./channel.ts";

export interface ServicePort {
	namespace: string;
	name: string;
	port: number;
}

/** A channel to a Service's pods. Its promise rejects while no way leads there. */
export function dialService(_env: WorkerEnv, _cluster: string, { namespace, name, port }: ServicePort): Channel {
	return () => Promise.reject(new Error(`no route to service ${namespace}/${name}:${port}`));
}
