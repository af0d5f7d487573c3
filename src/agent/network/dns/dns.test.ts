import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Resolver } from "node:dns/promises";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ServiceEntry } from "../../../core/protocol/agent-protocol.ts";
import { ClusterZone } from "./cluster-zone.ts";
import { DnsServer } from "./dns-server.ts";
import { RCODE, readQuery, readRecords, type Reply, TYPE, writeQuery, writeReply } from "./dns-message.ts";
import { Forwarder } from "./forwarder.ts";

const service = (part: Partial<ServiceEntry>): ServiceEntry => ({
	namespace: "default",
	name: "web",
	type: "ClusterIP",
	clusterIP: "10.96.0.20",
	sessionAffinity: "None",
	affinityTimeoutSeconds: 10_800,
	ports: [{ name: "http", protocol: "TCP", port: 80, endpoints: [{ ip: "10.244.1.2", port: 8080 }] }],
	...part,
});
const HOSTS = [{ ip: "10.244.1.2", hostname: "db-0" }, { ip: "10.244.1.3" }];
const HEADLESS = service({
	name: "db",
	clusterIP: "None",
	hosts: HOSTS,
	ports: [{ name: "sql", protocol: "TCP", port: 5432, endpoints: HOSTS.map((host) => ({ ...host, port: 5432 })) }],
});

function zoneOf(...services: ServiceEntry[]): ClusterZone {
	const zone = new ClusterZone("cluster.local");
	for (const one of services) zone.set(one.namespace, one.name, one);
	return zone;
}

/** Each record as a line; a negative answer as its code. */
function ask(zone: ClusterZone, name: string, type: keyof typeof TYPE): string[] | string {
	const answer = zone.answer(name, TYPE[type]);
	if (answer === "outside") return "outside";
	const reply: Reply = "alias" in answer ? answer.reply : answer;
	if (reply.answers.length > 0) return reply.answers.map(({ data: { type: _, ...rest } }) => Object.values(rest).join(" "));
	expect(reply.authorities[0]?.data.type).toBe(TYPE.SOA);
	return reply.rcode === RCODE.NXDOMAIN ? "NXDOMAIN" : "NODATA";
}

describe("the zone of a cluster of both IP families", () => {
	const both = service({ clusterIPs: ["10.96.0.20", "fd00:10:96::20"] });
	const hosts = [...HOSTS, { ip: "fd00:10:244:1::2", hostname: "db-0" }];
	const ports = [{ name: "sql", protocol: "TCP" as const, port: 5432, endpoints: hosts.map((host) => ({ ...host, port: 5432 })) }];
	const zone = new ClusterZone("cluster.local", ["10.96.0.10", "fd00:10:96::a"]);
	for (const one of [both, { ...HEADLESS, hosts, ports }]) zone.set(one.namespace, one.name, one);

	test.each([
		["web.default.svc.cluster.local", "A", ["10.96.0.20"]],
		["web.default.svc.cluster.local", "AAAA", ["fd00:10:96::20"]],
		["_http._tcp.web.default.svc.cluster.local", "SRV", ["0 100 80 web.default.svc.cluster.local"]],
		["db-0.db.default.svc.cluster.local", "AAAA", ["fd00:10:244:1::2"]],
		["_sql._tcp.db.default.svc.cluster.local", "SRV", ["0 50 5432 db-0.db.default.svc.cluster.local", "0 50 5432 10-244-1-3.db.default.svc.cluster.local"]],
		[`0.2.0.0.${"0.".repeat(16)}6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa`, "PTR", ["web.default.svc.cluster.local"]],
		[`2.0.0.0.${"0.".repeat(12)}1.0.0.0.4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa`, "PTR", ["db-0.db.default.svc.cluster.local"]],
		["fd00-10-244-1--9.default.pod.cluster.local", "AAAA", ["fd00:10:244:1::9"]],
		["ns.dns.cluster.local", "AAAA", ["fd00:10:96::a"]],
	] as const)("answers %s %s", (name, type, expected) => {
		expect(ask(zone, name, type)).toEqual(expected);
	});
});

describe("the cluster's zone", () => {
	const zone = zoneOf(service({}), HEADLESS, service({ name: "away", type: "ExternalName", clusterIP: "", externalName: "example.com", ports: [] }));

	test.each([
		["web.default.svc.cluster.local", "A", ["10.96.0.20"]],
		["WEB.Default.svc.CLUSTER.local", "A", ["10.96.0.20"]],
		["web.default.svc.cluster.local", "AAAA", "NODATA"],
		["db.default.svc.cluster.local", "A", ["10.244.1.2", "10.244.1.3"]],
		["db-0.db.default.svc.cluster.local", "A", ["10.244.1.2"]],
		["10-244-1-3.db.default.svc.cluster.local", "A", ["10.244.1.3"]],
		["db-1.db.default.svc.cluster.local", "A", "NXDOMAIN"],
		["_http._tcp.web.default.svc.cluster.local", "SRV", ["0 100 80 web.default.svc.cluster.local"]],
		["_http._udp.web.default.svc.cluster.local", "SRV", "NXDOMAIN"],
		["_sql._tcp.db.default.svc.cluster.local", "SRV", ["0 50 5432 db-0.db.default.svc.cluster.local", "0 50 5432 10-244-1-3.db.default.svc.cluster.local"]],
		["away.default.svc.cluster.local", "A", ["example.com"]],
		["none.default.svc.cluster.local", "A", "NXDOMAIN"],
		["default.svc.cluster.local", "A", "NODATA"],
		["none.svc.cluster.local", "A", "NXDOMAIN"],
		["svc.cluster.local", "A", "NODATA"],
		["cluster.local", "A", "NODATA"],
		["other.cluster.local", "A", "NXDOMAIN"],
		["10-244-1-9.default.pod.cluster.local", "A", ["10.244.1.9"]],
		["some.default.pod.cluster.local", "A", "NXDOMAIN"],
		["ns.dns.cluster.local", "A", ["10.96.0.10"]],
		["dns-version.cluster.local", "TXT", ["1.1.0"]],
		["20.0.96.10.in-addr.arpa", "PTR", ["web.default.svc.cluster.local"]],
		["2.1.244.10.in-addr.arpa", "PTR", ["db-0.db.default.svc.cluster.local"]],
		["9.9.9.9.in-addr.arpa", "PTR", "outside"],
		["example.com", "A", "outside"],
		["notcluster.local", "A", "outside"],
	] as const)("%s %s", (name, type, expected) => {
		expect(ask(zone, name, type)).toEqual(expected);
	});

	test("forgets what is gone", () => {
		const changing = zoneOf(service({}), HEADLESS);
		changing.set("default", "web", undefined);
		changing.set("default", "db", { ...HEADLESS, hosts: [], ports: [] });
		expect(ask(changing, "web.default.svc.cluster.local", "A")).toBe("NXDOMAIN");
		expect(ask(changing, "db.default.svc.cluster.local", "A")).toBe("NXDOMAIN");
		expect(ask(changing, "2.1.244.10.in-addr.arpa", "PTR")).toBe("outside");
		expect(ask(changing, "default.svc.cluster.local", "A")).toBe("NODATA");
	});
});

describe("the server", () => {
	let asked: string[];
	let server: DnsServer;
	let resolver: Resolver;
	let nowMs: number;

	beforeEach(async () => {
		asked = [];
		nowMs = 0;
		const other = createSocket("udp4");
		other.on("message", (message, peer) => {
			const query = readQuery(message);
			if (!query) return;
			asked.push(query.question.name);
			const known = query.question.name === "example.com";
			const answers = known && query.question.type === TYPE.A ? [{ name: "example.com", ttl: 60, data: { type: TYPE.A, address: "192.0.2.7" } as const }] : [];
			other.send(writeReply(query, { rcode: RCODE.NOERROR, authoritative: false, answers, authorities: [], additionals: [] }, 1232), peer.port, peer.address);
		});
		other.bind(0, "127.0.0.1");
		await once(other, "listening");
		other.unref();
		const many = Array.from({ length: 100 }, (_, index) => ({ ip: `10.244.2.${index}` }));
		const zone = zoneOf(
			service({}),
			service({ name: "many", clusterIP: "None", hosts: many, ports: [] }),
			service({ name: "away", type: "ExternalName", clusterIP: "", externalName: "example.com", ports: [] }),
		);
		server = new DnsServer(zone, new Forwarder({ own: [], servers: async () => [`127.0.0.1#${(other.address() as AddressInfo).port}`], nowMs: () => nowMs }));
		const port = await freePort();
		await server.listen("127.0.0.1", port);
		resolver = new Resolver({ timeout: 2000, tries: 1 });
		resolver.setServers([`127.0.0.1:${port}`]);
	});
	afterEach(() => {
		server.stop();
	});

	test("answers a resolver that is not its own: the zone, aliases, what is too long for UDP", async () => {
		expect(await resolver.resolve4("web.default.svc.cluster.local")).toEqual(["10.96.0.20"]);
		expect(await resolver.resolveSrv("_http._tcp.web.default.svc.cluster.local")).toMatchObject([
			{ name: "web.default.svc.cluster.local", port: 80, priority: 0, weight: 100 },
		]);
		expect(await resolver.resolve4("many.default.svc.cluster.local")).toHaveLength(100);
		expect(await resolver.resolve4("away.default.svc.cluster.local")).toEqual(["192.0.2.7"]);
		await expect(resolver.resolve4("none.default.svc.cluster.local")).rejects.toMatchObject({ code: "ENOTFOUND" });
		await expect(resolver.resolve6("web.default.svc.cluster.local")).rejects.toMatchObject({ code: "ENODATA" });
	});

	test("asks others for other names, and remembers what they said for a while", async () => {
		expect(await resolver.resolve4("example.com", { ttl: true })).toEqual([{ address: "192.0.2.7", ttl: 60 }]);
		nowMs = 29_000;
		expect(await resolver.resolve4("example.com", { ttl: true })).toEqual([{ address: "192.0.2.7", ttl: 31 }]);
		expect(asked).toEqual(["example.com"]);
		nowMs = 31_000;
		await resolver.resolve4("example.com");
		expect(asked).toEqual(["example.com", "example.com"]);
	});
});

/** Free for TCP, which the machine's other connections take ports of far more often than of UDP. */
async function freePort(): Promise<number> {
	const socket = createServer();
	socket.listen(0, "127.0.0.1");
	await once(socket, "listening");
	const { port } = socket.address() as AddressInfo;
	await new Promise<void>((resolve) => socket.close(() => resolve()));
	return port;
}

describe("messages", () => {
	test("what is malformed is none", () => {
		const query = writeQuery(7, "a.example", TYPE.A);
		expect(readQuery(query)?.question).toEqual({ name: "a.example", type: TYPE.A, class: 1 });
		for (let length = 0; length < 27; length++) expect(readQuery(query.subarray(0, length))).toBeUndefined();
		const loop = Buffer.from(query);
		loop.writeUInt16BE(0xc00c, 12);
		expect(readQuery(loop)).toBeUndefined();
		expect(readRecords(Buffer.alloc(3))).toBeUndefined();
	});
});
