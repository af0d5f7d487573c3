import { expect, it } from "vitest";
import { parseRequestUrl } from "./request-url.ts";

it.each([
	"https://localhost:6443/api/v1/namespaces/default/pods",
	"https://localhost:6443/api/v1/pods?labelSelector=a%3Db&limit=5",
	"https://localhost/api/v1/pods?",
	"https://localhost/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
	"https://localhost/a/../b",
	"https://localhost/a/./b/..",
	"https://localhost/a%2fb/%2E%2E/c",
	"https://localhost/a\\b",
	"https://localhost/ä?ö=ü",
	"https://localhost//x//",
	"https://localhost/",
	"https://[::1]:6443/a?b=c?d&e=f+g",
])("finds in %s what a URL parser finds", (text) => {
	const { pathname, searchParams } = new URL(text);
	const parsed = parseRequestUrl(text);
	expect([parsed.pathname, [...parsed.query]]).toEqual([pathname, [...searchParams]]);
});
