/** The deployment's own API, beside those of its clusters: /clusters, /clusters/<name>, /clusters/<name>/credentials, /clusters/<name>/authentication, /accounts and below. */

/** Stands before these paths inside the router: no cluster has such a path. */
export const MANAGEMENT = "/~deployment";
const CLUSTERS = /^\/clusters(?:\/[^/]+(?:\/(?:credentials|authentication))?)?\/?$/;
const ACCOUNTS = /^\/accounts(?:\/.*)?$/;

/** The router's path of a request to the deployment itself; undefined for one to a cluster. */
export function managementPath(pathname: string): string | undefined {
	return CLUSTERS.test(pathname) || ACCOUNTS.test(pathname) ? MANAGEMENT + pathname.replace(/\/$/, "") : undefined;
}
