import { expect, it } from "vitest";
import { splitClusterPath } from "./cluster-path.ts";

it.each([
	["/api/v1/pods", { cluster: "default", path: "/api/v1/pods" }],
	["/clusters/blue/api/v1/pods", { cluster: "blue", path: "/api/v1/pods" }],
	["/clusters/blue", { cluster: "blue", path: "/" }],
	["/clusters/", undefined],
	["/clusters/Blue/api", undefined],
	["/clusters/a%2Fb/api", undefined],
])("%s", (path, expected) => {
	expect(splitClusterPath(path)).toEqual(expected);
});
