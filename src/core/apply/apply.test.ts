import { describe, expect, test } from "vitest";
import { StatusError } from "../errors/status-error.ts";
import type { KubeObject } from "../meta/object.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import type { ManagedFieldsEntry } from "../schema/kubernetes.d.ts";
import { type ApplyOptions, serverSideApply } from "./apply.ts";
import { recordUpdate } from "./managed-fields.ts";

const T1 = "2026-01-01T00:00:00Z";
const T2 = "2026-01-02T00:00:00Z";

interface Loose {
	spec: Record<string, unknown>;
	data: Record<string, string>;
	metadata: { labels: unknown; annotations: Record<string, string>; managedFields: ManagedFieldsEntry[] };
}

const TYPES: Record<string, [string, string]> = {
	Deployment: ["apps/v1.Deployment", "apps/v1"],
	Service: ["core/v1.Service", "v1"],
	ConfigMap: ["core/v1.ConfigMap", "v1"],
	Pod: ["core/v1.Pod", "v1"],
};

const object = (kind: string, rest: object, metadata: object = {}): KubeObject =>
	({ apiVersion: TYPES[kind]?.[1], kind, metadata: { name: "x", namespace: "default", ...metadata }, ...rest }) as KubeObject;

function apply(live: KubeObject | undefined, config: KubeObject, manager: string, options: Partial<ApplyOptions> = {}): KubeObject {
	const [type, apiVersion] = TYPES[config.kind] as [string, string];
	return serverSideApply(builtinSchema, type, live, config, { manager, force: false, nowIso: T1, subresource: "", apiVersion, ...options });
}

function update(live: KubeObject | undefined, next: KubeObject, manager: string): KubeObject {
	const [type, apiVersion] = TYPES[next.kind] as [string, string];
	const managedFields = recordUpdate(builtinSchema, type, live, next, { manager, apiVersion, nowIso: T1, subresource: "" });
	return { ...next, metadata: { ...next.metadata, managedFields } };
}

const loose = (value: KubeObject): Loose => value as unknown as Loose;
const entryOf = (value: KubeObject, manager: string): ManagedFieldsEntry | undefined =>
	value.metadata.managedFields?.find((entry) => entry.manager === manager);

function refusal(run: () => unknown): StatusError {
	try {
		run();
	} catch (error) {
		if (error instanceof StatusError) return error;
		throw error;
	}
	throw new Error("nothing was refused");
}

const deployment = (spec: object, metadata: object = {}): KubeObject => object("Deployment", { spec }, metadata);

test("applying creates, with one Apply entry of exactly what was given", () => {
	const created = apply(undefined, deployment({ replicas: 2 }, { labels: { app: "x" } }), "me");
	expect(created).toMatchObject({ kind: "Deployment", metadata: { name: "x", labels: { app: "x" } }, spec: { replicas: 2 } });
	expect(created.metadata.managedFields).toEqual([
		{
			manager: "me",
			operation: "Apply",
			apiVersion: "apps/v1",
			time: T1,
			fieldsType: "FieldsV1",
			fieldsV1: { "f:metadata": { "f:labels": { "f:app": {} } }, "f:spec": { "f:replicas": {} } },
		},
	]);
});

describe("conflicts", () => {
	const live = update(undefined, deployment({ replicas: 3, paused: true }), "kubectl-client-side-apply");

	test("taking another's field is a 409 with upstream's words", () => {
		const error = refusal(() => apply(live, deployment({ replicas: 5 }), "me"));
		expect(error.status).toMatchObject({
			code: 409,
			reason: "Conflict",
			message: 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
			details: { causes: [{ reason: "FieldManagerConflict", message: 'conflict with "kubectl-client-side-apply" using apps/v1', field: ".spec.replicas" }] },
		});
	});

	test("several fields of several managers are all named", () => {
		const other = apply(live, deployment({ minReadySeconds: 4 }), "other");
		const error = refusal(() => apply(other, deployment({ replicas: 5, paused: false, minReadySeconds: 5 }), "me"));
		expect(error.message).toBe(
			'Apply failed with 3 conflicts: conflicts with "kubectl-client-side-apply" using apps/v1:\n- .spec.paused\n- .spec.replicas\nconflicts with "other":\n- .spec.minReadySeconds',
		);
	});

	test("the same value is shared, not fought over", () => {
		const shared = apply(live, deployment({ replicas: 3 }), "me");
		expect(entryOf(shared, "me")?.fieldsV1).toEqual({ "f:spec": { "f:replicas": {} } });
		expect(entryOf(shared, "kubectl-client-side-apply")?.fieldsV1).toEqual({ "f:spec": { "f:paused": {}, "f:replicas": {} } });
	});

	test("force takes the field", () => {
		const forced = apply(live, deployment({ replicas: 5 }), "me", { force: true });
		expect(loose(forced).spec).toEqual({ replicas: 5, paused: true });
		expect(entryOf(forced, "kubectl-client-side-apply")?.fieldsV1).toEqual({ "f:spec": { "f:paused": {} } });
	});

	test("an item's field is named by the item's keys", () => {
		const template = (image: string): object => ({ template: { spec: { containers: [{ name: "app", image }] } } });
		const first = apply(undefined, deployment(template("a")), "first");
		expect(refusal(() => apply(first, deployment(template("b")), "second")).message).toBe(
			'Apply failed with 1 conflict: conflict with "first": .spec.template.spec.containers[name="app"].image',
		);
	});
});

describe("what is no longer given", () => {
	test("goes when nobody else owns it, and stays when somebody does", () => {
		const first = apply(undefined, object("ConfigMap", { data: { a: "1", b: "2", c: "3" } }), "one");
		const both = apply(first, object("ConfigMap", { data: { b: "2" } }), "two");
		const less = apply(both, object("ConfigMap", { data: { c: "3" } }), "one", { nowIso: T2 });
		expect(loose(less).data).toEqual({ b: "2", c: "3" });
		expect(entryOf(less, "one")).toMatchObject({ time: T2, fieldsV1: { "f:data": { "f:c": {} } } });
	});

	test("a list's item goes as a whole, others' items stay", () => {
		const pod = (containers: object[]): KubeObject => object("Pod", { spec: { containers } });
		const first = apply(
			undefined,
			pod([
				{ name: "a", image: "a", env: [{ name: "X", value: "1" }] },
				{ name: "b", image: "b" },
			]),
			"one",
		);
		const both = apply(first, pod([{ name: "c", image: "c" }]), "two");
		const less = apply(both, pod([{ name: "b", image: "b" }]), "one");
		expect(loose(less).spec).toEqual({
			containers: [
				{ name: "b", image: "b" },
				{ name: "c", image: "c" },
			],
		});
		const noEnv = apply(
			first,
			pod([
				{ name: "a", image: "a" },
				{ name: "b", image: "b" },
			]),
			"one",
		);
		expect(loose(noEnv).spec).toEqual({
			containers: [
				{ name: "a", image: "a" },
				{ name: "b", image: "b" },
			],
		});
	});

	test("fields that a plain update has added stay", () => {
		const first = apply(undefined, deployment({ replicas: 1, minReadySeconds: 3 }), "one");
		const scaled = update(first, { ...first, spec: { ...loose(first).spec, paused: true } } as KubeObject, "controller");
		const less = apply(scaled, deployment({ replicas: 1 }), "one");
		expect(loose(less).spec).toEqual({ replicas: 1, paused: true });
	});

	test("the last field takes its struct with it", () => {
		const first = apply(undefined, deployment({ replicas: 1, strategy: { type: "Recreate" } }), "one");
		expect(loose(apply(first, deployment({ replicas: 1 }), "one")).spec).toEqual({ replicas: 1 });
	});
});

describe("lists", () => {
	test("by keys, one of them defaulted", () => {
		const service = (ports: object[]): KubeObject => object("Service", { spec: { ports } });
		const live = update(
			undefined,
			service([
				{ port: 80, protocol: "TCP", targetPort: 80 },
				{ port: 53, protocol: "UDP" },
			]),
			"creator",
		);
		const merged = apply(live, service([{ port: 80, name: "http" }]), "me");
		expect(loose(merged).spec["ports"]).toEqual([
			{ port: 80, protocol: "TCP", targetPort: 80, name: "http" },
			{ port: 53, protocol: "UDP" },
		]);
		expect(entryOf(merged, "me")?.fieldsV1).toEqual({ "f:spec": { "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {} } } } });
	});

	test("the given order is kept among the given, the rest stays in its place", () => {
		const pod = (...names: string[]): KubeObject => object("Pod", { spec: { containers: names.map((name) => ({ name })) } });
		const names = (value: KubeObject): string[] => (loose(value).spec["containers"] as { name: string }[]).map((c) => c.name);
		expect(names(apply(pod("a", "b", "c"), pod("c", "a"), "me"))).toEqual(["b", "c", "a"]);
		expect(names(apply(pod("a", "b"), pod("a", "x", "b"), "me"))).toEqual(["a", "x", "b"]);
		expect(names(apply(pod("a", "b", "c"), pod("d"), "me"))).toEqual(["a", "b", "c", "d"]);
	});

	test("sets: each value has its owner", () => {
		const withFinalizers = (...finalizers: string[]): KubeObject => object("ConfigMap", {}, { finalizers });
		const first = apply(undefined, withFinalizers("a/x", "b/x"), "one");
		const both = apply(first, withFinalizers("c/x"), "two");
		expect(both.metadata.finalizers).toEqual(["a/x", "b/x", "c/x"]);
		expect(apply(both, withFinalizers("b/x"), "one").metadata.finalizers).toEqual(["b/x", "c/x"]);
	});

	test("atomic lists and maps are owned whole", () => {
		const spec = (value: object): KubeObject => object("Service", { spec: value });
		const first = apply(undefined, spec({ selector: { a: "1", b: "2" } }), "one");
		expect(entryOf(first, "one")?.fieldsV1).toEqual({ "f:spec": { "f:selector": {} } });
		expect(loose(apply(first, spec({ selector: { c: "3" } }), "one")).spec).toEqual({ selector: { c: "3" } });
		expect(refusal(() => apply(first, spec({ selector: { c: "3" } }), "two")).message).toContain(".spec.selector");
	});
});

describe("refusals", () => {
	test("undeclared fields and repeated items, in upstream's words", () => {
		expect(refusal(() => apply(undefined, deployment({ spam: 1 }), "me")).message).toBe(
			"failed to create typed patch object (default/x; apps/v1, Kind=Deployment): .spec.spam: field not declared in schema",
		);
		const twice = object("Service", { spec: { ports: [{ port: 80 }, { port: 80, protocol: "TCP" }] } });
		expect(refusal(() => apply(undefined, twice, "me")).message).toContain('.spec.ports: duplicate entries for key [port=80,protocol="TCP"]');
	});

	test("managedFields in the config, and another version", () => {
		expect(refusal(() => apply(undefined, deployment({}, { managedFields: [{ manager: "a" }] }), "me"))).toMatchObject({
			code: 400,
			message: "metadata.managedFields must be nil",
		});
		const old = { ...deployment({}), apiVersion: "apps/v1beta1" };
		expect(refusal(() => apply(undefined, old, "me")).message).toBe(
			"Incorrect version specified in apply patch. Specified patch version: apps/v1beta1, expected: apps/v1",
		);
	});
});

describe("from client-side apply", () => {
	const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
	const config = deployment({ replicas: 3 });
	const live = update(
		undefined,
		deployment({ replicas: 3, paused: true }, { annotations: { [lastApplied]: JSON.stringify(config) } }),
		"kubectl-client-side-apply",
	);

	test("kubectl takes over what its annotation names, without force, and keeps the annotation", () => {
		const applied = apply(live, deployment({ replicas: 4 }), "kubectl");
		expect(loose(applied).spec).toEqual({ replicas: 4, paused: true });
		expect(JSON.parse(loose(applied).metadata.annotations[lastApplied] as string)).toMatchObject({ spec: { replicas: 4 } });
		expect(refusal(() => apply(live, deployment({ replicas: 4, paused: false }), "kubectl")).message).toBe(
			'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.paused',
		);
		expect(refusal(() => apply(live, deployment({ replicas: 4 }), "other")).code).toBe(409);
	});

	test("an object that was never tracked belongs to before-first-apply", () => {
		const untracked = deployment({ replicas: 3 });
		expect(refusal(() => apply(untracked, deployment({ replicas: 4 }), "me")).message).toBe(
			'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
		);
		expect(apply(untracked, deployment({ paused: true }), "me").metadata.managedFields?.map((entry) => entry.manager)).toEqual(["me", "before-first-apply"]);
	});
});

test("the main resource's apply owns no status", () => {
	const applied = apply(undefined, object("Deployment", { spec: { replicas: 1 }, status: { replicas: 7 } }), "me");
	expect(entryOf(applied, "me")?.fieldsV1).toEqual({ "f:spec": { "f:replicas": {} } });
});

test("applying the same again changes nothing, the time included", () => {
	const first = apply(undefined, deployment({ replicas: 1 }, { labels: { a: "b" } }), "me");
	const before = structuredClone(first);
	expect(apply(first, deployment({ replicas: 1 }, { labels: { a: "b" } }), "me", { nowIso: T2 })).toEqual(first);
	expect(first).toEqual(before);
});
