import { expect, it } from "vitest";
import { renewNodeLease } from "./node-lease.ts";

it("applies the node's own Lease, which holds past its next renewal", async () => {
	const asked: unknown[] = [];
	const client = {
		request: async (...request: unknown[]) => {
			asked.push(request);
			return { code: 201, body: undefined };
		},
	};
	expect(await renewNodeLease(client, "n1", Date.UTC(2026, 0, 1), 60_000)).toBe(201);
	expect(asked).toEqual([
		[
			"PATCH",
			"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1?fieldManager=kubelet&force=true",
			expect.objectContaining({ spec: { holderIdentity: "n1", leaseDurationSeconds: 120, renewTime: "2026-01-01T00:00:00.000000Z" } }),
			"application/apply-patch+yaml",
		],
	]);
});
