/** /openapi/v2 and /openapi/v3: the schema of what is served. */
import type { Hono } from "hono";
import type { FrontDoorEnv } from "./front-door.ts";
import type { Authenticated } from "./static-routes.ts";

export function addOpenApiRoutes(_app: Hono<FrontDoorEnv>, _authenticated: Authenticated): void {}
