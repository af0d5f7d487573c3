/** Values as rules see them: typed by their schema, so that integers, bytes, dates and durations are what CEL takes them for. */
import { JsonList, JsonMap, untypedValue } from "../cel/json-value.ts";
import { parseTimestamp } from "../cel/timestamps.ts";
import { ArrayList, type CelList, CelMap, celEqual, type CelValue, Duration } from "../cel/values.ts";
import { base64ToBytes } from "../codec/base64.ts";
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import { parseDuration } from "../schema/duration-text.ts";
import { INT_OR_STRING, type JsonSchema, LIST_TYPE, PRESERVE_UNKNOWN, valueSchemaOf } from "./json-schema.ts";
import { itemKey } from "./list-correlation.ts";
import { visibleMembers } from "./rule-types.ts";

function dateOf(text: string): CelValue {
	return parseTimestamp(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text) ?? text;
}

/** A text that is not of its format stays a text: validation says what is wrong with it. */
function textValue(text: string, format: string): CelValue {
	if (format === "date" || format === "date-time" || format === "datetime") return dateOf(text);
	if (format === "duration") {
		const nanos = parseDuration(text);
		return nanos === undefined ? text : new Duration(nanos);
	}
	if (format !== "byte") return text;
	try {
		return base64ToBytes(text);
	} catch {
		return text;
	}
}

/** An object with the members that its schema specifies. */
class ObjectValue extends CelMap {
	readonly #json: JsonObject;
	readonly #schema: JsonSchema;
	readonly #isResource: boolean;
	readonly #known = new Map<string, CelValue>();

	constructor(json: JsonObject, schema: JsonSchema, isResource: boolean) {
		super();
		this.#json = json;
		this.#schema = schema;
		this.#isResource = isResource;
	}

	get size(): number {
		return [...this.keys()].length;
	}

	*keys(): Iterable<CelValue> {
		for (const [spelled, { name }] of visibleMembers(this.#schema, this.#isResource)) if (Object.hasOwn(this.#json, name)) yield spelled;
	}

	get(key: CelValue): CelValue | undefined {
		if (typeof key !== "string") return undefined;
		const known = this.#known.get(key);
		if (known !== undefined) return known;
		const member = visibleMembers(this.#schema, this.#isResource).get(key);
		if (member === undefined || !Object.hasOwn(this.#json, member.name)) return undefined;
		const value = ruleValue(this.#json[member.name] as Json, member.schema);
		this.#known.set(key, value);
		return value;
	}
}

/** A list whose items are told apart by more than their place: equal in any order, and added to by what they are. */
class UnorderedList extends JsonList {
	readonly #schema: JsonSchema;

	constructor(json: readonly Json[], schema: JsonSchema, convert: (json: Json) => CelValue) {
		super(json, convert);
		this.#schema = schema;
	}

	#key = (json: Json): string => itemKey(this.#schema, json);

	override equals(other: CelList): boolean {
		if (!(other instanceof UnorderedList) || this.length !== other.length) return false;
		const theirs = new Map(other.json.map((json, index) => [this.#key(json), index]));
		return this.json.every((json, index) => {
			const at = theirs.get(this.#key(json));
			return at !== undefined && celEqual(this.at(index) as CelValue, other.at(at) as CelValue);
		});
	}

	/** What both have stays in its place, as the second has it; the rest of the second comes behind. */
	override concat(other: CelList): CelList {
		if (!(other instanceof UnorderedList)) return new ArrayList([...this, ...other]);
		const places = new Map(this.json.map((json, index) => [this.#key(json), index]));
		const merged = [...this];
		for (const [index, json] of other.json.entries()) merged[places.get(this.#key(json)) ?? merged.length] = other.at(index) as CelValue;
		return new ArrayList(merged);
	}
}

function listValue(json: readonly Json[], schema: JsonSchema): CelList {
	const items = schema.items ?? { [PRESERVE_UNKNOWN]: true };
	const convert = (item: Json): CelValue => ruleValue(item, items);
	const listType = schema[LIST_TYPE];
	return listType === "map" || listType === "set" ? new UnorderedList(json, schema, convert) : new JsonList(json, convert);
}

/** The value for a rule. */
export function ruleValue(json: Json, schema: JsonSchema, isResource = false): CelValue {
	if (Array.isArray(json)) return listValue(json, schema);
	if (isJsonObject(json)) {
		const values = valueSchemaOf(schema);
		if (values) return new JsonMap(json, (item) => ruleValue(item, values));
		return schema.type === "object" ? new ObjectValue(json, schema, isResource) : untypedValue(json);
	}
	if (typeof json === "string") return textValue(json, schema.format ?? "");
	if (typeof json !== "number") return json;
	const isInteger = schema.type === "integer" || (schema[INT_OR_STRING] === true && Number.isInteger(json));
	return isInteger && Number.isSafeInteger(json) ? BigInt(json) : json;
}
