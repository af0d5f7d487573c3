/** What the routes of the front door share: the request's cluster, user and query. */
import type { Context } from "hono";
import type { UserInfo } from "../core/api/request.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import type { ResourcePath } from "./request-info.ts";

export interface FrontDoorEnv {
	Bindings: WorkerEnv;
	Variables: {
		/** As the path names it. */
		clusterName: string;
		/** Its id: what its objects and tokens are named by. Set behind authentication. */
		cluster: string;
		/** The path under the cluster's root. */
		path: string;
		query: URLSearchParams;
		/** What the path and the method speak of, once that is known. */
		resource?: ResourcePath;
		/** Set behind authentication. */
		user: UserInfo;
	};
}

export type FrontDoor = Context<FrontDoorEnv>;

/** client-go's rule for a field manager that nobody named: the User-Agent up to its first slash. */
export const userAgentName = (headers: Headers): string => (headers.get("user-agent") ?? "").split("/")[0] ?? "";

export const isWebSocketUpgrade = (headers: Headers): boolean => headers.get("upgrade")?.toLowerCase() === "websocket";
