import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { whatWorks, withTable } from "./what-works.ts";

const root = join(import.meta.dirname, "..");

it("the README's table of what works is the tests' (else: node tools/what-works.ts)", () => {
	const readme = readFileSync(join(root, "README.md"), "utf8");
	expect(withTable(readme, whatWorks(root))).toBe(readme);
});
