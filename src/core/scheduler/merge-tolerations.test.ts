import { expect, test } from "vitest";
import { mergeTolerations } from "./merge-tolerations.ts";

const a = { key: "a", operator: "Equal", value: "1", effect: "NoSchedule" };

test.each([
	["what both have stands once", [a], [a], [a]],
	["what a wider one covers goes", [a], [{ key: "a", operator: "Exists" }], [{ key: "a", operator: "Exists" }]],
	["what tolerates everything covers all", [{ operator: "Exists" }], [a], [{ operator: "Exists" }]],
	["others stay in order", [a], [{ ...a, value: "2" }], [a, { ...a, value: "2" }]],
	[
		"a longer time covers a shorter one",
		[{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 }],
		[{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 9 }],
		[{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 9 }],
	],
])("%s", (_what, first, second, merged) => {
	expect(mergeTolerations(first, second)).toEqual(merged);
});
