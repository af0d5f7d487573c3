import { describe, expect, it } from "vitest";
import { type ClusterNetwork, DEFAULT_NETWORK } from "../protocol/cluster-addresses.ts";
import type { Node } from "../schema/kubernetes.d.ts";
import type { ReconcileContext, View } from "./controller.ts";
import { nodeIpamController } from "./node-ipam-controller.ts";

const DUAL: ClusterNetwork = { ...DEFAULT_NETWORK, podCidrs: ["10.0.0.0/23", "fd00:1::/63"] };
const node = (name: string, ...podCIDRs: string[]): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name }, spec: { podCIDRs } });

function given(network: ClusterNetwork, others: readonly Node[], chance = 0) {
	const nodes = [node("new"), ...others];
	const view = { get: () => nodes[0], list: () => nodes } as unknown as View;
	const [action] = nodeIpamController({ network }).reconcile("new", view, { random: () => chance } as ReconcileContext).actions;
	return action?.type === "update" ? (action.object as Node).spec : action;
}

describe("a node's ranges", () => {
	it("are of each family of the cluster", () => {
		expect(given(DUAL, [])).toEqual({ podCIDR: "10.0.0.0/24", podCIDRs: ["10.0.0.0/24", "fd00:1::/64"] });
		expect(given(DUAL, [node("a", "10.0.0.0/24", "fd00:1:0:1::/64")], 0.5)).toMatchObject({ podCIDRs: ["10.0.1.0/24", "fd00:1::/64"] });
		expect(given(DEFAULT_NETWORK, [])).toEqual({ podCIDR: "10.244.0.0/24", podCIDRs: ["10.244.0.0/24"] });
		expect(given({ ...DUAL, podCidrs: ["fd00:1::/112"], nodeMaskSizes: { IPv4: 24, IPv6: 120 } }, [], 0.999)).toMatchObject({ podCIDR: "fd00:1::ff00/120" });
	});

	it("are not there when one family's are all taken", () => {
		const all = [node("a", "10.0.0.0/24", "fd00:1::/64"), node("b", "10.0.1.0/24", "fd00:1:0:1::/64")];
		expect(given(DUAL, all)).toMatchObject({ type: "event", reason: "CIDRNotAvailable" });
	});
});
