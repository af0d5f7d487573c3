/** The Worker: its front door, and the Durable Objects behind it. */
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { serve } from "./app.ts";
import { isForwarded, serveForwarded } from "./edge/edge-node-routes.ts";
import { isEdgeRequest, serveEdge } from "./edge/serve-edge.ts";

export { ClusterObject } from "../objects/cluster-object.ts";
export { EdgeObject } from "../objects/edge-object.ts";
export { NamespaceObject } from "../objects/namespace-object.ts";
export { NodeObject } from "../objects/node-object.ts";
export { RegistryObject } from "../objects/registry-object.ts";
export { RelayObject } from "../objects/relay-object.ts";
export { SessionObject } from "../objects/session-object.ts";
export { TunnelObject } from "../objects/tunnel-object.ts";

/** What comes by the edge's own socket. */
export const edge = { fetch: serveEdge } satisfies ExportedHandler<WorkerEnv>;

export default {
	fetch(request, env, ctx) {
		if (isEdgeRequest(request, env)) return serveEdge(request, env, ctx);
		return isForwarded(request) ? serveForwarded(request, env, ctx) : serve(request, env, ctx);
	},
} satisfies ExportedHandler<WorkerEnv>;
