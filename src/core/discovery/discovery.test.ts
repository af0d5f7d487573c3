import { describe, expect, it } from "vitest";
import { tinyRegistry } from "../../../test/support/tiny-registry.ts";
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from "./discovery.ts";

const ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

describe("discovery", () => {
	it("lists the groups in upstream's order, without the core group", () => {
		expect(apiVersions("127.0.0.1:6443")).toEqual({
			kind: "APIVersions",
			versions: ["v1"],
			serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: "127.0.0.1:6443" }],
		});
		expect(apiGroupList(tinyRegistry).groups.map((group) => group.name)).toEqual(["apps", "authorization.k8s.io", "rbac.authorization.k8s.io"]);
		expect(apiGroup(tinyRegistry, "apps")).toEqual({
			kind: "APIGroup",
			apiVersion: "v1",
			name: "apps",
			versions: [{ groupVersion: "apps/v1", version: "v1" }],
			preferredVersion: { groupVersion: "apps/v1", version: "v1" },
		});
		expect(apiGroup(tinyRegistry, "none")).toBeUndefined();
	});

	it("lists the resources of a group version with their subresources", () => {
		expect(apiResourceList(tinyRegistry, "apps", "v1")).toEqual({
			kind: "APIResourceList",
			apiVersion: "v1",
			groupVersion: "apps/v1",
			resources: [
				{ name: "deployments", singularName: "deployment", namespaced: true, kind: "Deployment", verbs: ALL, shortNames: ["deploy"], categories: ["all"] },
				{
					name: "deployments/scale",
					singularName: "",
					namespaced: true,
					group: "autoscaling",
					version: "v1",
					kind: "Scale",
					verbs: ["get", "patch", "update"],
				},
				{ name: "deployments/status", singularName: "", namespaced: true, kind: "Deployment", verbs: ["get", "patch", "update"] },
			],
		});
		const core = apiResourceList(tinyRegistry, "", "v1")?.resources ?? [];
		expect(core.map(({ name }) => name)).toEqual([
			"configmaps",
			"namespaces",
			"namespaces/finalize",
			"namespaces/status",
			"pods",
			"pods/ephemeralcontainers",
			"pods/eviction",
			"pods/exec",
			"pods/log",
			"pods/status",
			"services",
			"services/status",
		]);
		expect(core.find(({ name }) => name === "pods/eviction")).toMatchObject({ group: "policy", version: "v1", kind: "Eviction", verbs: ["create"] });
		expect(core.find(({ name }) => name === "pods/exec")).toMatchObject({ kind: "PodExecOptions", verbs: ["create", "get"] });
		expect(core.find(({ name }) => name === "namespaces/finalize")).toMatchObject({ verbs: ["update"] });
		expect(apiResourceList(tinyRegistry, "apps", "v2")).toBeUndefined();
	});

	it("aggregates it all for clients that ask", () => {
		const core = aggregatedDiscovery(tinyRegistry, "api");
		expect(core).toMatchObject({
			kind: "APIGroupDiscoveryList",
			apiVersion: "apidiscovery.k8s.io/v2",
			items: [{ metadata: {}, versions: [{ version: "v1", freshness: "Current" }] }],
		});
		const [apps] = aggregatedDiscovery(tinyRegistry, "apis", "v2beta1").items;
		expect(apps?.metadata).toMatchObject({ name: "apps" });
		expect(apps?.versions[0]?.resources).toEqual([
			{
				resource: "deployments",
				responseKind: { group: "apps", version: "v1", kind: "Deployment" },
				scope: "Namespaced",
				singularResource: "deployment",
				verbs: ALL,
				shortNames: ["deploy"],
				categories: ["all"],
				subresources: [
					{ subresource: "scale", responseKind: { group: "autoscaling", version: "v1", kind: "Scale" }, verbs: ["get", "patch", "update"] },
					{ subresource: "status", responseKind: { group: "apps", version: "v1", kind: "Deployment" }, verbs: ["get", "patch", "update"] },
				],
			},
		]);
	});
});
