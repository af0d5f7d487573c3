import { HTTP } from "cloudevents";
import { describe, expect, it } from "vitest";
import { builtinKinds } from "../kinds/registry.ts";
import type { KindDefinition } from "../kinds/define-kind.ts";
import type { KubeObject } from "../meta/object.ts";
import { type DeliveredChange, eventOf, requestOf, testEvent } from "./cloud-event.ts";

const kind = builtinKinds.byKind("apps", "v1", "Deployment") as KindDefinition;
const object = (replicas: number): KubeObject & { spec: object } => ({
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "web", namespace: "shop", uid: "u1", managedFields: [] },
	spec: { replicas },
});
const delivered = (changed: Partial<DeliveredChange> = {}): DeliveredChange => ({
	cluster: "default",
	change: "Updated",
	kind,
	revision: 4097,
	momentMs: Date.UTC(2026, 0, 1),
	object: object(2),
	oldObject: object(1),
	subscription: { namespace: "shop", name: "s" },
	...changed,
});
const dataOf = (data: string, changed: Partial<DeliveredChange> = {}) => eventOf(delivered(changed), { data }).data;
const bare = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop", uid: "u1" } };

describe("a change as a CloudEvent", () => {
	it("has attributes that tell what changed without its data", () => {
		expect(eventOf(delivered(), {}).attributes).toEqual({
			specversion: "1.0",
			id: "evt_u1_4097",
			source: "/clusters/default",
			type: "dev.petrel.object.updated",
			subject: "/apis/apps/v1/namespaces/shop/deployments/web",
			time: "2026-01-01T00:00:00.000Z",
			datacontenttype: "application/json",
			apiversion: "apps/v1",
			kind: "Deployment",
			namespace: "shop",
			name: "web",
			resourceversion: "4097",
			subscription: "shop/s",
		});
	});

	it.each([
		["Object", {}, { object: { ...bare, spec: { replicas: 2 } } }],
		["Object", { change: "Deleted" as const }, { object: { ...bare, spec: { replicas: 2 } } }],
		["Metadata", {}, { object: bare }],
		["ObjectAndOldObject", {}, { object: { ...bare, spec: { replicas: 2 } }, oldObject: { ...bare, spec: { replicas: 1 } } }],
		["ObjectAndOldObject", { oldObject: undefined }, { object: { ...bare, spec: { replicas: 2 } }, oldObject: null }],
		["ObjectAndOldObject", { change: "Deleted" as const }, { object: null, oldObject: { ...bare, spec: { replicas: 2 } } }],
		["JSONPatch", {}, { patch: [{ op: "replace", path: "/spec/replicas", value: 2 }] }],
		["JSONPatch", { change: "Created" as const, oldObject: undefined }, { object: { ...bare, spec: { replicas: 2 } } }],
	])("carries %s, without who wrote which field", (data, changed, expected) => {
		expect(dataOf(data, changed)).toEqual(expected);
	});

	it.each(["Structured", "Binary"])("is read by the CloudEvents SDK in the mode %s", (format) => {
		const event = eventOf(delivered({ object: { ...object(2), metadata: { ...object(2).metadata, name: 'ü "%' } } }), {});
		const { headers, body } = requestOf(event, { format });
		const read = HTTP.toEvent({ headers, body });
		expect(read).toMatchObject({ id: "evt_u1_4097", type: "dev.petrel.object.updated", kind: "Deployment", data: event.data });
		for (const value of Object.values(headers)) expect(value).toMatch(/^[\x21-\x7e]+$/);
		if (format === "Binary") expect(headers["ce-name"]).toBe("%C3%BC%20%22%25");
	});

	it("may tell of nothing, for a test", () => {
		const { headers, body } = requestOf(testEvent("default", "test_1", 0, { namespace: "", name: "all" }), {});
		expect(HTTP.toEvent({ headers, body })).toMatchObject({ type: "dev.petrel.webhook.test", subscription: "all", id: "test_1" });
	});
});
