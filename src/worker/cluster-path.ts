/** A deployment hosts many clusters: `/clusters/<name>/...` is one's API root, and a bare path belongs to `default`. */
import { DEFAULT_CLUSTER } from "../objects/addresses.ts";

const PREFIX = "/clusters/";
/** DNS-1123 label: a cluster's name is part of Durable Object names and of tokens' audiences. */
const CLUSTER_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export interface ClusterPath {
	cluster: string;
	/** The path under the cluster's root; begins with a slash. */
	path: string;
}

/** Undefined when the path names a cluster by something that cannot be a cluster's name. */
export function splitClusterPath(pathname: string): ClusterPath | undefined {
	if (!pathname.startsWith(PREFIX)) return { cluster: DEFAULT_CLUSTER, path: pathname };
	const end = pathname.indexOf("/", PREFIX.length);
	const cluster = end === -1 ? pathname.slice(PREFIX.length) : pathname.slice(PREFIX.length, end);
	if (!CLUSTER_NAME.test(cluster)) return undefined;
	return { cluster, path: end === -1 ? "/" : pathname.slice(end) };
}
