/// <reference types="@cloudflare/vitest-plugin/types" />
/** The Worker under test: its bindings, its front door, and the stubs of the objects behind it. */
import { env as bindings, exports } from "cloudflare:workers";
import type { WorkerEnv } from "../../../src/core/protocol/tokens.ts";

export const env = bindings as unknown as WorkerEnv;

const worker = (exports as unknown as { default: Fetcher }).default;

export const fetchWorker = (path: string, init: RequestInit<RequestInitCfProperties> = {}): Promise<Response> => worker.fetch(`https://petrel${path}`, init);

/** A request of the public, for any host but the API's. */
export const fetchEdge = (url: string, init: RequestInit<RequestInitCfProperties> = {}): Promise<Response> =>
	worker.fetch(url, { redirect: "manual", ...init });

export const clusterStub = (cluster: string): DurableObjectStub => env.CLUSTER.get(env.CLUSTER.idFromName(cluster));
export const namespaceStub = (cluster: string, namespace: string): DurableObjectStub => env.NAMESPACE.get(env.NAMESPACE.idFromName(`${cluster}/${namespace}`));
export const nodeStub = (cluster: string, node: string): DurableObjectStub => env.NODE.get(env.NODE.idFromName(`${cluster}/${node}`));
