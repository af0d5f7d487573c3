import { describe, expect, test } from "vitest";
import type { ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { changeStatements, serviceTable } from "./nft-rules.ts";

function service(part: Partial<ServiceEntry>, endpoints: string[], nodePort?: number): ServiceEntry {
	const ports = [{ name: "", protocol: "TCP" as const, port: 80, nodePort, endpoints: endpoints.map((ip) => ({ ip, port: 8080 })) }];
	return {
		namespace: "default",
		name: "web",
		type: "ClusterIP",
		clusterIP: "10.96.0.20",
		sessionAffinity: "None",
		affinityTimeoutSeconds: 10_800,
		ports,
		...part,
	};
}

const ignore = (): void => undefined;

describe("serviceTable", () => {
	test("a Service without endpoints is refused, one with endpoints is not", () => {
		expect([...serviceTable([service({}, [])], ignore).rejected.keys()]).toEqual(["10.96.0.20 . tcp . 80"]);
		const table = serviceTable([service({}, ["10.1.0.2", "10.1.0.3"], 30080)], ignore);
		expect(table.rejected.size).toBe(0);
		expect([...table.services]).toEqual([["10.96.0.20 . tcp . 80", "goto pick-2"]]);
		expect([...table.nodePorts]).toEqual([["tcp . 30080", "goto node-pick-2"]]);
	});

	test("a headless Service has node ports at most", () => {
		expect(serviceTable([service({ clusterIP: "None" }, ["10.1.0.2"])], ignore).services.size).toBe(0);
	});

	test("what is no address never reaches nft, and is named", () => {
		const skipped: string[] = [];
		const table = serviceTable([service({}, ["evil.example"]), service({ name: "ok", clusterIP: "10.96.0.21" }, ["10.1.0.2"])], (message) =>
			skipped.push(message),
		);
		expect(skipped).toEqual([expect.stringContaining("default/web port 80")]);
		expect([...table.services.keys()]).toEqual(["10.96.0.21 . tcp . 80"]);
	});
});

describe("changeStatements", () => {
	test("only what changed is said, deletions before additions", () => {
		const before = serviceTable([service({}, ["10.1.0.2"]), service({ name: "b", clusterIP: "10.96.0.21" }, ["10.1.0.2"])], ignore);
		const after = serviceTable([service({}, ["10.1.0.3"]), service({ name: "b", clusterIP: "10.96.0.21" }, ["10.1.0.2"])], ignore);
		expect(changeStatements("ip t", before, after)).toEqual([
			"delete element ip t endpoints { 10.96.0.20 . tcp . 80 . 0 }",
			"add element ip t endpoints { 10.96.0.20 . tcp . 80 . 0 : 10.1.0.3 . 8080 }",
			"add element ip t hairpins { 10.1.0.3 . 10.1.0.3 }",
		]);
		expect(changeStatements("ip t", after, after)).toEqual([]);
	});
});
