import { expect, it } from "vitest";
import { jsonHeader, parseWarnings, warningHeader } from "./header-text.ts";

it("keeps a JSON header printable and the same", () => {
	const header = jsonHeader({ name: "ümlaut 日本 \u007f 🚀\n" });
	expect(header).toMatch(/^[\x20-\x7e]*$/);
	expect(JSON.parse(header)).toEqual({ name: "ümlaut 日本 \u007f 🚀\n" });
});

it("writes warnings as upstream does", () => {
	expect(warningHeader('use "new"\nnot old')).toBe('299 - "use \\"new\\" not old"');
});

it("reads the warnings an object sends", () => {
	expect(parseWarnings(jsonHeader(["é"]))).toEqual(["é"]);
	expect(parseWarnings(null)).toEqual([]);
});
