import { describe, expect, it } from "vitest";
import { cells, created, refusals, updateRefusals } from "../../../test/support/judged.ts";
import type { ResourceSlice, ResourceV1ResourceClaim } from "../schema/kubernetes.d.ts";

const exactly = { deviceClassName: "gpu" };
const claim = (devices: object) => ({ spec: { devices } });
const one = claim({ requests: [{ name: "a", exactly }] });
const slice = (device: object, more: object = {}) => ({
	spec: { driver: "d.io", nodeName: "n", pool: { name: "p", generation: 1, resourceSliceCount: 1 }, devices: [{ name: "d", ...device }], ...more },
});
const shared = (requestPolicy: object) => slice({ allowMultipleAllocations: true, capacity: { memory: { value: "8Gi", requestPolicy } } });

describe("a ResourceClaim", () => {
	it("asks for one device unless it says more", () =>
		expect(created<ResourceV1ResourceClaim>("ResourceClaim", one).spec.devices?.requests?.[0]?.exactly).toEqual({
			deviceClassName: "gpu",
			allocationMode: "ExactCount",
			count: 1,
		}));

	it.each<[object, string[]]>([
		[one, []],
		[claim({ requests: [{ name: "a" }] }), ["spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required"]],
		[claim({ requests: [{ name: "a", exactly: {} }] }), ["spec.devices.requests[0].exactly.deviceClassName: Required value"]],
		[
			claim({ requests: [{ name: "a", exactly: { ...exactly, allocationMode: "All", count: 2 } }] }),
			["spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'"],
		],
		[
			claim({
				requests: [
					{ name: "a", exactly },
					{ name: "a", exactly },
				],
			}),
			['spec.devices.requests[1]: Duplicate value: "a"'],
		],
		[
			claim({ requests: [{ name: "a", exactly }], constraints: [{ requests: ["b"], matchAttribute: "x.io/y" }] }),
			[
				"spec.devices.constraints[0].requests[0]: Invalid value: \"b\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
			],
		],
		[
			claim({ requests: [{ name: "a", exactly }], constraints: [{ matchAttribute: "y" }] }),
			['spec.devices.constraints[0].matchAttribute: Invalid value: "y": a fully qualified name must be a domain and a name separated by a slash'],
		],
		[claim({ config: [{ opaque: { driver: "d.io", parameters: {} } }, {}] }), ["spec.devices.config[1].opaque: Required value"]],
	])("of %j", (body, errors) => expect(refusals("ResourceClaim", body)).toEqual(errors));

	it("stays, and is reserved only when it is allocated", () => {
		expect(updateRefusals("ResourceClaim", one, claim({}))[0]).toMatch(/^spec: Invalid value: .*: field is immutable$/);
		const reservedFor = [{ resource: "pods", name: "p", uid: "1" }];
		expect(updateRefusals("ResourceClaim", one, { status: { reservedFor } }, "status")).toEqual([
			"status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
		]);
		const result = { request: "a", driver: "d.io", pool: "p", device: "d" };
		const allocation = { devices: { results: [result] } };
		expect(updateRefusals("ResourceClaim", one, { status: { allocation, reservedFor, devices: [{ ...result, request: undefined }] } }, "status")).toEqual([]);
		expect(updateRefusals("ResourceClaim", one, { status: { devices: [{ driver: "d.io", pool: "p", device: "d" }] } }, "status")).toEqual([
			'status.devices[0]: Invalid value: "d.io/p/d": must be an allocated device in the claim',
		]);
	});

	it("shows how far it is", () => {
		const made = created<ResourceV1ResourceClaim>("ResourceClaim", one);
		expect(cells("ResourceClaim", made)).toEqual({ State: "pending" });
		made.status = { allocation: {}, reservedFor: [{ resource: "pods", name: "p", uid: "1" }] };
		made.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
		expect(cells("ResourceClaim", made)).toEqual({ State: "deleted,allocated,reserved" });
	});
});

describe("a ResourceSlice", () => {
	it("times its taints", () =>
		expect(created<ResourceSlice>("ResourceSlice", slice({ taints: [{ key: "a", effect: "None" }] })).spec.devices?.[0]?.taints?.[0]?.timeAdded).toBe(
			"2026-01-01T00:00:00Z",
		));

	it.each<[object, string[]]>([
		[slice({}), []],
		[
			slice({}, { allNodes: true }),
			[
				'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
			],
		],
		[slice({}, { nodeName: undefined }), ["spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"]],
		[
			slice({ attributes: { v: { version: "1" } } }),
			['spec.devices[0].attributes[v].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0'],
		],
		[slice({ attributes: { v: {} } }), ['spec.devices[0].attributes[v]: Invalid value: "": exactly one value must be specified']],
		[
			slice({ capacity: { m: { value: "1", requestPolicy: {} } } }),
			["spec.devices[0].capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true"],
		],
		[shared({ default: "1Gi", validValues: ["1Gi", "2Gi"] }), []],
		[
			shared({ default: "3Gi", validValues: ["1Gi"] }),
			['spec.devices[0].capacity[memory].requestPolicy.validValues: Invalid value: "3Gi": default value is not valid according to the requestPolicy'],
		],
		[shared({ validRange: { min: "1Gi" } }), ["spec.devices[0].capacity[memory].requestPolicy.default: Required value: required when validRange is defined"]],
		[
			shared({ default: "1Gi", validRange: { min: "2Gi" } }),
			['spec.devices[0].capacity[memory].requestPolicy.validRange.min: Invalid value: "1Gi": default is less than min: 2Gi'],
		],
		[
			slice({ bindingConditions: ["a"] }),
			["spec.devices[0].bindingFailureConditions: Invalid value: []: bindingFailureConditions are required to use bindingConditions"],
		],
	])("of %j", (body, errors) => expect(refusals("ResourceSlice", body)).toEqual(errors));
});

describe("a DeviceClass", () => {
	it("selects and configures", () =>
		expect(refusals("DeviceClass", { spec: { selectors: [{}], extendedResourceName: "cpu" } })).toEqual([
			"spec.selectors[0].cel: Required value",
			'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
		]));
});
