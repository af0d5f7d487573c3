import fc from "fast-check";
import { expect, test } from "vitest";
import { builtinSchema } from "../schema/builtin-schema.ts";
import { mergeValues, rootShape } from "./typed-value.ts";

test("merging lists by key keeps every item once, the config's order, and the order of the others", () => {
	const names = fc.uniqueArray(fc.constantFrom<string>("a", "b", "c", "d", "e", "f", "g"));
	const shape = rootShape(builtinSchema, "core/v1.PodSpec");
	const asSpec = (list: string[], image: string) => ({ containers: list.map((name) => ({ name, image })) });
	fc.assert(
		fc.property(names, names, (live, config) => {
			const merged = mergeValues(builtinSchema, shape, asSpec(live, "old"), asSpec(config, "new")) as ReturnType<typeof asSpec>;
			const order = merged.containers.map((container) => container.name);
			expect(order.filter((name) => config.includes(name))).toEqual(config);
			expect(order.filter((name) => !config.includes(name))).toEqual(live.filter((name) => !config.includes(name)));
			for (const container of merged.containers) expect(container.image).toBe(config.includes(container.name) ? "new" : "old");
		}),
	);
});
