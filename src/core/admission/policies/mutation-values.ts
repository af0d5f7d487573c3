/** What mutations make: `Object{...}`, parts of it as `Object.spec{...}`, and `JSONPatch{...}` (k8s.io/apiserver/pkg/cel/mutation). */
import { fn, type Overload } from "../../cel/functions.ts";
import { DYN, type ObjectType, objectType, STRING } from "../../cel/types.ts";
import { CelFailure, CelList, CelMap, type CelValue, Duration, Opaque, Optional, Timestamp, TypeValue, typeName, Uint } from "../../cel/values.ts";
import { bytesToBase64 } from "../../codec/base64.ts";
import type { Json, JsonObject } from "../../meta/object.ts";

export const OBJECT = "Object";
export const JSON_PATCH = "JSONPatch";

const dynamicObject = (name: string): ObjectType => ({ kind: "object", name, field: () => DYN });
export const OBJECT_TYPE: ObjectType = dynamicObject(OBJECT);
export const JSON_PATCH_TYPE: ObjectType = objectType(JSON_PATCH, { op: STRING, path: STRING, from: STRING, value: DYN });

/** The type that a mutation may make values of. */
export function mutationType(name: string): ObjectType | undefined {
	if (name === JSON_PATCH) return JSON_PATCH_TYPE;
	if (name === OBJECT) return OBJECT_TYPE;
	return name.startsWith(`${OBJECT}.`) ? dynamicObject(name) : undefined;
}

/** A value of one of those types, with the fields that it was given. */
export class MadeObject extends CelMap {
	readonly #type: string;
	readonly fields: ReadonlyMap<string, CelValue>;

	constructor(type: string, fields: ReadonlyMap<string, CelValue>) {
		super();
		this.#type = type;
		this.fields = fields;
	}

	override get typeName(): string {
		return this.#type;
	}

	get size(): number {
		return this.fields.size;
	}

	keys(): Iterable<CelValue> {
		return this.fields.keys();
	}

	get(key: CelValue): CelValue | undefined {
		return typeof key === "string" ? this.fields.get(key) : undefined;
	}
}

export const makeObject = (type: string, fields: ReadonlyMap<string, CelValue>): CelValue => new MadeObject(type, fields);

/** Which part is named for another field than the one that it is in; undefined when all are where they belong. */
export function misplacedType(value: CelValue, expected: string): string | undefined {
	if (value instanceof CelList) {
		for (const item of value) {
			const problem = misplacedType(item, expected);
			if (problem !== undefined) return problem;
		}
	}
	if (!(value instanceof MadeObject)) return undefined;
	if (value.typeName !== expected)
		return `unexpected type name ${JSON.stringify(value.typeName)}, expected ${JSON.stringify(expected)}, which matches field name path from root Object type`;
	for (const [name, field] of value.fields) {
		const problem = misplacedType(field, `${expected}.${name}`);
		if (problem !== undefined) return problem;
	}
	return undefined;
}

function mapJson(map: CelMap): JsonObject {
	const json: JsonObject = {};
	for (const key of map.keys()) {
		if (typeof key !== "string") throw new CelFailure(`map keys must be strings, was given ${typeName(key)}`);
		json[key] = jsonOf(map.get(key) as CelValue);
	}
	return json;
}

/** The value as JSON. Throws CelFailure for what JSON has no word for. */
export function jsonOf(value: CelValue): Json {
	if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string") return value;
	if (typeof value === "bigint") return Number(value);
	if (value instanceof Uint) return Number(value.value);
	if (value instanceof CelList) return [...value].map(jsonOf);
	if (value instanceof CelMap) return mapJson(value);
	if (value instanceof Uint8Array) return bytesToBase64(value);
	if (value instanceof Duration || value instanceof Timestamp) return value.toString();
	if (value instanceof Optional && value.value !== undefined) return jsonOf(value.value);
	if (value instanceof Opaque || value instanceof TypeValue || value instanceof Optional)
		throw new CelFailure(`no such conversion: ${typeName(value)} to JSON`);
	throw new CelFailure("no such conversion to JSON");
}

/** A key as a segment of a JSON pointer (RFC 6901). */
const escapeKey = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

export const MUTATION_FUNCTIONS: readonly Overload[] = [fn("jsonpatch.escapeKey(string) -> string", escapeKey)];
