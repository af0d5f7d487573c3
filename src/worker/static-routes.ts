/** Answers that need no Durable Object: version, health, discovery, OpenAPI, keys, metrics. */
import type { Handler, Hono } from "hono";
import { addDiscoveryRoutes } from "./discovery-routes.ts";
import type { FrontDoor, FrontDoorEnv } from "./front-door.ts";
import { authorizePath } from "./path-authorization.ts";
import { serveHealth, serveHealthCheck } from "./health-routes.ts";
import { metricsText } from "./metrics.ts";
import { serveJwks, serveOpenIdConfiguration } from "./oidc-routes.ts";
import { SERVER_VERSION } from "./server-version.ts";

export type Authenticated = (handler: (c: FrontDoor) => Response | Promise<Response>) => Handler<FrontDoorEnv>;

async function serveMetrics(c: FrontDoor, inFlight: number): Promise<Response> {
	await authorizePath(c);
	return new Response(metricsText(inFlight), { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-cache, private" } });
}

export function addStaticRoutes(app: Hono<FrontDoorEnv>, authenticated: Authenticated, inFlight: () => number): void {
	app.get("/version", (c) => c.json(SERVER_VERSION));
	app.get("/version/", (c) => c.json(SERVER_VERSION));
	for (const endpoint of ["healthz", "livez", "readyz"]) {
		app.get(`/${endpoint}`, serveHealth(endpoint));
		app.get(`/${endpoint}/:check`, serveHealthCheck);
	}
	app.get("/.well-known/openid-configuration", serveOpenIdConfiguration);
	app.get("/openid/v1/jwks", serveJwks);
	app.get(
		"/metrics",
		authenticated((c) => serveMetrics(c, inFlight())),
	);
	addDiscoveryRoutes(app, authenticated);
}
