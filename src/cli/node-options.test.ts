import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DEFAULT_KUBELET_CONFIGURATION } from "../agent/kubelet-configuration.ts";
import { parseNodeAddress, parseNodeLabels, readKubeletConfiguration } from "./node-options.ts";

const directory = mkdtempSync(join(tmpdir(), "petrel-options-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(fields: string): ReturnType<typeof readKubeletConfiguration> {
	const path = join(directory, "kubelet.yaml");
	writeFileSync(path, `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n${fields}\n`);
	return readKubeletConfiguration(path);
}

describe("a kubelet configuration", () => {
	it("changes what it names and leaves kubelet's defaults", async () => {
		expect(await read("containerLogMaxSize: 1Mi\nevictionHard:\n  memory.available: 5%")).toEqual({
			...DEFAULT_KUBELET_CONFIGURATION,
			containerLogMaxSize: "1Mi",
			evictionHard: { "memory.available": "5%" },
		});
	});

	it.each([
		["containerLogMaxFiles: 1", "invalid containerLogMaxFiles: 1"],
		["imageMinimumGCAge: soon", 'invalid imageMinimumGCAge: "soon"'],
		["evictionHard:\n  luck.available: 1Gi", "invalid evictionHard"],
		["evictionHard:\n  memory.available: 101%", "invalid evictionHard"],
		["evictionSoft:\n  memory.available: 1Gi", "grace period must be specified for the soft eviction threshold memory.available"],
		["imageGCLowThresholdPercent: 90", "imageGCLowThresholdPercent must be less than imageGCHighThresholdPercent"],
		["- a", "cannot be used"],
	])("is refused with %s", async (fields, message) => {
		await expect(read(fields)).rejects.toThrow(message);
	});
});

describe("options of a node", () => {
	it("are labels and an address", () => {
		expect(parseNodeLabels("zone=a,example.com/disk=ssd,empty=")).toEqual({ zone: "a", "example.com/disk": "ssd", empty: "" });
		expect(parseNodeAddress("192.0.2.7")).toBe("192.0.2.7");
	});

	it.each(["zone", "zone=a=b", "zone=a b", "-=a"])("are no labels: %s", (text) => {
		expect(() => parseNodeLabels(text)).toThrow(`${JSON.stringify(text)} is no label.`);
	});

	it("are no address", () => {
		expect(() => parseNodeAddress("here")).toThrow('"here" is no address.');
	});
});
