/** JSON as expressions see it: made into values as it is looked into, since a policy reads little of a large object. */
import type { Json, JsonObject } from "../meta/object.ts";
import { CelList, CelMap, type CelValue } from "./values.ts";

export type FromJson = (json: Json) => CelValue;

/** A list of JSON values, each made into a value when it is first asked for. */
export class JsonList extends CelList {
	readonly json: readonly Json[];
	readonly #convert: FromJson;
	readonly #known: CelValue[] = [];

	constructor(json: readonly Json[], convert: FromJson) {
		super();
		this.json = json;
		this.#convert = convert;
	}

	get length(): number {
		return this.json.length;
	}

	at(index: number): CelValue | undefined {
		const item = this.json[index];
		if (item === undefined) return undefined;
		return (this.#known[index] ??= this.#convert(item));
	}
}

/** A JSON object, its members made into values when they are first asked for. */
export class JsonMap extends CelMap {
	readonly json: JsonObject;
	readonly #convert: FromJson;
	readonly #known = new Map<string, CelValue>();

	constructor(json: JsonObject, convert: FromJson) {
		super();
		this.json = json;
		this.#convert = convert;
	}

	get size(): number {
		return Object.keys(this.json).length;
	}

	keys(): Iterable<CelValue> {
		return Object.keys(this.json);
	}

	get(key: CelValue): CelValue | undefined {
		if (typeof key !== "string" || !Object.hasOwn(this.json, key)) return undefined;
		let value = this.#known.get(key);
		if (value === undefined) {
			value = this.#convert(this.json[key] as Json);
			this.#known.set(key, value);
		}
		return value;
	}
}

/** Without a schema: whole numbers are integers, as Kubernetes' own JSON has it. */
export function untypedValue(json: Json): CelValue {
	if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : json;
	if (typeof json !== "object" || json === null) return json;
	return Array.isArray(json) ? new JsonList(json, untypedValue) : new JsonMap(json, untypedValue);
}
