import { describe, expect, it } from "vitest";
import type { Device, DeviceClass, DeviceConstraint, DeviceRequest, ResourceSlice, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import { allocationResult } from "./allocation-result.ts";
import { type Allocated, allocate, CANNOT } from "./device-allocator.ts";
import { poolsOf } from "./device-pools.ts";
import { DeviceUsage } from "./device-usage.ts";

const DRIVER = "gpu.example.com";
const NODE = { name: "n1", labels: { zone: "a" } };
const meta = (name: string) => ({ name, namespace: "default", uid: `uid-${name}` });

const slice = (devices: Device[], spec: Partial<ResourceSlice["spec"]> = {}): ResourceSlice => ({
	apiVersion: "resource.k8s.io/v1",
	kind: "ResourceSlice",
	metadata: { name: "s" },
	spec: { driver: DRIVER, pool: { name: "n1", generation: 1, resourceSliceCount: 1 }, nodeName: "n1", devices, ...spec },
});
const claim = (requests: DeviceRequest[], constraints: DeviceConstraint[] = []): ResourceClaim => ({
	apiVersion: "resource.k8s.io/v1",
	kind: "ResourceClaim",
	metadata: meta("c"),
	spec: { devices: { requests, constraints } },
});
const gpuClass: DeviceClass = {
	apiVersion: "resource.k8s.io/v1",
	kind: "DeviceClass",
	metadata: { name: "gpu" },
	spec: { selectors: [{ cel: { expression: `device.driver == "${DRIVER}"` } }], config: [{ opaque: { driver: DRIVER, parameters: { mode: "fast" } } }] },
};
const deviceClass = (name: string) => (name === "gpu" ? gpuClass : undefined);
const exactly = (more: Partial<NonNullable<DeviceRequest["exactly"]>> = {}): DeviceRequest => ({
	name: "r",
	exactly: { deviceClassName: "gpu", allocationMode: "ExactCount", count: 1, ...more },
});
const cel = (expression: string) => [{ cel: { expression } }];

function devicesOf(slices: ResourceSlice[], claims: ResourceClaim[], usage = new DeviceUsage()): string[] | string {
	const found = allocate({ claims, pools: poolsOf(slices), usage, deviceClass }, NODE);
	return typeof found === "string" ? found : found.map(({ device }) => device.device.name);
}

function usedBy(...devices: string[]): DeviceUsage {
	const usage = new DeviceUsage();
	usage.add({ devices: { results: devices.map((device) => ({ request: "r", driver: DRIVER, pool: "n1", device })) } });
	return usage;
}

describe("allocate", () => {
	const two = [{ name: "gpu-0" }, { name: "gpu-1" }];

	it("takes devices that are free, and none twice", () => {
		expect(devicesOf([slice(two)], [claim([exactly()]), claim([exactly()])])).toEqual(["gpu-0", "gpu-1"]);
		expect(devicesOf([slice(two)], [claim([exactly()])], usedBy("gpu-0"))).toEqual(["gpu-1"]);
		expect(devicesOf([slice(two)], [claim([exactly({ count: 3 })])])).toBe(CANNOT);
	});

	it("leaves the usage as it was, whatever comes of it", () => {
		const usage = usedBy("gpu-0");
		devicesOf([slice(two)], [claim([exactly()])], usage);
		devicesOf([slice(two)], [claim([exactly({ count: 2 })])], usage);
		expect([...usage.taken]).toEqual([`${DRIVER}/n1/gpu-0`]);
	});

	it("takes devices only where they reach, of whole pools of the newest generation", () => {
		expect(devicesOf([slice(two, { nodeName: "n2" })], [claim([exactly()])])).toBe(CANNOT);
		expect(devicesOf([slice(two, { pool: { name: "n1", generation: 1, resourceSliceCount: 2 } })], [claim([exactly()])])).toBe(CANNOT);
		const newer = slice([{ name: "gpu-9" }], { pool: { name: "n1", generation: 2, resourceSliceCount: 1 } });
		expect(devicesOf([slice(two), newer], [claim([exactly()])])).toEqual(["gpu-9"]);
		const { nodeName: _, ...everywhere } = slice([
			{ name: "a", nodeName: "n2" },
			{ name: "b", nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }] } },
		]).spec;
		expect(devicesOf([{ ...slice([]), spec: { ...everywhere, perDeviceNodeSelection: true } }], [claim([exactly()])])).toEqual(["b"]);
	});

	it("selects by driver, attributes, versions and capacities", () => {
		const devices: Device[] = [
			{ name: "small", attributes: { model: { string: "s" }, driver: { version: "1.2.0" } }, capacity: { memory: { value: "8Gi" } } },
			{ name: "large", attributes: { model: { string: "l" }, driver: { version: "2.0.0" } }, capacity: { memory: { value: "40Gi" } } },
		];
		const by = (expression: string) => devicesOf([slice(devices)], [claim([exactly({ selectors: cel(expression) })])]);
		expect(by(`device.attributes["${DRIVER}"].model == "l"`)).toEqual(["large"]);
		expect(by(`device.capacity["${DRIVER}"].memory.isGreaterThan(quantity("10Gi"))`)).toEqual(["large"]);
		expect(by(`device.attributes["${DRIVER}"].driver.isLessThan(semver("2.0.0"))`)).toEqual(["small"]);
		expect(by('"model" in device.attributes["other.example.com"]')).toBe(CANNOT);
		expect(by(`device.attributes["${DRIVER}"].absent == "x"`)).toBe("claim default/c, request r: selector #0: CEL runtime error: no such key: absent");
	});

	it("goes to the first alternative that there are devices for", () => {
		const alternatives: DeviceRequest = {
			name: "r",
			firstAvailable: [
				{ name: "many", deviceClassName: "gpu", count: 3 },
				{ name: "few", deviceClassName: "gpu", count: 2 },
			],
		};
		const found = allocate({ claims: [claim([alternatives])], pools: poolsOf([slice(two)]), usage: new DeviceUsage(), deviceClass }, NODE) as Allocated[];
		expect(found.map(({ request, alternative }) => `${request}/${alternative}`)).toEqual(["r/few", "r/few"]);
	});

	it("takes all of them or says why it cannot", () => {
		const all = claim([exactly({ allocationMode: "All", count: 0 })]);
		expect(devicesOf([slice(two)], [all])).toEqual(["gpu-0", "gpu-1"]);
		expect(devicesOf([slice(two)], [all], usedBy("gpu-1"))).toBe(CANNOT);
		expect(devicesOf([slice(two, { pool: { name: "n1", generation: 1, resourceSliceCount: 2 } })], [all])).toBe(
			`claim default/c, request r: asks for all devices, but resource pool ${DRIVER}/n1 is currently being updated`,
		);
	});

	it("keeps to what devices must have in common or must not", () => {
		const devices: Device[] = ["a", "b", "b"].map((numa, index) => ({ name: `gpu-${index}`, attributes: { numa: { string: numa } } }));
		const pair = exactly({ count: 2 });
		expect(devicesOf([slice(devices)], [claim([pair], [{ matchAttribute: `${DRIVER}/numa` }])])).toEqual(["gpu-1", "gpu-2"]);
		expect(devicesOf([slice(devices)], [claim([pair], [{ distinctAttribute: `${DRIVER}/numa` }])])).toEqual(["gpu-0", "gpu-1"]);
		expect(devicesOf([slice(devices)], [claim([exactly({ count: 3 })], [{ matchAttribute: `${DRIVER}/numa` }])])).toBe(CANNOT);
	});

	it("leaves tainted devices to who tolerates them, and lets administrators look at any", () => {
		const tainted: Device[] = [{ name: "gpu-0", taints: [{ key: "sick", effect: "NoSchedule" }] }];
		expect(devicesOf([slice(tainted)], [claim([exactly()])])).toBe(CANNOT);
		expect(devicesOf([slice(tainted)], [claim([exactly({ tolerations: [{ key: "sick", operator: "Exists" }] })])])).toEqual(["gpu-0"]);
		expect(devicesOf([slice(two)], [claim([exactly({ adminAccess: true, allocationMode: "All" })])], usedBy("gpu-0", "gpu-1"))).toEqual(["gpu-0", "gpu-1"]);
	});

	it("counts what partitions of a device share", () => {
		const part = (name: string, memory: string): Device => ({ name, consumesCounters: [{ counterSet: "whole", counters: { memory: { value: memory } } }] });
		const pool = { name: "n1", generation: 1, resourceSliceCount: 2 };
		const { devices: _, ...counters } = slice([], { pool, sharedCounters: [{ name: "whole", counters: { memory: { value: "40Gi" } } }] }).spec;
		const slices = [{ ...slice([]), spec: counters }, slice([part("whole", "40Gi"), part("half-0", "20Gi"), part("half-1", "20Gi")], { pool })];
		expect(devicesOf(slices, [claim([exactly({ count: 2 })])])).toEqual(["half-0", "half-1"]);
		expect(devicesOf(slices, [claim([exactly()])], usedBy("half-1"))).toEqual(["half-0"]);
		expect(devicesOf(slices, [claim([exactly()])], usedBy("whole"))).toBe(CANNOT);
	});

	it("shares a device as far as its capacity goes", () => {
		const nic: Device = {
			name: "nic",
			allowMultipleAllocations: true,
			capacity: { bandwidth: { value: "10G", requestPolicy: { default: "1G", validRange: { min: "1G", step: "1G" } } } },
		};
		const asking = (bandwidth: string) => claim([exactly({ capacity: { requests: { bandwidth } } })]);
		const usage = new DeviceUsage();
		expect(devicesOf([slice([nic])], [asking("5500M"), asking("4G")], usage)).toEqual(["nic", "nic"]);
		expect(devicesOf([slice([nic])], [asking("5500M"), asking("5G")], usage)).toBe(CANNOT);
		const free: Device = { name: "nic", allowMultipleAllocations: true, capacity: { bandwidth: { value: "10G" } } };
		expect(devicesOf([slice([free])], [asking("5500M"), asking("4500M")], usage)).toEqual(["nic", "nic"]);
		expect(devicesOf([slice([free])], [claim([exactly()]), asking("1")], usage)).toBe(CANNOT);
	});
});

describe("allocationResult", () => {
	it("says devices, configuration of class and claim, and the node", () => {
		const wanted = claim([exactly()]);
		(wanted.spec.devices as NonNullable<typeof wanted.spec.devices>).config = [
			{ requests: ["other"], opaque: { driver: DRIVER, parameters: {} } },
			{ opaque: { driver: DRIVER, parameters: { own: true } } },
		];
		const found = allocate({ claims: [wanted], pools: poolsOf([slice([{ name: "gpu-0" }])]), usage: new DeviceUsage(), deviceClass }, NODE) as Allocated[];
		expect(allocationResult(wanted, found, { node: "n1", time: "2026-01-01T00:00:00Z", uuid: () => "", deviceClass })).toEqual({
			devices: {
				results: [{ request: "r", driver: DRIVER, pool: "n1", device: "gpu-0" }],
				config: [
					{ source: "FromClass", requests: ["r"], opaque: { driver: DRIVER, parameters: { mode: "fast" } } },
					{ source: "FromClaim", opaque: { driver: DRIVER, parameters: { own: true } } },
				],
			},
			nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }] },
			allocationTimestamp: "2026-01-01T00:00:00Z",
		});
	});
});
