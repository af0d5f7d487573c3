import { describe, expect, it } from "vitest";
import type { RequestVerb } from "../core/api/request.ts";
import type { StatusError } from "../core/errors/status-error.ts";
import { parseQuery } from "./query.ts";

const parse = (verb: RequestVerb, query: string, patchType?: "apply" | "merge") => parseQuery(verb, new URLSearchParams(query), patchType);

function refusal(verb: RequestVerb, query: string, patchType?: "apply" | "merge") {
	try {
		parse(verb, query, patchType);
	} catch (error) {
		const { code, message } = (error as StatusError).status;
		return [code, message];
	}
	return undefined;
}

describe("parseQuery", () => {
	it("reads what a list may say", () => {
		expect(parse("list", "labelSelector=a%3Db&limit=500&continue=x&resourceVersion=7")).toEqual({
			labelSelector: "a=b",
			limit: 500,
			continue: "x",
			resourceVersion: "7",
			raw: [
				["labelSelector", "a=b"],
				["limit", "500"],
				["continue", "x"],
				["resourceVersion", "7"],
			],
		});
	});

	it("takes any boolean but 0 and false for true", () => {
		expect(parse("watch", "allowWatchBookmarks=1").allowWatchBookmarks).toBe(true);
		expect(parse("watch", "allowWatchBookmarks=").allowWatchBookmarks).toBe(true);
		expect(parse("watch", "allowWatchBookmarks=FALSE").allowWatchBookmarks).toBe(false);
	});

	it.each([
		["list", "limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'],
		[
			"list",
			"resourceVersionMatch=Exact",
			422,
			'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
		],
		["list", "sendInitialEvents=true", 422, 'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list'],
		[
			"watch",
			"sendInitialEvents=true",
			422,
			'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
		],
		["create", "dryRun=Some", 422, 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"'],
		[
			"delete",
			"propagationPolicy=Orphan&orphanDependents=true",
			422,
			'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
		],
	] as const)("%s?%s", (verb, query, code, message) => {
		expect(refusal(verb, query)).toEqual([code, message]);
	});

	it("wants a field manager for apply, and force for nothing else", () => {
		expect(refusal("patch", "", "apply")).toEqual([422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch']);
		expect(refusal("patch", "force=true", "merge")).toEqual([
			422,
			'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
		]);
		expect(parse("patch", "fieldManager=me&force=true", "apply")).toMatchObject({ fieldManager: "me", force: true });
	});

	it("holds a field manager to 128 bytes", () => {
		expect(parse("create", `fieldManager=${"a".repeat(128)}`).fieldManager).toHaveLength(128);
		expect(refusal("create", `fieldManager=${"a".repeat(129)}`)?.[0]).toBe(422);
	});

	it("refuses a version that is none", () => {
		const message = 'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax';
		for (const verb of ["get", "list", "watch"] as const) expect(refusal(verb, "resourceVersion=abc")).toEqual([400, message]);
	});
});
