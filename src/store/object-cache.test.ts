import { expect, it } from "vitest";
import type { KubeObject } from "../core/meta/object.ts";
import { CACHED_OBJECTS_MAX, ObjectCache } from "./object-cache.ts";

const object = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Pod", metadata: { name } });
const names = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

it("keeps what a list longer than itself began with, for the next time it is read", () => {
	const cache = new ObjectCache();
	const all = names(CACHED_OBJECTS_MAX + 100, "p");
	for (const name of all) cache.setListed("pods", name, 1, object(name));
	expect(all.filter((name) => cache.get("pods", name, 1) !== undefined)).toHaveLength(CACHED_OBJECTS_MAX);
});

it("gives no room to Events", () => {
	const cache = new ObjectCache();
	const pods = names(100, "p");
	for (const name of pods) cache.set("pods", name, 1, object(name));
	for (const name of names(CACHED_OBJECTS_MAX, "e")) cache.set("events", name, 1, object(name));
	expect(pods.every((name) => cache.latest("pods", name) !== undefined)).toBe(true);
});

it("takes what was written last, however full it is", () => {
	const cache = new ObjectCache();
	for (const name of names(CACHED_OBJECTS_MAX, "p")) cache.set("pods", name, 1, object(name));
	cache.set("pods", "new", 2, object("new"));
	expect(cache.latest("pods", "new")?.metadata.name).toBe("new");
});
