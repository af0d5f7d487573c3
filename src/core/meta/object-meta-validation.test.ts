import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../errors/field-error.ts";
import { generateName, SUFFIX_ALPHABET, suffixFrom } from "./names.ts";
import type { ObjectMeta } from "./object.ts";
import { ANNOTATIONS_BYTES_MAX, validateObjectMeta, validateObjectMetaUpdate } from "./object-meta-validation.ts";

const check = (meta: ObjectMeta, namespaced = true): string[] => validateObjectMeta(meta, { namespaced }).map(fieldErrorText);
const good: ObjectMeta = { name: "web", namespace: "default" };

describe("validateObjectMeta", () => {
	it("accepts a good one", () => {
		expect(check({ ...good, labels: { "app.kubernetes.io/name": "web" }, annotations: { "Example.COM/x": "y" }, finalizers: ["example.com/f"] })).toEqual([]);
	});

	it("wants a name and the right namespace", () => {
		expect(check({ namespace: "default" })).toEqual(["metadata.name: Required value: name or generateName is required"]);
		expect(check({ name: "web" })).toEqual(["metadata.namespace: Required value"]);
		expect(check(good, false)).toEqual(["metadata.namespace: Forbidden: not allowed on this type"]);
	});

	it("checks labels, annotations and finalizers", () => {
		expect(check({ ...good, labels: { "a b": "c" } })[0]).toMatch(/^metadata\.labels: Invalid value: "a b": name part must consist of/);
		expect(check({ ...good, labels: { a: "c d" } })[0]).toMatch(/^metadata\.labels: Invalid value: "c d": a valid label must be an empty string/);
		expect(check({ ...good, annotations: { a: "x".repeat(ANNOTATIONS_BYTES_MAX) } })).toHaveLength(1);
		expect(check({ ...good, annotations: { a: "x".repeat(ANNOTATIONS_BYTES_MAX - 1) } })).toEqual([]);
		expect(check({ ...good, finalizers: ["orphan", "foregroundDeletion"] })).toEqual([
			'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
		]);
	});

	it("allows one controller among whole owner references", () => {
		const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "a", uid: "1", controller: true };
		expect(check({ ...good, ownerReferences: [owner] })).toEqual([]);
		expect(check({ ...good, ownerReferences: [owner, { ...owner, name: "b" }] })[0]).toContain(
			'Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/a and ReplicaSet/b',
		);
		expect(check({ ...good, ownerReferences: [{ ...owner, uid: "" }] })).toEqual(['metadata.ownerReferences.uid: Invalid value: "": must not be empty']);
	});
});

describe("validateObjectMetaUpdate", () => {
	const old: ObjectMeta = { ...good, uid: "u", resourceVersion: "1", generation: 2, creationTimestamp: "2026-01-01T00:00:00Z" };
	const update = (next: Partial<ObjectMeta>, before: ObjectMeta = old): string[] =>
		validateObjectMetaUpdate({ ...before, ...next }, before).map(fieldErrorText);

	it("accepts new labels", () => expect(update({ labels: { a: "b" } })).toEqual([]));

	it("keeps what does not change", () => {
		expect(update({ name: "other" })).toEqual(['metadata.name: Invalid value: "other": field is immutable']);
		expect(update({ uid: "v" })).toEqual(['metadata.uid: Invalid value: "v": field is immutable']);
		expect(update({ generation: 1 })).toEqual(["metadata.generation: Invalid value: 1: must not be decremented"]);
		expect(update({ resourceVersion: "" })).toEqual(['metadata.resourceVersion: Invalid value: "": must be specified for an update']);
	});

	it("adds no finalizer to what is being deleted", () => {
		const deleting = { ...old, deletionTimestamp: "2026-01-02T00:00:00Z", finalizers: ["a/b"] };
		expect(update({ finalizers: ["a/b", "c/d"] }, deleting)).toEqual([
			'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"c/d"}',
		]);
		expect(update({ finalizers: [] }, deleting)).toEqual([]);
	});
});

describe("generateName", () => {
	it("adds five characters of the alphabet and stays a label", () => {
		const suffix = suffixFrom(() => 0.5);
		expect(generateName("web-", suffix)).toMatch(new RegExp(`^web-[${SUFFIX_ALPHABET}]{5}$`));
		expect(generateName("a".repeat(100), suffix)).toHaveLength(63);
	});
});
