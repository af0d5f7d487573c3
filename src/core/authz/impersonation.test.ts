/** Impersonation: who may act as whom, doing what. */
import { describe, expect, it } from "vitest";
import type { UserInfo } from "../api/request.ts";
import { type Attributes, isPathRequest, type ResourceAttributes } from "./attributes.ts";
import { impersonate } from "./impersonation.ts";

const LIST_PODS: ResourceAttributes = { verb: "list", group: "", resource: "pods", subresource: "", namespace: "shop", name: "" };
const requestor: UserInfo = { name: "bot", groups: ["system:authenticated"] };
const user = (name: string, more: Partial<UserInfo> = {}): UserInfo => ({ name, groups: [], ...more });

/** "verb resource[/subresource] name", or "verb path". */
const textOf = (attributes: Attributes): string => {
	if (isPathRequest(attributes)) return `${attributes.verb} ${attributes.path}`;
	const { verb, group, resource, subresource, namespace, name } = attributes;
	return `${verb} ${group}${group ? "/" : ""}${resource}${subresource ? `/${subresource}` : ""} ${namespace}${namespace ? "/" : ""}${name}`;
};

function attempt(target: UserInfo, allowed: readonly string[], by = requestor, request: Attributes = LIST_PODS) {
	const asked: string[] = [];
	const decide = (attributes: Attributes) => {
		asked.push(textOf(attributes));
		return { allowed: allowed.includes(textOf(attributes)), reason: "" };
	};
	try {
		return { asked, ...impersonate(by, target, request, decide) };
	} catch (error) {
		return { asked, refusal: (error as Error).message };
	}
}

describe("a constrained impersonation", () => {
	it("asks what is done as the other, and then whom it is done as", () => {
		const target = user("jane", { uid: "7", groups: ["dev"], extra: { "example.com/scope": ["read"] } });
		const allowed = [
			"impersonate-on:user-info:list pods shop/",
			"impersonate:user-info authentication.k8s.io/users jane",
			"impersonate:user-info authentication.k8s.io/uids 7",
			"impersonate:user-info authentication.k8s.io/groups dev",
			"impersonate:user-info authentication.k8s.io/userextras/example.com/scope read",
		];
		expect(attempt(target, allowed)).toEqual({
			asked: allowed,
			constraint: "impersonate:user-info",
			user: { ...target, groups: ["dev", "system:authenticated"] },
		});
	});

	it("of a path asks for the path", () => {
		const allowed = ["impersonate-on:user-info:get /metrics", "impersonate:user-info authentication.k8s.io/users jane"];
		expect(attempt(user("jane"), allowed, requestor, { verb: "get", path: "/metrics" })).toMatchObject({ constraint: "impersonate:user-info" });
	});

	it("never makes anybody a master, nor takes nonsense for extra", () => {
		const on = "impersonate-on:user-info:list pods shop/";
		const name = "impersonate:user-info authentication.k8s.io/users jane";
		expect(attempt(user("jane", { groups: ["system:masters"] }), [on, name]).refusal).toBe(
			'groups.authentication.k8s.io "system:masters" is forbidden: User "bot" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed',
		);
		expect(attempt(user("jane", { extra: { scope: ["a"] } }), [on, name]).refusal).toContain(
			'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scope": must be a domain-prefixed path (such as "acme.io/foo")',
		);
	});

	it("asks once for many groups", () => {
		const target = user("jane", { groups: ["a", "b", "c", "d"] });
		const allowed = [
			"impersonate-on:user-info:list pods shop/",
			"impersonate:user-info authentication.k8s.io/users jane",
			"impersonate:user-info authentication.k8s.io/groups *",
		];
		expect(attempt(target, allowed).asked).toEqual(allowed);
	});

	it("of a node gives it the groups of a node; its own pods' accounts may be let act as their node alone", () => {
		const arbitrary = ["impersonate-on:arbitrary-node:list pods shop/", "impersonate:arbitrary-node authentication.k8s.io/nodes n1"];
		expect(attempt(user("system:node:n1"), arbitrary)).toMatchObject({
			constraint: "impersonate:arbitrary-node",
			user: { name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
		});
		const associated = ["impersonate-on:associated-node:list pods shop/", "impersonate:associated-node authentication.k8s.io/nodes *"];
		const agent = (node: string) => user("system:serviceaccount:kube-system:agent", { extra: { "authentication.kubernetes.io/node-name": [node] } });
		expect(attempt(user("system:node:n1"), associated, agent("n1"))).toMatchObject({ constraint: "impersonate:associated-node" });
		expect(attempt(user("system:node:n1"), associated, agent("n2")).refusal).toContain('cannot impersonate-on:arbitrary-node:list resource "pods"');
	});

	it("of a ServiceAccount is by its name alone", () => {
		const allowed = ["impersonate-on:serviceaccount:list pods shop/", "impersonate:serviceaccount authentication.k8s.io/serviceaccounts a/b"];
		expect(attempt(user("system:serviceaccount:a:b"), allowed)).toMatchObject({
			constraint: "impersonate:serviceaccount",
			user: { groups: ["system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"] },
		});
		expect(attempt(user("system:serviceaccount:a:b", { groups: ["x"] }), allowed).asked).toEqual(["impersonate serviceaccounts a/b"]);
	});
});

describe("the verb impersonate", () => {
	it("still allows everything, whatever is done", () => {
		const target = user("jane", { groups: ["system:masters"] });
		expect(attempt(target, ["impersonate users jane", "impersonate groups system:masters"])).toMatchObject({
			constraint: "",
			user: { groups: ["system:masters", "system:authenticated"] },
		});
		expect(attempt(user("system:node:n1"), ["impersonate users system:node:n1"])).toMatchObject({ constraint: "", user: { groups: ["system:authenticated"] } });
	});

	it("is refused as the first mode that might have served refuses", () => {
		expect(attempt(user("jane"), []).refusal).toBe(
			'pods is forbidden: User "bot" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "shop"',
		);
	});
});
