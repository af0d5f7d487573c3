/** Other servers' groups among this one's. */
import { describe, expect, it } from "vitest";
import { builtinKinds } from "../kinds/registry.ts";
import { aggregatedDiscovery, apiGroupList } from "./discovery.ts";
import { aggregatedWith, type Extension, groupListWith, groupWith, openApiV2With, resourcesIn } from "./extensions.ts";

const GARDEN: Extension = { group: "garden.example.com", version: "v1", groupPriority: 17_250, versionPriority: 15 };
const flowers = { name: "flowers", singularName: "flower", namespaced: true, kind: "Flower", verbs: ["get", "list"], shortNames: ["fl"] };
const status = { name: "flowers/status", singularName: "", namespaced: true, kind: "Flower", verbs: ["get"] };

describe("groups of extension API servers", () => {
	it("stand where their priority puts them", () => {
		const names = groupListWith(apiGroupList(builtinKinds), [GARDEN]).groups.map(({ name }) => name);
		expect(names.slice(names.indexOf(GARDEN.group) - 1, names.indexOf(GARDEN.group) + 2)).toEqual(["certificates.k8s.io", GARDEN.group, "networking.k8s.io"]);
	});

	it("have their versions by priority, then by age", () => {
		const versions = ["v1alpha1", "v1", "v2"].map((version) => ({ ...GARDEN, version, versionPriority: version === "v1" ? 20 : 10 }));
		expect(groupWith(undefined, GARDEN.group, versions)?.versions.map(({ version }) => version)).toEqual(["v1", "v2", "v1alpha1"]);
		expect(groupWith(undefined, "apps", versions)).toBeUndefined();
	});

	it("tell their resources in the aggregated form, or that they are not known", () => {
		const resources = resourcesIn({ kind: "APIResourceList", resources: [flowers, status] });
		const list = aggregatedWith(aggregatedDiscovery(builtinKinds, "apis"), [
			{ ...GARDEN, resources },
			{ ...GARDEN, version: "v2" },
		]);
		const kind = { group: GARDEN.group, version: "v1", kind: "Flower" };
		expect(list.items.find(({ metadata }) => (metadata as { name?: string }).name === GARDEN.group)?.versions).toEqual([
			{ version: "v2", resources: [], freshness: "Stale" },
			{
				version: "v1",
				freshness: "Current",
				resources: [
					{
						resource: "flowers",
						responseKind: kind,
						scope: "Namespaced",
						singularResource: "flower",
						verbs: ["get", "list"],
						shortNames: ["fl"],
						subresources: [{ subresource: "status", responseKind: kind, verbs: ["get"] }],
					},
				],
			},
		]);
	});

	it("replace a version of this server's own", () => {
		const extension: Extension = { group: "metrics.k8s.io", version: "v1beta1", groupPriority: 100, versionPriority: 100, resources: [] };
		const list = aggregatedWith(aggregatedDiscovery(builtinKinds, "apis"), [extension]);
		const found = list.items.filter(({ metadata }) => (metadata as { name?: string }).name === "metrics.k8s.io");
		expect(found.map(({ versions }) => versions)).toEqual([[{ version: "v1beta1", resources: [], freshness: "Current" }]]);
	});

	it("bring their paths and definitions into the swagger document, and change nothing of ours", () => {
		const own = { paths: { "/api/v1/pods": 1 }, definitions: { Pod: "ours" } };
		const other = {
			paths: { "/apis/garden.example.com/v1/flowers": 2, "/apis/garden.example.com/v10/x": 3, "/apis": 4 },
			definitions: { Pod: "theirs", Flower: 5 },
		};
		expect(openApiV2With(own, other, GARDEN)).toEqual({
			paths: { "/api/v1/pods": 1, "/apis/garden.example.com/v1/flowers": 2 },
			definitions: { Pod: "ours", Flower: 5 },
		});
	});
});
