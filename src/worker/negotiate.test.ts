import { describe, expect, it } from "vitest";
import { negotiate, negotiateError, wantsPretty } from "./negotiate.ts";

const KUBECTL_GET = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

describe("negotiate", () => {
	it.each([
		[undefined, { mediaType: "application/json" }],
		["*/*", { mediaType: "application/json" }],
		["application/*", { mediaType: "application/json" }],
		["application/yaml", { mediaType: "application/yaml" }],
		["application/vnd.kubernetes.protobuf,application/json", { mediaType: "application/vnd.kubernetes.protobuf" }],
		["text/html, application/json;q=0.5, application/yaml;q=0.9", { mediaType: "application/yaml" }],
		[KUBECTL_GET, { mediaType: "application/json", as: "Table", metaVersion: "v1" }],
		["application/json;as=Unknown;v=v1;g=meta.k8s.io,application/json", { mediaType: "application/json" }],
		[
			"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
			{ mediaType: "application/vnd.kubernetes.protobuf", as: "PartialObjectMetadataList", metaVersion: "v1" },
		],
		["application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/yaml", { mediaType: "application/yaml" }],
	])("%s", (accept, expected) => {
		expect(negotiate(accept)).toEqual(expected);
	});

	it("gives the object itself where there are no columns", () => {
		expect(negotiate(KUBECTL_GET, { transforms: false })).toEqual({ mediaType: "application/json" });
	});

	it("refuses what it does not speak, and YAML for a watch", () => {
		expect(() => negotiate("text/html")).toThrow(
			"only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
		);
		expect(() => negotiate("application/cbor")).toThrow("only the following");
		expect(() => negotiate("application/yaml", { stream: true })).toThrow("application/json;stream=watch");
	});

	it("never refuses an error its form", () => {
		expect(negotiateError("text/html")).toEqual({ mediaType: "application/json" });
	});
});

describe("wantsPretty", () => {
	it("indents for people", () => {
		expect(wantsPretty(new URLSearchParams(""), "curl/8.0")).toBe(true);
		expect(wantsPretty(new URLSearchParams("pretty=false"), "curl/8.0")).toBe(false);
		expect(wantsPretty(new URLSearchParams("pretty=true"), "kubectl/v1.33")).toBe(true);
		expect(wantsPretty(new URLSearchParams(""), "kubectl/v1.33")).toBe(false);
	});
});
