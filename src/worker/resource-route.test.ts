import { describe, expect, it } from "vitest";
import { builtinKinds } from "../core/kinds/registry.ts";
import { parseResourcePath } from "./request-info.ts";
import { routeOf } from "./resource-route.ts";

function route(method: string, path: string) {
	const parsed = parseResourcePath(method, path, new URLSearchParams());
	if (!parsed) throw new Error(`${path} is no resource path`);
	const found = routeOf(parsed, builtinKinds);
	return found.serve === "object" ? (found.kind?.kind ?? "other") : found.serve;
}

describe("routeOf", () => {
	it.each([
		["GET", "/api/v1/pods", "Pod"],
		["POST", "/api/v1/namespaces/a/pods", "Pod"],
		["PUT", "/api/v1/namespaces/a/pods/b/status", "Pod"],
		["PUT", "/api/v1/namespaces/a/finalize", "Namespace"],
		["PATCH", "/apis/apps/v1/namespaces/a/deployments/b/scale", "other"],
		["POST", "/api/v1/namespaces/a/pods/b/binding", "other"],
		["POST", "/api/v1/namespaces/a/pods/b/exec", "session"],
		["GET", "/api/v1/namespaces/a/pods/b/log", "session"],
		["POST", "/api/v1/namespaces/a/serviceaccounts/b/token", "token"],
		["POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "review"],
		["POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews", "review"],
	])("%s %s is served by %s", (method, path, expected) => {
		expect(route(method, path)).toBe(expected);
	});

	it.each([
		["GET", "/api/v1/nothings"],
		["GET", "/apis/apps/v2/deployments"],
		["GET", "/api/v1/namespaces/a/nodes/b"],
		["GET", "/api/v1/pods/b"],
		["GET", "/api/v1/namespaces/a/pods/b/nothing"],
		["GET", "/api/v1/namespaces/a/configmaps/b/status"],
		["GET", "/api/v1/namespaces/a/pods/b/status/more"],
	])("%s %s is not found", (method, path) => {
		expect(() => route(method, path)).toThrow("could not find");
	});

	it.each([
		["DELETE", "/api/v1/pods"],
		["POST", "/api/v1/pods"],
		["DELETE", "/api/v1/namespaces/a/pods/b/status"],
		["POST", "/api/v1/namespaces/a/pods/b/log"],
		["GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"],
	])("%s %s is not allowed", (method, path) => {
		expect(() => route(method, path)).toThrow("does not allow this method");
	});
});
