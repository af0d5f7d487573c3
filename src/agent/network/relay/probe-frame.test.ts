import { describe, expect, it } from "vitest";
import { decodeProbe, destinationMac, encodeProbe, probeFrame } from "./probe-frame.ts";

const own = { mac: "0a:58:0a:f4:01:00", address: "10.244.1.0" };
const other = { mac: "0a:58:0a:f4:02:00", address: "10.244.2.0" };

describe("a probe", () => {
	it("is a VXLAN frame around Ethernet, IPv4 and UDP, as the kernel of the other node takes it", () => {
		const vxlan = "08000000 001cb100";
		const ethernet = "0a580af40200 0a580af40100 0800";
		const ip = "4500 0025 0000 0000 40 11 61e1 0af40100 0af40200";
		const udp = "2119 2119 0011 0000";
		const frame = `${vxlan}${ethernet}${ip}${udp}70747231 00 00000007`;
		expect(probeFrame(own, other, { answer: false, nonce: 7 }).toString("hex")).toBe(frame.replaceAll(" ", ""));
	});

	it("is known again, and nothing else is one", () => {
		for (const probe of [
			{ answer: false, nonce: 0 },
			{ answer: true, nonce: 0xffff_ffff },
		])
			expect(decodeProbe(encodeProbe(probe))).toEqual(probe);
		expect([Buffer.alloc(0), Buffer.alloc(9), Buffer.alloc(2_000)].map(decodeProbe)).toEqual([undefined, undefined, undefined]);
	});

	it("says whom a frame is for", () => {
		expect(destinationMac(probeFrame(own, other, { answer: true, nonce: 1 }))).toBe(other.mac);
		expect(destinationMac(Buffer.alloc(21))).toBeUndefined();
	});
});
