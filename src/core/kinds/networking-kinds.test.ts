import { describe, expect, it } from "vitest";
import { cells, created, refusals, updateRefusals } from "../../../test/support/judged.ts";
import { canonicalAddress, canonicalCidr, isStrictSubnet, strictIpAddress } from "../meta/address.ts";
import type { Ingress, NetworkPolicy } from "../schema/kubernetes.d.ts";

const backend = { service: { name: "web", port: { number: 80 } } };
const rule = (path: object, host?: string) => ({ spec: { rules: [{ ...(host === undefined ? {} : { host }), http: { paths: [{ backend, ...path }] } }] } });
const root = { path: "/", pathType: "Prefix" };

describe("an Ingress", () => {
	it.each<[string, object, string[]]>([
		["a rule", rule(root, "*.example.com"), []],
		["nothing", { spec: {} }, ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]],
		["an address for a host", rule(root, "1.2.3.4"), ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address']],
		["no path type", rule({ path: "/" }), ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"]],
		[
			"an unknown path type",
			rule({ path: "/", pathType: "Regex" }),
			['spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"'],
		],
		["a relative path", rule({ ...root, path: "a" }), ['spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path']],
		["a path that climbs", rule({ ...root, path: "/a/.." }), ["spec.rules[0].http.paths[0].path: Invalid value: \"/a/..\": cannot end with '/..'"]],
		["no backend", rule({ ...root, backend: {} }), ['spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required']],
		[
			"a port twice",
			{ spec: { defaultBackend: { service: { name: "web", port: { name: "http", number: 80 } } } } },
			['spec.defaultBackend: Invalid value: "": cannot set both port name & port number'],
		],
		["no port", { spec: { defaultBackend: { service: { name: "web" } } } }, ["spec.defaultBackend: Required value: port name or number is required"]],
		[
			"two classes",
			{ metadata: { name: "a", annotations: { "kubernetes.io/ingress.class": "x" } }, spec: { ingressClassName: "y", defaultBackend: backend } },
			['annotations.kubernetes.io/ingress.class: Invalid value: "x": must match `ingressClassName` when both are specified'],
		],
	])("with %s", (_, body, errors) => expect(refusals("Ingress", body)).toEqual(errors));

	it("shows its first hosts, its addresses and its ports", () => {
		const hosts = ["a", "b", "c", "d"].map((host) => ({ host: `${host}.io` }));
		const ingress = created<Ingress>("Ingress", { spec: { rules: hosts, tls: [{}] } });
		expect(cells("Ingress", ingress)).toEqual({ Class: "<none>", Hosts: "a.io,b.io,c.io + 1 more...", Address: "", Ports: "80, 443" });
		ingress.status = { loadBalancer: { ingress: [{ ip: "2.2.2.2" }, { hostname: "lb" }, { ip: "1.1.1.1" }] } };
		expect(cells("Ingress", ingress).Address).toBe("1.1.1.1,2.2.2.2,lb");
	});
});

describe("an IngressClass", () => {
	it.each<[object, string[]]>([
		[{ controller: "example.com/ingress" }, []],
		[{}, ["spec.controller: Required value"]],
		[{ controller: "ingress" }, ['spec.controller: Invalid value: "ingress": must be a domain-prefixed path (such as "acme.io/foo")']],
		[
			{ controller: "example.com/i", parameters: { kind: "C", name: "c", scope: "Namespace" } },
			["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
		],
		[
			{ controller: "example.com/i", parameters: { kind: "C", name: "c", namespace: "n" } },
			["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
		],
	])("of %j", (spec, errors) => expect(refusals("IngressClass", { spec })).toEqual(errors));

	it("keeps its controller", () =>
		expect(updateRefusals("IngressClass", { spec: { controller: "a.io/b" } }, { spec: { controller: "a.io/c" } })).toEqual([
			'spec.controller: Invalid value: "a.io/c": field is immutable',
		]));
});

describe("a NetworkPolicy", () => {
	it("is for what it has rules for", () => {
		const types = (spec: object) => created<NetworkPolicy>("NetworkPolicy", { spec }).spec?.policyTypes;
		expect(types({})).toEqual(["Ingress"]);
		expect(types({ egress: [{}] })).toEqual(["Ingress", "Egress"]);
		expect(created<NetworkPolicy>("NetworkPolicy", { spec: { ingress: [{ ports: [{ port: 1 }] }] } }).spec?.ingress?.[0]?.ports?.[0]?.protocol).toBe("TCP");
	});

	it.each<[object, string]>([
		[{ ports: [{ port: 80, endPort: 70 }] }, "spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to `port`"],
		[{ ports: [{ port: "http", endPort: 70 }] }, "spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is non-numeric"],
		[{ ports: [{ endPort: 70 }] }, "spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is not specified"],
		[{ from: [{}] }, "spec.ingress[0].from[0]: Required value: must specify a peer"],
		[{ from: [{ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }] }, "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"],
		[
			{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/9"] } }] },
			'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/9": must be a strict subset of `cidr`',
		],
	])("with %j", (ingress, error) => expect(refusals("NetworkPolicy", { spec: { ingress: [ingress] } })).toEqual([error]));
});

describe("addresses and networks", () => {
	it.each([
		["0:0:0:0:0:0:0:0", "::"],
		["0001:002:03:4::", "1:2:3:4::"],
		["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
		["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
		["1.2.3.4", "1.2.3.4"],
		["nothing", undefined],
	])("%s is %s", (text, canonical) => expect(canonicalAddress(text)).toBe(canonical));

	it("are named in their one form", () => {
		expect(strictIpAddress("1234::ABCD")).toEqual(['must be in canonical form ("1234::abcd")']);
		expect(strictIpAddress("::ffff:1.1.1.1")).toEqual(["must not be an IPv4-mapped IPv6 address"]);
		expect(canonicalCidr("10.1.2.3/8")).toBe("10.0.0.0/8");
		expect(canonicalCidr("2001:db8::1/64")).toBe("2001:db8::/64");
		expect([isStrictSubnet("10.1.0.0/16", "10.0.0.0/8"), isStrictSubnet("10.0.0.0/8", "10.0.0.0/8"), isStrictSubnet("::/64", "10.0.0.0/8")]).toEqual([
			true,
			false,
			false,
		]);
	});

	it("belong to somebody", () => {
		expect(refusals("IPAddress", { spec: {} })).toEqual(["spec.parentRef: Required value"]);
		expect(refusals("IPAddress", { spec: { parentRef: {} } })).toEqual(["spec.parentRef.resource: Required value", "spec.parentRef.name: Required value"]);
		const parentRef = { group: "apps", resource: "things", namespace: "n", name: "a" };
		expect(cells("IPAddress", created("IPAddress", { spec: { parentRef } }))).toEqual({ ParentRef: "things.apps/n/a" });
	});

	it.each<[string[], string[]]>([
		[["10.0.0.0/24", "2001:db8::/64"], []],
		[[], ["spec.cidrs: Required value: at least one CIDR required"]],
		[["10.0.0.1/24"], ['spec.cidrs[0]: Invalid value: "10.0.0.1/24": must be in canonical form ("10.0.0.0/24")']],
		[
			["10.0.0.0/24", "10.1.0.0/24"],
			['spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'],
		],
	])("of Services: %j", (cidrs, errors) => expect(refusals("ServiceCIDR", { spec: { cidrs } })).toEqual(errors));

	it("of Services stay; a second family may join", () => {
		const update = (next: string[]) => updateRefusals("ServiceCIDR", { spec: { cidrs: ["10.0.0.0/24"] } }, { spec: { cidrs: next } });
		expect(update(["10.0.0.0/24", "2001:db8::/64"])).toEqual([]);
		expect(update(["10.1.0.0/24"])).toEqual(['spec.cidrs[0]: Invalid value: "10.1.0.0/24": field is immutable']);
		expect(update([])).toEqual(["spec.cidrs: Invalid value: []: field is immutable"]);
	});
});
