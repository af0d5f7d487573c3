import { describe, expect, test } from "vitest";
import type { EndpointEntry, ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { localEndpointCount, type NodeView, pickRules, serviceElements, type SetName } from "./nft-rules.ts";
import { ServiceTable } from "./service-table.ts";

const ZONES: Record<string, string> = { here: "a", near: "a", far: "b" };
const node: NodeView = { name: "here", family: "ip", zoneOf: (name) => ZONES[name], stickyMark: () => "0x5e700001" };
const on = (name: string, last: number): EndpointEntry => ({ ip: `10.244.0.${last}`, port: 8080, node: name });
const ALL = [on("here", 2), on("near", 3), on("far", 4)];

function service(part: Partial<ServiceEntry>, endpoints = ALL, nodePort?: number, draining?: EndpointEntry[]): ServiceEntry {
	const port = { name: "", protocol: "TCP" as const, port: 80, endpoints, ...(nodePort ? { nodePort } : {}), ...(draining ? { draining } : {}) };
	return {
		namespace: "default",
		name: "web",
		type: "ClusterIP",
		clusterIP: "10.96.0.20",
		sessionAffinity: "None",
		affinityTimeoutSeconds: 10_800,
		ports: [port],
		...part,
	};
}

const ignore = (): void => undefined;
const of = (entry: ServiceEntry, set: SetName): string[] =>
	[...(serviceElements(entry, node, ignore).sets.get(set) ?? [])].map(([key, value]) => (value === "" ? key : `${key} : ${value}`));
/** The last numbers of the endpoints behind a map. */
const leads = (entry: ServiceEntry, set: SetName): number[] => of(entry, set).map((element) => Number(/\.(\d+) \. 8080$/.exec(element)?.[1]));

describe("a Service's elements", () => {
	test("its address leads to its endpoints; without any it is refused", () => {
		expect(of(service({}), "services")).toEqual(["10.96.0.20 . tcp . 80 : goto endpoints-pick-3"]);
		expect(of(service({}), "endpoints")[1]).toBe("10.96.0.20 . tcp . 80 . 1 : 10.244.0.3 . 8080");
		expect(of(service({}, []), "rejected")).toEqual(["10.96.0.20 . tcp . 80"]);
		expect(of(service({}, [], 30_080), "rejected-node-ports")).toEqual(["tcp . 30080"]);
		expect(of(service({ clusterIP: "None" }), "services")).toEqual([]);
	});

	test("internalTrafficPolicy Local keeps to this node, or says nothing", () => {
		expect(leads(service({ internalTrafficPolicy: "Local" }), "endpoints")).toEqual([2]);
		expect(leads(service({ internalTrafficPolicy: "Local" }, [on("far", 4)], undefined, [on("here", 9)]), "endpoints")).toEqual([9]);
		expect(of(service({ internalTrafficPolicy: "Local" }, [on("far", 4)]), "dropped")).toEqual(["10.96.0.20 . tcp . 80"]);
	});

	test("externalTrafficPolicy Local keeps the outside to this node and its address, not the inside", () => {
		const local = service({ externalTrafficPolicy: "Local", externalIPs: ["192.0.2.4"] }, ALL, 30_080);
		expect(leads(local, "node-endpoints")).toEqual([2]);
		expect(leads(local, "inside-node-endpoints")).toEqual([2, 3, 4]);
		expect(of(local, "masqueraded-node-ports")).toEqual([]);
		expect(of(local, "inside-services")).toEqual(["192.0.2.4 . tcp . 80 : goto inside-endpoints-pick-3"]);
		const none = service({ externalTrafficPolicy: "Local", externalIPs: ["192.0.2.4"] }, [on("far", 4)], 30_080);
		expect([of(none, "dropped-node-ports"), of(none, "dropped-outside")]).toEqual([["tcp . 30080"], ["192.0.2.4 . tcp . 80"]]);
		expect(leads(none, "endpoints")).toEqual([4]);
		const cluster = service({ externalIPs: ["192.0.2.4"] }, ALL, 30_080);
		expect([of(cluster, "masqueraded-node-ports"), of(cluster, "masqueraded")]).toEqual([["tcp . 30080"], ["192.0.2.4 . tcp . 80"]]);
		expect([localEndpointCount(local, node), localEndpointCount(none, node)]).toEqual([1, 0]);
	});

	test("trafficDistribution prefers what is near while there is some", () => {
		expect(leads(service({ trafficDistribution: "PreferClose" }), "endpoints")).toEqual([2, 3]);
		expect(leads(service({ trafficDistribution: "PreferSameZone" }, [on("far", 4)]), "endpoints")).toEqual([4]);
		expect(leads(service({ trafficDistribution: "PreferSameNode" }), "endpoints")).toEqual([2]);
		expect(leads(service({ trafficDistribution: "PreferSameNode" }, [on("near", 3), on("far", 4)]), "endpoints")).toEqual([3]);
	});

	test("loadBalancerSourceRanges are who may connect to its outside addresses", () => {
		const ranged = service({ externalIPs: ["192.0.2.4"], sourceRanges: ["198.51.100.0/24"] });
		expect(of(ranged, "restricted")).toEqual(["192.0.2.4 . tcp . 80"]);
		expect(of(ranged, "allowed-sources")).toEqual(["192.0.2.4 . tcp . 80 . 198.51.100.0/24"]);
	});

	test("ClientIP affinity remembers by a mark of the port's own", () => {
		const sticky = serviceElements(service({ sessionAffinity: "ClientIP", affinityTimeoutSeconds: 60 }), node, ignore);
		expect([...sticky.stickiness]).toEqual([["0x5e700001", 60]]);
		expect([...(sticky.sets.get("sticky-ids") ?? [])]).toEqual([["10.96.0.20 . tcp . 80", "0x5e700001"]]);
		expect(pickRules({ map: "endpoints", count: 3, sticky: true })[1]).toContain("@affinity");
	});

	test("what is no address never reaches nft, and is named; an agent's own Service is left alone", () => {
		const skipped: string[] = [];
		const bad = serviceElements(service({}, [{ ip: "evil.example", port: 80 }]), node, (message) => skipped.push(message));
		expect(skipped).toEqual([expect.stringContaining("default/web port 80")]);
		expect(bad.sets.size).toBe(0);
		expect(serviceElements(service({}, [{ ip: "10.96.0.20", port: 80 }]), node, ignore).sets.size).toBe(0);
	});
});

describe("the Service table", () => {
	const elements = (entry: ServiceEntry) => serviceElements(entry, node, ignore);

	test("says only what changed, deletions before additions", () => {
		const table = new ServiceTable("t");
		table.change(
			new Map([
				["a", elements(service({}, [on("here", 2)]))],
				["b", elements(service({ clusterIP: "10.96.0.21" }, [on("here", 2)]))],
			]),
		);
		expect(table.change(new Map([["a", elements(service({}, [on("here", 3)]))]]))).toEqual([
			"delete element ip t endpoints { 10.96.0.20 . tcp . 80 . 0 }",
			"add element ip t endpoints { 10.96.0.20 . tcp . 80 . 0 : 10.244.0.3 . 8080 }",
			"add element ip t hairpins { 10.244.0.3 . 10.244.0.3 }",
		]);
		expect(table.change(new Map([["a", elements(service({}, [on("here", 3)]))]]))).toEqual([]);
		const gone = table.change(
			new Map([
				["a", undefined],
				["b", undefined],
			]),
		);
		expect(gone.slice(0, -2).every((statement) => statement.startsWith("delete element"))).toBe(true);
		expect(gone.slice(-2)).toEqual(["flush chain ip t endpoints-pick-1", "delete chain ip t endpoints-pick-1"]);
		expect(table.all()).toEqual([]);
	});

	test("has a rule for a number of endpoints as long as some Service has that many", () => {
		const table = new ServiceTable("t");
		const chains = (entry: ServiceEntry | undefined) => table.change(new Map([["a", entry && elements(entry)]])).filter((one) => / chain ip t /.test(one));
		chains(service({}, ALL));
		expect(chains(service({}, ALL.slice(1)))).toEqual([
			"add chain ip t endpoints-pick-2",
			"flush chain ip t endpoints-pick-2",
			"flush chain ip t endpoints-pick-3",
			"delete chain ip t endpoints-pick-3",
		]);
		expect(chains(service({}, ALL.slice(0, 2)))).toEqual([]);
		expect(chains(undefined)).toEqual(["flush chain ip t endpoints-pick-2", "delete chain ip t endpoints-pick-2"]);
	});

	test("keeps what two Services share until both are gone", () => {
		const table = new ServiceTable("t");
		const [first, second] = [service({ clusterIP: "10.96.0.20" }, [on("here", 2)]), service({ clusterIP: "10.96.0.21" }, [on("here", 2)])];
		table.change(
			new Map([
				["a", elements(first)],
				["b", elements(second)],
			]),
		);
		expect(table.change(new Map([["a", undefined]])).join()).not.toContain("hairpins");
		expect(table.change(new Map([["b", undefined]])).join()).toContain("delete element ip t hairpins { 10.244.0.2 . 10.244.0.2 }");
	});
});
