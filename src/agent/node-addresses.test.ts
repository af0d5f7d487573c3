/** A node is known by an address of each IP family of the cluster, and keeps it while its link is down. */
import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { nodeAddresses } from "./node-addresses.ts";

const one = (address: string, internal = false): NetworkInterfaceInfo =>
	({ address, family: address.includes(":") ? "IPv6" : "IPv4", internal }) as NetworkInterfaceInfo;
const LOOPBACK = { lo: [one("127.0.0.1", true), one("::1", true), one("10.96.0.1", true)] };
const MACHINE = {
	...LOOPBACK,
	ptx: [one("10.244.1.0"), one("fd00:10:244:1::"), one("fe80::1")],
	eth0: [one("169.254.3.4"), one("192.0.2.7"), one("fe80::2"), one("2001:db8::7")],
};
const V4 = "10.244.1.0/24";
const V6 = "fd00:10:244:1::/64";

describe("the addresses of a node", () => {
	it("are those of the machine's own links, of the cluster's families in their order", () => {
		expect(nodeAddresses([V4], [], MACHINE)).toEqual(["192.0.2.7"]);
		expect(nodeAddresses([V4, V6], [], MACHINE)).toEqual(["192.0.2.7", "2001:db8::7"]);
		expect(nodeAddresses([V6, V4], [], MACHINE)).toEqual(["2001:db8::7", "192.0.2.7"]);
		expect(nodeAddresses([V6], [], MACHINE)).toEqual(["2001:db8::7"]);
		expect(nodeAddresses([], [], { eth0: MACHINE.eth0 })).toEqual(["192.0.2.7"]);
	});

	it("stay while a link without a carrier shows none", () => {
		expect(nodeAddresses([V4], ["192.0.2.7"], LOOPBACK)).toEqual(["192.0.2.7"]);
		expect(nodeAddresses([V4, V6], ["192.0.2.7", "2001:db8::7"], { eth0: [one("192.0.2.8")] })).toEqual(["192.0.2.8", "2001:db8::7"]);
	});

	it("are loopback's on a machine without any other, and one family's where the machine has no other", () => {
		expect(nodeAddresses([V4], [], LOOPBACK)).toEqual(["127.0.0.1"]);
		expect(nodeAddresses([V6], [], LOOPBACK)).toEqual(["::1"]);
		expect(nodeAddresses([V4, V6], [], { eth0: [one("192.0.2.7")] })).toEqual(["192.0.2.7"]);
	});
});
