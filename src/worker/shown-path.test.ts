import { expect, it } from "vitest";
import { shownPath } from "./shown-path.ts";

it("leaves a receiver's token and secret out of logs", () => {
	expect(shownPath("/webhooks/default/hook/token/secret?x=1")).toBe("/webhooks/default/hook/***");
	expect(shownPath("/clusters/a/webhooks/default/hook/token")).toBe("/clusters/a/webhooks/default/hook/***");
	expect(shownPath("/api/v1/namespaces/webhooks/pods/a/b/c")).toBe("/api/v1/namespaces/webhooks/pods/a/b/c");
});
