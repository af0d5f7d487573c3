/** An error's text for people: its message and its causes', each said once. */
import { expect, it } from "vitest";
import { errorText } from "./log.ts";
import { RuntimeError } from "./runtime/runtime.ts";

it("tells an error's causes, and nothing twice", () => {
	const cause = new Error("401 Unauthorized");
	expect(errorText(new Error("cannot pull", { cause }))).toBe("cannot pull: 401 Unauthorized");
	expect(errorText(new RuntimeError("ErrImagePull", "cannot pull: 401 Unauthorized", { cause }))).toBe("cannot pull: 401 Unauthorized");
	expect(errorText(new AggregateError([cause, "text"], ""))).toBe("401 Unauthorized; text");
});
