import { describe, expect, it } from "vitest";
import { parseResourcePath } from "./request-info.ts";

const parse = (method: string, url: string) => {
	const { pathname, searchParams } = new URL(url, "http://x");
	return parseResourcePath(method, pathname, searchParams);
};
const none = { subresource: "", namespace: "", name: "", rest: [] };

describe("parseResourcePath", () => {
	it.each([
		["GET", "/api/v1/namespaces", { ...none, verb: "list", group: "", version: "v1", resource: "namespaces" }],
		["GET", "/api/v1/namespaces/a", { ...none, verb: "get", group: "", version: "v1", resource: "namespaces", name: "a" }],
		["PUT", "/api/v1/namespaces/a/status", { ...none, verb: "update", group: "", version: "v1", resource: "namespaces", name: "a", subresource: "status" }],
		["PUT", "/api/v1/namespaces/a/finalize", { ...none, verb: "update", group: "", version: "v1", resource: "namespaces", name: "a", subresource: "finalize" }],
		["GET", "/api/v1/namespaces/a/pods", { ...none, verb: "list", group: "", version: "v1", resource: "pods", namespace: "a" }],
		["GET", "/api/v1/pods?watch=true", { ...none, verb: "watch", group: "", version: "v1", resource: "pods" }],
		["GET", "/api/v1/pods?watch=0", { ...none, verb: "list", group: "", version: "v1", resource: "pods" }],
		["GET", "/api/v1/watch/namespaces/a/pods", { ...none, verb: "watch", group: "", version: "v1", resource: "pods", namespace: "a" }],
		[
			"DELETE",
			"/apis/apps/v1/namespaces/a/deployments",
			{ ...none, verb: "deletecollection", group: "apps", version: "v1", resource: "deployments", namespace: "a" },
		],
		[
			"PATCH",
			"/apis/apps/v1/namespaces/a/deployments/b/scale",
			{ ...none, verb: "patch", group: "apps", version: "v1", resource: "deployments", namespace: "a", name: "b", subresource: "scale" },
		],
		[
			"GET",
			"/api/v1/namespaces/a/pods/b/proxy/x/y",
			{ ...none, verb: "get", group: "", version: "v1", resource: "pods", namespace: "a", name: "b", subresource: "proxy", rest: ["x", "y"] },
		],
		[
			"GET",
			"/apis/rbac.authorization.k8s.io/v1/clusterroles/a%3Ab",
			{ ...none, verb: "get", group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterroles", name: "a:b" },
		],
	])("%s %s", (method, url, expected) => {
		expect(parse(method, url)).toEqual(expected);
	});

	it.each(["/api", "/api/v1", "/apis/apps/v1", "/version", "/"])("%s names no resource", (url) => {
		expect(parse("GET", url)).toBeUndefined();
	});

	it.each([
		["PUT", "/api/v1/namespaces/a/pods"],
		["POST", "/api/v1/namespaces/a/pods/b"],
		["OPTIONS", "/api/v1/pods"],
	])("refuses %s %s", (method, url) => {
		expect(() => parse(method, url)).toThrow("does not allow this method");
	});

	it("answers 404 to an escape that is none", () => {
		expect(() => parse("GET", "/api/v1/namespaces/%zz/pods")).toThrow("could not find");
	});
});
