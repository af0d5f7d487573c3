/** Whether extension API servers can be had, in upstream's reasons and words. */
import { describe, expect, it } from "vitest";
import type { APIService } from "../schema/kubernetes.d.ts";
import { availability, changesAggregation, type ProbeOutcome, withVerdict } from "./apiservice/availability.ts";

const NOW = "2026-01-01T00:00:00Z";
const service: APIService = {
	apiVersion: "apiregistration.k8s.io/v1",
	kind: "APIService",
	metadata: { name: "v1.garden.example.com" },
	spec: {
		group: "garden.example.com",
		version: "v1",
		groupPriorityMinimum: 1000,
		versionPriority: 10,
		service: { namespace: "default", name: "garden", port: 443 },
	},
};
const present = { state: "present" as const, type: "ClusterIP", portName: "https", slices: 1, ready: true };

const cases: [outcome: ProbeOutcome, status: string, reason: string, message: string][] = [
	[{ service: { state: "absent" } }, "False", "ServiceNotFound", 'service/garden in "default" is not present'],
	[{ service: { state: "unknown", message: "gone" } }, "Unknown", "ServiceAccessError", 'service/garden in "default" cannot be checked due to: gone'],
	[
		{ service: { state: "present", type: "ClusterIP", slices: 1, ready: false } },
		"False",
		"ServicePortError",
		'service/garden in "default" is not listening on port 443',
	],
	[{ service: { ...present, slices: 0, ready: false } }, "False", "EndpointsNotFound", 'cannot find endpointslices for service/garden in "default"'],
	[
		{ service: { ...present, ready: false } },
		"False",
		"MissingEndpoints",
		'endpointslices for service/garden in "default" have no addresses with port name "https"',
	],
	[{ service: present, failure: "bad status" }, "False", "FailedDiscoveryCheck", "bad status"],
	[{ service: { state: "present", type: "ExternalName", slices: 0, ready: false } }, "True", "Passed", "all checks passed"],
	[{ service: present }, "True", "Passed", "all checks passed"],
];

describe("an extension API server's availability", () => {
	it.each(cases)("%o", (outcome, status, reason, message) => {
		expect(availability(service, outcome)).toEqual({ status, reason, message });
	});

	it("is written when it changes, and keeps its time while only the reason does", () => {
		const passed = withVerdict(service, availability(service, { service: present }), NOW) as APIService;
		expect(passed.status?.conditions).toEqual([{ type: "Available", status: "True", reason: "Passed", message: "all checks passed", lastTransitionTime: NOW }]);
		expect(withVerdict(passed, availability(service, { service: present }), "2026-01-01T00:01:00Z")).toBeUndefined();
		const missing = withVerdict(passed, availability(service, { service: { state: "absent" } }), "2026-01-01T00:02:00Z") as APIService;
		const failed = withVerdict(missing, availability(service, { service: present, failure: "bad" }), "2026-01-01T00:03:00Z");
		expect(failed?.status?.conditions).toMatchObject([{ status: "False", reason: "FailedDiscoveryCheck", lastTransitionTime: "2026-01-01T00:02:00Z" }]);
		const told = (old: APIService | undefined, object: APIService | undefined) =>
			changesAggregation({ resource: "apiregistration.k8s.io/apiservices", ...(old ? { old } : {}), ...(object ? { object } : {}) });
		expect([told(undefined, service), told(passed, missing), told(missing, failed), told(failed, undefined)]).toEqual([true, true, false, true]);
	});
});
