import { expect, it } from "vitest";
import { hostAndPort, localAddress, parseListenAddress } from "./listen-address.ts";

it("takes addresses of this machine, and all of them", () => {
	for (const address of ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::"]) expect(parseListenAddress(address)).toBe(address);
	for (const address of ["192.0.2.255", "localhost", "", "6443"]) expect(() => parseListenAddress(address)).toThrow(/is no address of this machine\.$/);
});

it("reaches what listens everywhere over the loopback", () => {
	expect(localAddress("0.0.0.0")).toBe("127.0.0.1");
	expect(hostAndPort(localAddress("::"), 6443)).toBe("[::1]:6443");
	expect(hostAndPort(localAddress("127.0.0.2"), 6443)).toBe("127.0.0.2:6443");
});
