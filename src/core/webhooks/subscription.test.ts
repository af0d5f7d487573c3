import { describe, expect, it } from "vitest";
import { builtinKinds } from "../kinds/registry.ts";
import type { KubeObject } from "../meta/object.ts";
import type { WebhookSubscriptionSpec } from "../schema/kubernetes.d.ts";
import { type ObservedChange, Subscription } from "./subscription.ts";

const POD: KubeObject & { status: object } = {
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
	status: { phase: "Running" },
};

function subscribe(spec: Partial<WebhookSubscriptionSpec>): Subscription {
	const rules = [{ apiGroups: [""], resources: ["pods"] }];
	return new Subscription(
		{ apiVersion: "events.petrel.dev/v1", kind: "WebhookSubscription", metadata: { name: "s" }, spec: { rules, target: {}, ...spec } },
		builtinKinds,
	);
}

const updated = (changed: Partial<ObservedChange> = {}): ObservedChange => ({
	change: "Updated",
	name: "web",
	namespace: "shop",
	namespaceLabels: { team: "a" },
	before: { labels: { app: "old" }, fields: { "status.phase": "Pending" } },
	after: { labels: { app: "web" }, fields: { "status.phase": "Running" } },
	object: () => POD,
	oldObject: () => ({ ...POD, status: { phase: "Pending" } }),
	...changed,
});

function wants(spec: Partial<WebhookSubscriptionSpec>, change = updated(), resource = "pods"): boolean | { problem: string } {
	const subscription = subscribe(spec);
	const selection = subscription.selection(resource);
	return selection !== undefined && subscription.wants(selection, change);
}

const rule = (apiGroups: string[], resources: string[], rest: object = {}) => ({ rules: [{ apiGroups, resources, ...rest }] });

describe("the rules of a subscription", () => {
	it.each([
		["by name", rule([""], ["pods"]), "pods", true],
		["by kind", { rules: [{ apiGroups: ["apps"], kinds: ["Deployment"] }] }, "apps/deployments", true],
		["by wildcards", rule(["*"], ["*"]), "apps/deployments", true],
		["of another group", rule(["apps"], ["pods"]), "pods", false],
		["of a version that is not served", rule([""], ["pods"], { apiVersions: ["v2"] }), "pods", false],
		["of another version than the stored one", rule(["autoscaling"], ["*"], { apiVersions: ["v1"] }), "autoscaling/horizontalpodautoscalers", true],
		["never about subscriptions", rule(["*"], ["*"]), "events.petrel.dev/webhooksubscriptions", false],
		["never about the cluster's", rule(["*"], ["*"]), "events.petrel.dev/clusterwebhooksubscriptions", false],
	])("name a collection %s", (_, spec, resource, expected) => {
		expect(subscribe(spec as Partial<WebhookSubscriptionSpec>).selection(resource) !== undefined).toBe(expected);
	});

	it("show objects in the version they name", () => {
		expect(subscribe(rule(["autoscaling"], ["*"], { apiVersions: ["v1"] })).selection("autoscaling/horizontalpodautoscalers")?.kind.version).toBe("v1");
		expect(subscribe(rule(["autoscaling"], ["*"])).selection("autoscaling/horizontalpodautoscalers")?.kind.version).toBe("v2");
	});

	it("name changes", () => {
		expect(wants(rule([""], ["pods"], { changes: ["Created", "Deleted"] }))).toBe(false);
		expect(wants(rule([""], ["pods"], { changes: ["Updated"] }))).toBe(true);
	});
});

describe("the selectors of a subscription", () => {
	it.each([
		["labels before the change", { objectSelector: { matchLabels: { app: "old" } } }, true],
		["labels after the change", { objectSelector: { matchLabels: { app: "web" } } }, true],
		["other labels", { objectSelector: { matchLabels: { app: "db" } } }, false],
		["a field after the change", { fieldSelector: "status.phase=Running" }, true],
		["a field of neither", { fieldSelector: "status.phase=Failed" }, false],
		["a field that the kind lacks", { fieldSelector: "spec.unknown!=x" }, false],
		["name and namespace", { fieldSelector: "metadata.name=web,metadata.namespace=shop" }, true],
		["labels of the namespace", { namespaceSelector: { matchLabels: { team: "a" } } }, true],
		["another namespace's", { namespaceSelector: { matchLabels: { team: "b" } } }, false],
	])("pick by %s", (_, spec, expected) => {
		expect(wants(spec)).toBe(expected);
	});

	it("leave what is in no namespace alone", () => {
		expect(wants({ namespaceSelector: { matchLabels: { team: "b" } } }, updated({ namespaceLabels: undefined }))).toBe(true);
	});
});

describe("the condition of a subscription", () => {
	const becameRunning = "object.status.phase == 'Running' && (oldObject == null || oldObject.status.phase != 'Running')";

	it("sees the object before and after", () => {
		expect(wants({ condition: becameRunning })).toBe(true);
		expect(wants({ condition: becameRunning }, updated({ oldObject: () => POD }))).toBe(false);
		expect(wants({ condition: becameRunning }, updated({ change: "Created", before: null, oldObject: () => undefined }))).toBe(true);
	});

	it("has no object of a deletion but the old one", () => {
		const deleted = updated({ change: "Deleted", after: null });
		expect(wants({ condition: "object == null && oldObject.metadata.name == 'web' && change == 'Deleted'" }, deleted)).toBe(true);
	});

	it("tells what cannot be evaluated, and what costs too much", () => {
		expect(wants({ condition: "object.spec.replicas > 1" })).toEqual({ problem: "no such key: spec" });
		const costly =
			"[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, a+b+c+d+e+f > 0))))))";
		expect(wants({ condition: costly })).toEqual({ problem: expect.stringMatching(/cost/) });
	});

	it("wants the old object kept only where it is used", () => {
		expect(subscribe({}).wantsOld).toBe(false);
		expect(subscribe({ condition: becameRunning }).wantsOld).toBe(true);
		expect(subscribe({ payload: { data: "JSONPatch" } }).wantsOld).toBe(true);
	});
});
