/** Authorisation of paths that are no resources (/metrics, and whatever else a role's nonResourceURLs name). */
import { StatusError } from "../core/errors/status-error.ts";
import { GROUP_MASTERS } from "../core/protocol/tokens.ts";
import { clusterObject } from "../objects/addresses.ts";
import type { FrontDoor } from "./front-door.ts";

/** @throws StatusError 403 */
export async function authorizePath(c: FrontDoor): Promise<void> {
	// The privileged group may do everything whatever the roles say; a look at the metrics wakes no cluster that is at rest.
	if (c.get("user").groups.includes(GROUP_MASTERS)) return;
	const refusal = await clusterObject(c.env, c.get("cluster")).authorizePath(c.get("user"), c.req.method.toLowerCase(), c.get("path"));
	if (refusal) throw StatusError.from(refusal);
}
