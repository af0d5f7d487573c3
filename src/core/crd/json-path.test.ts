import { describe, expect, it } from "vitest";
import { JsonPath } from "./json-path.ts";

const OBJECT = {
	metadata: { labels: { "app.kubernetes.io/name": "web" } },
	status: {
		conditions: [
			{ type: "Ready", status: "True", weight: 3 },
			{ type: "Done", status: "False", weight: 1 },
		],
	},
};

describe("JSON paths", () => {
	it.each([
		[".status.conditions[0].type", ["Ready"]],
		[".status.conditions[-1].type", ["Done"]],
		[".status.conditions[*].status", ["True", "False"]],
		[".status.conditions[0:1].status", ["True"]],
		['.status.conditions[?(@.type=="Done")].status', ["False"]],
		[".status.conditions[?(@.type == 'Ready')].status", ["True"]],
		[".status.conditions[?(@.weight>2)].type", ["Ready"]],
		[".status.conditions[?(@.none)].type", []],
		[".metadata.labels.app\\.kubernetes\\.io/name", ["web"]],
		[".metadata.labels['app.kubernetes.io/name']", ["web"]],
		[".status.none.at.all", []],
	])("%s finds %j", (path, found) => {
		expect(JsonPath.parse(path)?.find(OBJECT)).toEqual(found);
	});

	it("that make no sense are none", () => {
		for (const text of ["status", ".a[", ".a[?(]", ".a[x]"]) expect(JsonPath.parse(text), text).toBeUndefined();
	});

	it("write what they name", () => {
		const object = { spec: null };
		JsonPath.parse(".spec.scale.replicas")?.set(object as never, 3);
		expect(object).toEqual({ spec: { scale: { replicas: 3 } } });
	});
});
