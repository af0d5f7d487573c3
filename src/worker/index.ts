/** The Worker: its front door, and the Durable Objects behind it. */
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { serve } from "./app.ts";

export { ClusterObject } from "../objects/cluster-object.ts";
export { NamespaceObject } from "../objects/namespace-object.ts";
export { NodeObject } from "../objects/node-object.ts";
export { RegistryObject } from "../objects/registry-object.ts";
export { SessionObject } from "../objects/session-object.ts";
export { TunnelObject } from "../objects/tunnel-object.ts";

export default { fetch: serve } satisfies ExportedHandler<WorkerEnv>;
