/** Each IP family of a node has its own rules: of a Service's addresses and endpoints those of the family, in nftables' words for it. */
import { describe, expect, it } from "vitest";
import type { ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { DEFAULT_NETWORK } from "../../core/protocol/cluster-addresses.ts";
import { familyNetworks, inFamily, NFT_FAMILIES } from "./nft-family.ts";
import { serviceElements } from "./nft-rules.ts";
import { serviceInFamily } from "./service-families.ts";
import { baseTable, ServiceTable } from "./service-table.ts";

const DUAL = { ...DEFAULT_NETWORK, podCidrs: ["10.244.0.0/16", "fd00:10:244::/56"], serviceCidrs: ["10.96.0.0/16", "fd00:10:96::/112"] };
const WEB: ServiceEntry = {
	namespace: "default",
	name: "web",
	type: "LoadBalancer",
	clusterIP: "10.96.0.20",
	clusterIPs: ["10.96.0.20", "fd00:10:96::20"],
	sessionAffinity: "None",
	affinityTimeoutSeconds: 10_800,
	ports: [
		{
			name: "",
			protocol: "TCP",
			port: 80,
			nodePort: 30_080,
			endpoints: [
				{ ip: "10.244.0.2", port: 8080, node: "here" },
				{ ip: "fd00:10:244::2", port: 8080, node: "here" },
			],
		},
	],
	externalIPs: ["192.0.2.4", "2001:db8::4"],
	sourceRanges: ["192.0.2.0/24"],
};

describe("a Service of both families", () => {
	it("has in each the addresses and endpoints of that family", () => {
		expect(serviceInFamily(WEB, "ip6")).toMatchObject({
			clusterIP: "fd00:10:96::20",
			ports: [{ nodePort: 30_080, endpoints: [{ ip: "fd00:10:244::2" }] }],
			externalIPs: ["2001:db8::4"],
			sourceRanges: [],
		});
		expect(serviceInFamily(WEB, "ip")).toMatchObject({ clusterIP: "10.96.0.20", ports: [{ endpoints: [{ ip: "10.244.0.2" }] }], externalIPs: ["192.0.2.4"] });
	});

	it("is none of a family's where it has no address of it, with its node port", () => {
		expect(serviceInFamily({ ...WEB, clusterIPs: ["10.96.0.20"] }, "ip6")).toBeUndefined();
		expect(serviceInFamily({ ...WEB, clusterIP: "None", clusterIPs: ["None"] }, "ip")).toBeUndefined();
	});

	it("becomes IPv6's elements and rules", () => {
		const node = { name: "here", family: "ip6" as const, zoneOf: () => undefined, stickyMark: () => "0x5e700001" };
		const own = serviceInFamily(WEB, "ip6") as ServiceEntry;
		const table = new ServiceTable("t", "ip6");
		const statements = table.change(new Map([["web", serviceElements(own, node, (message) => expect.fail(message))]]));
		expect(statements).toContain("add element ip6 t node-endpoints { tcp . 30080 . 0 : fd00:10:244::2 . 8080 }");
		expect(statements.join("\n")).toContain("fd00:10:96::20 . tcp . 80 . 0 : fd00:10:244::2 . 8080");
		const sticky = new ServiceTable("t", "ip6").change(
			new Map([["web", serviceElements({ ...own, sessionAffinity: "ClientIP" }, node, (message) => expect.fail(message))]]),
		);
		expect(sticky).toContain(
			"add rule ip6 t node-endpoints-stick-1 dnat ip6 to meta l4proto . th dport . jhash ip6 saddr mod 1 seed 24176 map @node-endpoints",
		);
		expect(sticky.join("\n")).not.toContain("sticky-");
		expect(statements).toContain("add rule ip6 t endpoints-pick-1 dnat ip6 to ip6 daddr . meta l4proto . th dport . numgen random mod 1 map @endpoints");
	});
});

describe("the tables of the families", () => {
	it("name nothing of the other family", () => {
		const [four, six] = familyNetworks(DUAL).map((network) => baseTable("t", network));
		expect([four, six].map((text) => text?.split(" ").slice(0, 2).join(" "))).toEqual(["table ip", "table ip6"]);
		expect(four).not.toMatch(/ip6|ipv6|fd00/);
		expect(six).toContain("chain refuse-prerouting");
		expect(six).not.toMatch(/ipv4_addr|\bip (saddr|daddr|to)\b|127\.0\.0|10\.96|10\.244/);
	});

	it("have the cluster's own addresses of each family", () => {
		expect(familyNetworks(DUAL)).toEqual([
			{ family: "ip", podCidr: "10.244.0.0/16", serviceCidr: "10.96.0.0/16", apiAddress: "10.96.0.1", dnsAddress: "10.96.0.10" },
			{ family: "ip6", podCidr: "fd00:10:244::/56", serviceCidr: "fd00:10:96::/112", apiAddress: "fd00:10:96::1", dnsAddress: "fd00:10:96::a" },
		]);
		expect(NFT_FAMILIES.map((family) => inFamily(family, "ip saddr 1 dnat ip to ip daddr map @x { type ipv4_addr }"))).toEqual([
			"ip saddr 1 dnat ip to ip daddr map @x { type ipv4_addr }",
			"ip6 saddr 1 dnat ip6 to ip6 daddr map @x { type ipv6_addr }",
		]);
	});
});
