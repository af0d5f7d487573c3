/** What holds for every kind: whatever is decodable is defaulted, judged and shown without a crash, and defaults settle at once. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JsonObject, KubeObject } from "../meta/object.ts";
import { decodeObject } from "../schema/decode.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import type { TypeRef } from "../schema/types.ts";
import { apiVersionOf, type HookContext, type KindDefinition } from "./define-kind.ts";
import { builtinKinds } from "./registry.ts";

const SAMPLES = join(import.meta.dirname, "../../../test/golden/roundtrip");
const ctx: HookContext = { nowMs: 0, suffix: (length) => "x".repeat(length), user: { name: "u", groups: ["g"], uid: "1", extra: { a: ["b"] } } };
const stored = builtinKinds.all().filter(({ verbs }) => verbs.includes("list"));

const SCALARS: Partial<Record<TypeRef["kind"], unknown>> = {
	string: "value",
	boolean: true,
	int32: 7,
	int64: 7,
	double: 1.5,
	bytes: "AQID",
	quantity: "3",
	time: "2008-01-01T01:01:01Z",
	microTime: "2008-01-01T01:01:01.000001Z",
	duration: "1s",
	intOrString: 7,
	fieldsV1: {},
	any: { key: "value" },
};

type Struct = TypeRef & { kind: "struct" };
const fieldsOf = ({ name }: Struct) => [...builtinSchema.struct(name).fields.values()];

/** A value of the type with every field in it; lists and maps are filled, or empty. Types within themselves (`above`) end there. */
function sample(type: TypeRef, filled: boolean, above: readonly string[]): unknown {
	if (type.kind === "list") return filled ? [sample(type.element, filled, above), sample(type.element, filled, above)] : [];
	if (type.kind === "map") return filled ? { key: sample(type.value, filled, above) } : {};
	if (type.kind !== "struct") return SCALARS[type.kind];
	if (above.includes(type.name)) return {};
	return Object.fromEntries(fieldsOf(type).map((field) => [field.name, sample(field.type, filled, [...above, type.name])]));
}

/** The type with its structs, one in each list of them, and in them nothing else. */
function hollow(type: Struct, above: readonly string[]): object {
	if (above.includes(type.name)) return {};
	const parts = fieldsOf(type).flatMap(({ name, type: inner }): [string, unknown][] => {
		if (inner.kind === "struct") return [[name, hollow(inner, [...above, type.name])]];
		return inner.kind === "list" && inner.element.kind === "struct" ? [[name, [hollow(inner.element as Struct, [...above, type.name])]]] : [];
	});
	return Object.fromEntries(parts);
}

function bodies(kind: KindDefinition): Record<string, JsonObject> {
	const head = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name: "value" } };
	const struct: Struct = { kind: "struct", name: kind.schema };
	const of = (body: unknown): JsonObject => ({ ...(body as JsonObject), ...head });
	const file = join(SAMPLES, `${kind.group === "" ? "core" : kind.group}.${kind.version}.${kind.kind}.json`);
	const made = { bare: of({}), hollow: of(hollow(struct, [])), empty: of(sample(struct, false, [])), full: of(sample(struct, true, [])) };
	return existsSync(file) ? { ...made, golden: JSON.parse(readFileSync(file, "utf8")) as JsonObject } : made;
}

const decode = (kind: KindDefinition, body: JsonObject): KubeObject =>
	decodeObject(builtinSchema, kind.schema, structuredClone(body)).object as unknown as KubeObject;

describe.each(stored.map((kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind] as const))("%s", (_, kind) => {
	it.each(Object.entries(bodies(kind)))("takes a %s object through creation, update and its table", (name, body) => {
		const object = decode(kind, body);
		kind.defaults?.(object);
		const once = structuredClone(object);
		kind.defaults?.(object);
		expect(object, "defaults applied twice").toEqual(once);
		kind.prepareCreate?.(object, ctx);
		kind.defaults?.(object);
		const errors = kind.validate(object);
		for (const { field, message } of errors) expect([field, message], name).toEqual([expect.stringMatching(/\S/), expect.stringMatching(/\S/)]);
		const next = decode(kind, body);
		kind.defaults?.(next);
		kind.prepareUpdate?.(next, object, ctx);
		kind.validateUpdate?.(next, object);
		kind.warnings?.(next, object);
		for (const subresource of [kind.subresources?.status, ...Object.values(kind.subresources?.object ?? {})]) {
			const viewed = decode(kind, body);
			subresource?.prepareUpdate(viewed, object, ctx);
			subresource?.validateUpdate?.(viewed, object);
		}
		for (const shown of [object, next]) {
			for (const column of kind.columns) expect(["string", "number", "boolean", "object"], column.name).toContain(typeof column.cell(shown, { nowMs: 0 }));
			for (const select of Object.values(kind.selectableFields ?? {})) expect(typeof select(shown)).toBe("string");
		}
		expect(JSON.parse(JSON.stringify(object)), "JSON-safe").toEqual(JSON.parse(JSON.stringify(structuredClone(object))));
	});
});
