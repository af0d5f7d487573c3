import { describe, expect, test } from "vitest";
import type { KubeObject } from "../meta/object.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import type { ManagedFieldsEntry } from "../schema/kubernetes.d.ts";
import { UPDATE_MANAGERS_MAX } from "./managed-entries.ts";
import { recordUpdate, type Writer } from "./managed-fields.ts";

const T1 = "2026-01-01T00:00:00Z";
const T2 = "2026-01-02T00:00:00Z";
const by = (manager: string, nowIso = T1, subresource = ""): Writer => ({ manager, apiVersion: "v1", nowIso, subresource });
const track = (type: string, old: KubeObject | undefined, next: unknown, writer: Writer): ManagedFieldsEntry[] | undefined =>
	recordUpdate(builtinSchema, type, old, next as KubeObject, writer);
const fieldsByManager = (entries: ManagedFieldsEntry[] | undefined): Record<string, unknown> =>
	Object.fromEntries((entries ?? []).map((entry) => [entry.manager ?? "", entry.fieldsV1]));

const configMap = (data: Record<string, string>, metadata: object = {}): KubeObject =>
	({
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: "c", namespace: "default", uid: "u", resourceVersion: "1", creationTimestamp: T1, ...metadata },
		data,
	}) as KubeObject;

const withFields = (object: KubeObject, managedFields: ManagedFieldsEntry[] | undefined): KubeObject => ({
	...object,
	metadata: { ...object.metadata, managedFields },
});

test("a creation owns what it sets, and nothing that the server sets", () => {
	expect(track("core/v1.ConfigMap", undefined, configMap({ b: "1", a: "2" }, { labels: { app: "x" } }), by("kubectl-create"))).toEqual([
		{
			manager: "kubectl-create",
			operation: "Update",
			apiVersion: "v1",
			time: T1,
			fieldsType: "FieldsV1",
			fieldsV1: { "f:data": { ".": {}, "f:a": {}, "f:b": {} }, "f:metadata": { "f:labels": { ".": {}, "f:app": {} } } },
		},
	]);
});

test("the elements are written in upstream's order", () => {
	const ports = [8080, 443, 80].map((containerPort) => ({ containerPort, protocol: "TCP" }));
	const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [{ name: "c", resources: {}, ports }] } };
	const entries = track("core/v1.Pod", undefined, pod, by("m"));
	expect(JSON.stringify(entries?.[0]?.fieldsV1)).toBe(
		'{"f:spec":{"f:containers":{"k:{\\"name\\":\\"c\\"}":{".":{},"f:name":{},"f:ports":{".":{},"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{},"f:protocol":{}},"k:{\\"containerPort\\":443,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{},"f:protocol":{}},"k:{\\"containerPort\\":8080,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},"f:resources":{}}}}}',
	);
});

describe("updates", () => {
	const created = configMap({ a: "1", b: "1" });
	const old = withFields(created, track("core/v1.ConfigMap", undefined, created, by("one")));

	test("a changed field goes to the writer, an added one too, a removed one goes from everybody", () => {
		const next = configMap({ a: "2", c: "3" });
		expect(fieldsByManager(track("core/v1.ConfigMap", old, next, by("two", T2)))).toEqual({
			one: { "f:data": {} },
			two: { "f:data": { "f:a": {}, "f:c": {} } },
		});
	});

	test("a write that changes nothing keeps the entries and their times", () => {
		expect(track("core/v1.ConfigMap", old, withFields(configMap({ a: "1", b: "1" }), undefined), by("two", T2))).toEqual(old.metadata.managedFields);
		expect(track("core/v1.ConfigMap", old, old, by("one", T2))).toEqual(old.metadata.managedFields);
	});

	test("the same manager's entry grows and takes the new time", () => {
		const entries = track("core/v1.ConfigMap", old, configMap({ a: "1", b: "1", c: "1" }), by("one", T2));
		expect(entries).toHaveLength(1);
		expect(entries?.[0]).toMatchObject({ time: T2, fieldsV1: { "f:data": { ".": {}, "f:a": {}, "f:b": {}, "f:c": {} } } });
	});

	test("a manager that is left with nothing goes", () => {
		const small = configMap({ a: "1" });
		const stored = withFields(small, track("core/v1.ConfigMap", undefined, small, by("one")));
		const next = { ...configMap({}), data: undefined } as KubeObject;
		delete (next as unknown as Record<string, unknown>)["data"];
		expect(track("core/v1.ConfigMap", stored, next, by("two", T2))).toBeUndefined();
	});

	test("[{}] turns tracking off, and it stays off; [] and nonsense change nothing", () => {
		const reset = withFields(configMap({ a: "2", b: "1" }), [{}]);
		expect(track("core/v1.ConfigMap", old, reset, by("two", T2))).toBeUndefined();
		expect(track("core/v1.ConfigMap", configMap({ a: "1" }), configMap({ a: "2" }), by("two", T2))).toBeUndefined();
		expect(track("core/v1.ConfigMap", old, withFields(configMap({ a: "1", b: "1" }), []), by("two", T2))).toEqual(old.metadata.managedFields);
		const nonsense = withFields(configMap({ a: "1", b: "1" }), [{ manager: "x", operation: "Update", fieldsType: "FieldsV1", fieldsV1: { "spam:a": {} } }]);
		expect(track("core/v1.ConfigMap", old, nonsense, by("two", T2))).toEqual(old.metadata.managedFields);
	});

	test("a client may edit the entries", () => {
		const edited = (old.metadata.managedFields ?? []).map((entry) => ({ ...entry, manager: "renamed" }));
		expect(fieldsByManager(track("core/v1.ConfigMap", old, withFields(configMap({ a: "1", b: "1" }), edited), by("two", T2)))).toEqual({
			renamed: { "f:data": { ".": {}, "f:a": {}, "f:b": {} } },
		});
	});

	test("the inputs are left alone", () => {
		const next = configMap({ a: "2" });
		const before = structuredClone({ old, next });
		track("core/v1.ConfigMap", old, next, by("two", T2));
		expect({ old, next }).toEqual(before);
	});
});

describe("status", () => {
	const pod = (status: object, managedFields?: ManagedFieldsEntry[]): KubeObject =>
		({
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: "p", managedFields },
			spec: { containers: [{ name: "c", image: "i" }] },
			status,
		}) as unknown as KubeObject;

	test("a main write owns no status, a status write its own entry", () => {
		const created = track("core/v1.Pod", undefined, pod({ phase: "Pending" }), by("kubectl"));
		expect(created).toHaveLength(1);
		expect(created?.[0]?.fieldsV1).not.toHaveProperty("f:status");
		const next = pod({ phase: "Running", conditions: [{ type: "Ready", status: "True" }] }, created);
		expect(track("core/v1.Pod", pod({ phase: "Pending" }, created), next, by("kubelet", T2, "status"))?.[1]).toEqual({
			manager: "kubelet",
			operation: "Update",
			apiVersion: "v1",
			time: T2,
			fieldsType: "FieldsV1",
			fieldsV1: { "f:status": { "f:conditions": { ".": {}, 'k:{"type":"Ready"}': { ".": {}, "f:status": {}, "f:type": {} } }, "f:phase": {} } },
			subresource: "status",
		});
	});
});

test("no more than the cap of Update entries: the oldest are merged", () => {
	let object = configMap({});
	for (let i = 0; i < UPDATE_MANAGERS_MAX + 3; i++) {
		const data = Object.fromEntries(Array.from({ length: i + 1 }, (_, n) => [`k${n}`, "v"]));
		const next = configMap(data);
		const time = `2026-01-01T00:00:${String(i).padStart(2, "0")}Z`;
		const entries = track("core/v1.ConfigMap", i === 0 ? undefined : object, next, by(`m${i}`, time));
		object = withFields(next, entries);
	}
	const managers = (object.metadata.managedFields ?? []).map((entry) => entry.manager);
	expect(managers).toHaveLength(UPDATE_MANAGERS_MAX);
	expect(managers[0]).toBe("ancient-changes");
	expect(object.metadata.managedFields?.[0]?.fieldsV1).toEqual({ "f:data": { ".": {}, "f:k0": {}, "f:k1": {}, "f:k2": {}, "f:k3": {} } });
});
