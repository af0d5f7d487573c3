import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import { migrate } from "../store/migrate.ts";
import type { AllocationRequest } from "../core/kinds/define-kind.ts";
import { Allocator, NODE_PORT_MAX, NODE_PORT_MIN } from "./allocator.ts";

function allocatorOf(...cidrs: string[]): Allocator {
	const sql = new NodeSql();
	migrate(sql);
	return new Allocator(sql, () => 0, cidrs.length > 0 ? () => cidrs : undefined);
}
const ANY: AllocationRequest = { clusterIPs: [{ family: "IPv4", address: "" }], nodePorts: [] };
const port = (number: number, nodePort = 0, protocol = "TCP") => ({ port: number, protocol, nodePort });

describe("node ports", () => {
	it("come from the upper band first, and the lower one when that is full", () => {
		const allocator = allocatorOf();
		const drawn = () => allocator.allocate("default/drawn", { nodePorts: [port(80)] }, true).nodePorts[0]?.nodePort;
		const takeAll = (holder: string, from: number, to: number) => {
			const nodePorts = Array.from({ length: to - from + 1 }, (_, i) => port(i + 1, from + i));
			allocator.allocate(holder, { nodePorts }, false);
		};
		expect(drawn()).toBe(NODE_PORT_MIN + 86);
		takeAll("default/upper", NODE_PORT_MIN + 86, NODE_PORT_MAX);
		expect(drawn()).toBe(NODE_PORT_MIN);
		takeAll("default/lower", NODE_PORT_MIN, NODE_PORT_MIN + 85);
		expect(drawn).toThrow("failed to allocate a nodePort: range is full");
	});

	it("are one number for one port in several protocols, and different ones for different ports", () => {
		const { nodePorts } = allocatorOf().allocate("default/dns", { nodePorts: [port(53, 0, "UDP"), port(53), port(80)] }, false);
		expect(nodePorts.map(({ nodePort }) => nodePort - NODE_PORT_MIN)).toEqual([86, 86, 87]);
	});
});

describe("addresses", () => {
	it("come from the upper band first, then the lower, then the next network, and never are the network's or broadcast's", () => {
		const allocator = allocatorOf("10.0.0.0/27", "10.1.0.0/30");
		const given = Array.from({ length: 32 }, (_, i) => allocator.allocate(`default/s${i}`, ANY, false).clusterIPs?.[0]);
		expect(given.slice(0, 2)).toEqual(["10.0.0.17", "10.0.0.18"]);
		expect(new Set(given).size).toBe(32);
		expect(given.slice(-2)).toEqual(["10.1.0.1", "10.1.0.2"]);
		expect(given).not.toContain("10.0.0.0");
		expect(given).not.toContain("10.0.0.31");
		expect(() => allocator.allocate("default/late", ANY, false)).toThrow("range is full");
		allocator.release("default/s3");
		expect(allocator.allocate("default/late", ANY, false).clusterIPs?.[0]).toBe(given[3]);
	});

	it("are of each family that is asked for, and held until they are let go", () => {
		const allocator = allocatorOf("10.0.0.0/24", "fd00:1::/112");
		const both: AllocationRequest = {
			clusterIPs: [
				{ family: "IPv6", address: "" },
				{ family: "IPv4", address: "10.0.0.7" },
			],
			nodePorts: [],
		};
		const { clusterIPs = [] } = allocator.allocate("default/web", both, false);
		expect(clusterIPs).toEqual(["fd00:1::101", "10.0.0.7"]);
		expect(allocator.allocate("default/web", both, false).clusterIPs).toEqual(clusterIPs);
		const taken: AllocationRequest = { clusterIPs: [{ family: "IPv6", address: "fd00:1:0::101" }], nodePorts: [] };
		expect(() => allocator.allocate("default/other", taken, false)).toThrow("provided IP is already allocated");
		allocator.allocate("default/web", { clusterIPs: [{ family: "IPv4", address: "10.0.0.7" }], nodePorts: [] }, false);
		expect(allocator.addressesOf("default/web")).toEqual(["10.0.0.7"]);
		expect(allocator.allocate("default/other", taken, false).clusterIPs).toEqual(["fd00:1:0::101"]);
		const far: AllocationRequest = { clusterIPs: [{ family: "IPv6", address: "fd00:2::1" }], nodePorts: [] };
		expect(() => allocator.allocate("default/far", far, false)).toThrow("The range of valid IPs is fd00:1::/112");
	});
});
