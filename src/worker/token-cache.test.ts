import { expect, it } from "vitest";
import { TokenCache } from "./token-cache.ts";

it("forgets the least recently used beyond its limit", () => {
	const cache = new TokenCache<number>(2, 1000);
	cache.set("a", 1, 0);
	cache.set("b", 2, 0);
	expect(cache.get("a", 0)).toBe(1);
	cache.set("c", 3, 0);
	expect(cache.get("b", 0)).toBeUndefined();
	expect(cache.get("a", 0)).toBe(1);
	expect(cache.size).toBe(2);
});

it("believes nothing longer than its lifetime or the token's own", () => {
	const cache = new TokenCache<number>(10, 1000);
	cache.set("long", 1, 0);
	cache.set("short", 2, 0, 500);
	expect(cache.get("short", 499)).toBe(2);
	expect(cache.get("short", 500)).toBeUndefined();
	expect(cache.get("long", 999)).toBe(1);
	expect(cache.get("long", 1000)).toBeUndefined();
});
