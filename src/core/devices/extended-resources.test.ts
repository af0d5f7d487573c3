import { describe, expect, it } from "vitest";
import type { Container, DeviceClass, Pod } from "../schema/kubernetes.d.ts";
import { podRequests } from "../scheduler/resources.ts";
import { classesByResource, deviceResources, extendedRequests } from "./extended-resources.ts";

const GPU = "example.com/gpu";
const deviceClass = (name: string, extendedResourceName?: string, creationTimestamp = "2026-01-01T00:00:00Z"): DeviceClass => ({
	apiVersion: "resource.k8s.io/v1",
	kind: "DeviceClass",
	metadata: { name, creationTimestamp },
	spec: extendedResourceName ? { extendedResourceName } : {},
});

describe("classesByResource", () => {
	it("names each class by its own resource, and by the one it stands for", () => {
		expect([...classesByResource([deviceClass("a", GPU), deviceClass("b")])]).toEqual([
			["deviceclass.resource.kubernetes.io/a", "a"],
			[GPU, "a"],
			["deviceclass.resource.kubernetes.io/b", "b"],
		]);
	});

	it("prefers the younger of two classes, then the first by name", () => {
		const classOf = (...classes: DeviceClass[]) => classesByResource(classes).get(GPU);
		expect(classOf(deviceClass("a", GPU), deviceClass("b", GPU, "2026-01-02T00:00:00Z"))).toBe("b");
		expect(classOf(deviceClass("b", GPU), deviceClass("a", GPU))).toBe("a");
	});
});

describe("extendedRequests", () => {
	const asks = (name: string, amounts: Record<string, string>, restartPolicy?: string): Container =>
		({ name, image: "i", resources: { requests: amounts }, ...(restartPolicy ? { restartPolicy } : {}) }) as Container;
	const classOf = (name: string) => ({ [GPU]: "gpu", "example.com/nic": "nic" })[name];
	const requestsOf = (containers: Container[], initContainers: Container[] = []) => {
		const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers, initContainers } };
		const { requests, mappings } = extendedRequests(pod, deviceResources(podRequests(pod), classOf), classOf);
		return {
			requests: requests.map(({ name, exactly }) => `${name}: ${exactly?.count} ${exactly?.deviceClassName}`),
			mappings: mappings.map(({ containerName, resourceName, requestName }) => `${containerName} ${resourceName}: ${requestName}`),
		};
	};

	it("names requests after containers and the places of resources among what they ask for", () => {
		expect(requestsOf([asks("a", { cpu: "1", [GPU]: "2" }), asks("b", { "example.com/nic": "1", [GPU]: "1", "example.com/other": "1" })])).toEqual({
			requests: ["container-0-request-1: 2 gpu", "container-1-request-0: 1 gpu", "container-1-request-1: 1 nic"],
			mappings: [`a ${GPU}: container-0-request-1`, `b ${GPU}: container-1-request-0`, "b example.com/nic: container-1-request-1"],
		});
	});

	it("lets containers that end before others use their devices first, and share what they need beyond those", () => {
		const early = [asks("i", { [GPU]: "1" }), asks("j", { [GPU]: "3" }), asks("k", { [GPU]: "4" })];
		expect(requestsOf([asks("a", { [GPU]: "2" })], early)).toEqual({
			requests: ["container-2-request-0: 2 gpu", "container-3-request-0: 2 gpu"],
			mappings: [
				`a ${GPU}: container-3-request-0`,
				`i ${GPU}: container-3-request-0`,
				`j ${GPU}: container-3-request-0`,
				`j ${GPU}: container-2-request-0`,
				`k ${GPU}: container-3-request-0`,
				`k ${GPU}: container-2-request-0`,
			],
		});
	});

	it("does not let them use devices of sidecars that run before them", () => {
		expect(requestsOf([asks("a", {})], [asks("s", { [GPU]: "1" }, "Always"), asks("i", { [GPU]: "1" })]).requests).toEqual([
			"container-0-request-0: 1 gpu",
			"container-1-request-0: 1 gpu",
		]);
	});
});
