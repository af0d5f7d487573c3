import { describe, expect, it } from "vitest";
import { cidr, ipAddress, ipFamily, nonSpecialAddress } from "./address.ts";
import {
	checkName,
	configMapKey,
	dns1035Label,
	dns1123Label,
	dns1123Subdomain,
	envVarName,
	labelValue,
	pathSegment,
	portName,
	portNumber,
	qualifiedName,
} from "./name-rules.ts";

const SUBDOMAIN_MESSAGE =
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_MESSAGE =
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

describe("name rules", () => {
	it("accept what upstream accepts", () => {
		expect(dns1123Subdomain("a.b-c.0")).toEqual([]);
		expect(dns1123Label("0a")).toEqual([]);
		expect(dns1035Label("web")).toEqual([]);
		expect(qualifiedName("example.com/My_Name.1")).toEqual([]);
		expect(labelValue("")).toEqual([]);
		expect(configMapKey("a_B-c.d")).toEqual([]);
		expect(envVarName("my var: ü".replace("ü", "u"))).toEqual([]);
		expect(portName("http-2")).toEqual([]);
	});

	it("say what is wrong in upstream's words", () => {
		expect(dns1123Subdomain("Foo")).toEqual([SUBDOMAIN_MESSAGE]);
		expect(dns1123Label("-a")).toEqual([LABEL_MESSAGE]);
		expect(dns1123Label("a".repeat(64))).toEqual(["must be no more than 63 bytes"]);
		expect(dns1035Label("1a")[0]).toMatch(/^a DNS-1035 label must consist of/);
		expect(qualifiedName("/a")).toEqual(["prefix part must be non-empty"]);
		expect(qualifiedName("a/b/c")[0]).toMatch(/^a qualified name must consist of .* with an optional DNS subdomain prefix/);
		expect(labelValue("a b")[0]).toMatch(/^a valid label must be an empty string or consist of/);
		expect(configMapKey("..")).toEqual(["must not be '..'"]);
		expect(configMapKey("..a")).toEqual(["must not start with '..'"]);
		expect(envVarName("a=b")).toEqual(["a valid environment variable name must consist only of printable ASCII characters other than '='"]);
		expect(portName("1234")).toEqual(["must contain at least one letter (a-z)"]);
		expect(portNumber(0)).toEqual(["must be between 1 and 65535, inclusive"]);
		expect(pathSegment("a/b")).toEqual(["may not contain '/'"]);
	});

	it("allow a hyphen at the end of a prefix", () => {
		expect(checkName("subdomain", "web-", true)).toEqual([]);
		expect(checkName("subdomain", "web-")).toEqual([SUBDOMAIN_MESSAGE]);
	});
});

describe("addresses", () => {
	it.each([
		["10.9.8.7", "IPv4"],
		["2001:db8::ffff", "IPv6"],
		["::ffff:1.2.3.4", "IPv6"],
		["::", "IPv6"],
		["1:2:3:4:5:6:7:8", "IPv6"],
		["010.0.0.1", undefined],
		["1.2.3", undefined],
		["1:2:3", undefined],
		["1::2::3", undefined],
		["fe80::1%eth0", undefined],
		["a.b.c.d", undefined],
	])("reads %s as %s", (text, family) => expect(ipFamily(text)).toBe(family));

	it("say what is wrong", () => {
		expect(ipAddress("x")).toEqual(["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]);
		expect(cidr("10.0.0.0/33")).toEqual(["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]);
		expect(cidr("10.0.0.0/8")).toEqual([]);
		expect(nonSpecialAddress("127.0.0.1")).toEqual(["may not be in the loopback range (127.0.0.0/8, ::1/128)"]);
		expect(nonSpecialAddress("127.128.0.1")).toHaveLength(1);
		expect(nonSpecialAddress("127.64.0.1")).toEqual([]);
		expect(nonSpecialAddress("0.0.0.0")).toEqual(['may not be unspecified ("0.0.0.0")']);
		expect(nonSpecialAddress("10.0.0.1")).toEqual([]);
	});
});
