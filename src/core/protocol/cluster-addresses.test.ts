import { describe, expect, it } from "vitest";
import { apiAddresses, canonicalNetwork, type ClusterNetwork, DEFAULT_NETWORK, dnsAddresses, networkProblem, serviceFamilies } from "./cluster-addresses.ts";

const DUAL: ClusterNetwork = { ...DEFAULT_NETWORK, podCidrs: ["10.244.0.0/16", "fd00:10:244::/56"], serviceCidrs: ["10.96.0.0/16", "fd00:10:96::/112"] };

describe("a cluster's network", () => {
	it("has addresses for the API and DNS in each of its families", () => {
		expect([apiAddresses(DEFAULT_NETWORK), dnsAddresses(DEFAULT_NETWORK)]).toEqual([["10.96.0.1"], ["10.96.0.10"]]);
		expect([apiAddresses(DUAL), dnsAddresses(DUAL)]).toEqual([
			["10.96.0.1", "fd00:10:96::1"],
			["10.96.0.10", "fd00:10:96::a"],
		]);
		expect(serviceFamilies(DUAL)).toEqual(["IPv4", "IPv6"]);
		expect(canonicalNetwork({ ...DUAL, podCidrs: ["10.244.7.0/16", "FD00:10:244:0::1/56"] }).podCidrs).toEqual(DUAL.podCidrs);
	});

	it.each<[string, Partial<ClusterNetwork>, string | undefined]>([
		["is right", {}, undefined],
		["is right in IPv6 alone", { podCidrs: ["fd00:1::/56"], serviceCidrs: ["fd00:2::/112"] }, undefined],
		["has two ranges of one family", { serviceCidrs: ["10.96.0.0/16", "10.97.0.0/16"] }, "not configured as dual stack (at least one from each IPFamily)"],
		["has three ranges", { podCidrs: ["10.0.0.0/16", "fd00::/56", "10.2.0.0/16"] }, "--cluster-cidr must not contain more than two entries"],
		["has no range at all", { podCidrs: ["10.0.0.0"] }, "must be a valid CIDR value"],
		["has families that differ", { podCidrs: ["10.244.0.0/16"] }, "must have the same IP families in the same order"],
		["has too many Services", { serviceCidrs: ["10.96.0.0/16", "fd00:2::/48"] }, "for 128-bit addresses, the mask must be >= 64"],
		["has too many nodes", { podCidrs: ["10.244.0.0/16", "fd00:1::/40"] }, "New CIDR set failed; the node CIDR size is too big"],
		["has nodes that are larger than it", { nodeMaskSizes: { IPv4: 8, IPv6: 64 } }, "the size of the node CIDR mask for IPv4 must be between 16 and 30"],
		["has ranges that overlap", { serviceCidrs: ["10.244.8.0/24", "fd00:2::/112"] }, "the ranges 10.244.0.0/16 and 10.244.8.0/24 overlap"],
	])("%s", (_, part, problem) => {
		const found = networkProblem({ ...DUAL, ...part });
		if (problem === undefined) expect(found).toBeUndefined();
		else expect(found).toContain(problem);
	});
});
