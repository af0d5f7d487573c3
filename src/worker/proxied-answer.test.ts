import { describe, expect, test } from "vitest";
import { rewrittenUrl } from "./proxied-answer.ts";

const prefix = { protocol: "https:", host: "api.example:6443", path: "/api/v1/namespaces/default/services/web/proxy", targetHost: "10.1.2.3:80" };
const through = `https://api.example:6443${prefix.path}`;

describe("a URL in a proxied answer", () => {
	test.each([
		["/next?x=1", `${through}/next?x=1`],
		["http://10.1.2.3:80/next", `${through}/next`],
		["//10.1.2.3:80/next", `${through}/next`],
		["https://api.example:6443/next", `${through}/next`],
		[`${prefix.path}/next`, `${prefix.path}/next`],
		["near.png", "near.png"],
		["#part", "#part"],
		["mailto:someone@example", "mailto:someone@example"],
		["https://other.example/", "https://other.example/"],
		["https://other.example", "https://other.example"],
	])("%s", (url, expected) => {
		expect(rewrittenUrl(url, prefix)).toBe(expected);
	});
});
