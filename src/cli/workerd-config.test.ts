import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "./bundle.ts";
import { COMPATIBILITY_DATE, COMPATIBILITY_FLAGS, DURABLE_OBJECTS } from "./workerd-config.ts";

it("runs the Worker as wrangler.toml deploys it", () => {
	const toml = readFileSync(join(packageRoot, "wrangler.toml"), "utf8");
	expect(/^compatibility_date = "(.*)"$/m.exec(toml)?.[1]).toBe(COMPATIBILITY_DATE);
	expect(/^compatibility_flags = (.*)$/m.exec(toml)?.[1]).toBe(`[${COMPATIBILITY_FLAGS.map((flag) => `"${flag}"`).join(", ")}]`);
	const bindings = [...toml.matchAll(/^name = "([A-Z]+)"\nclass_name = "(\w+)"$/gm)].map((match) => [match[1], match[2]]);
	expect(bindings).toEqual(Object.entries(DURABLE_OBJECTS));
	// Each migration adds classes to those before.
	const classes = [...toml.matchAll(/^new_sqlite_classes = (.*)$/gm)].flatMap((match) => JSON.parse(match[1] ?? "[]") as string[]);
	expect(classes).toEqual(Object.values(DURABLE_OBJECTS));
});
