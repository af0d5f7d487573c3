/**
 * The node's Lease in kube-node-lease, as people and tools expect to find it. Liveness is known from the held poll, so the
 * Lease is renewed only as often as the node's status is told, and says so by its duration.
 */
import type { Lease } from "../core/schema/kubernetes.d.ts";
import type { ApiClient } from "./control-plane-client.ts";

const NAMESPACE = "kube-node-lease";
const APPLY = "application/apply-patch+yaml";
/** The Lease holds for this many of its renewals' periods. */
const PERIODS_HELD = 2;

/** Creates or renews the Lease; resolves to the HTTP code. `periodMs` is how often this is called at least, in milliseconds. */
export async function renewNodeLease(client: ApiClient, nodeName: string, nowMs: number, periodMs: number): Promise<number> {
	const lease: Lease = {
		apiVersion: "coordination.k8s.io/v1",
		kind: "Lease",
		metadata: { name: nodeName, namespace: NAMESPACE },
		spec: { holderIdentity: nodeName, leaseDurationSeconds: (PERIODS_HELD * periodMs) / 1000, renewTime: microTime(nowMs) },
	};
	const path = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${nodeName}?fieldManager=kubelet&force=true`;
	return (await client.request("PATCH", path, lease, APPLY)).code;
}

const microTime = (ms: number): string => new Date(ms).toISOString().replace("Z", "000Z");
