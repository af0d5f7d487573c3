/** A cluster's network is chosen when it is first started, and kept. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataDirectory } from "./data-directory.ts";
import { chooseNetwork } from "./network-settings.ts";

const DUAL = { clusterCidr: "10.244.0.0/16,fd00:10:244::/56", serviceClusterIpRange: "10.96.0.0/16, fd00:10:96::/112" };

describe("the network of a cluster on this machine", () => {
	let data: DataDirectory;
	beforeEach(() => {
		data = new DataDirectory(mkdtempSync(join(tmpdir(), "petrel-test-")));
	});
	afterEach(() => rmSync(data.path, { recursive: true, force: true }));

	it("is the default without options, and of both families where they say so", () => {
		expect(chooseNetwork(data, {})).toBe("");
		expect(JSON.parse(chooseNetwork(data, DUAL))).toMatchObject({
			podCidrs: ["10.244.0.0/16", "fd00:10:244::/56"],
			serviceCidrs: ["10.96.0.0/16", "fd00:10:96::/112"],
		});
	});

	it("stays what it was", () => {
		const text = chooseNetwork(data, DUAL);
		data.write("network.json", text);
		data.write("workerd.capnp", "");
		expect(chooseNetwork(data, {})).toBe(text);
		expect(chooseNetwork(data, DUAL)).toBe(text);
		expect(() => chooseNetwork(data, { ...DUAL, clusterCidr: "10.200.0.0/16,fd00:10:244::/56" })).toThrow("has another network, and keeps it");
	});

	it("says what is wrong with ranges", () => {
		expect(() => chooseNetwork(data, { clusterCidr: DUAL.clusterCidr })).toThrow(
			"--cluster-cidr and --service-cluster-ip-range must have the same IP families in the same order",
		);
		expect(() => chooseNetwork(data, { clusterCidr: "10.244.0.0" })).toThrow('--cluster-cidr "10.244.0.0":');
	});
});
