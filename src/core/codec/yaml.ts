/**
 * YAML to JSON and back, as sigs.k8s.io/yaml does it: YAML 1.1's booleans and octals, timestamps and base-60 numbers
 * left as text, keys turned into strings, the first document taken.
 */
import { type Document, isScalar, LineCounter, parseAllDocuments, stringify, type Tags } from "yaml";
import { badRequest } from "../errors/status-error.ts";
import type { Json } from "../meta/object.ts";

/** How many nodes aliases may stand for, against documents that grow without end ("billion laughs"). */
export const MAX_YAML_ALIASES = 100;
/** The parser recurses several frames for each level: more would come near the end of its stack on some runs. */
export const MAX_YAML_DEPTH = 200;

/** What YAML 1.1 has and go-yaml does not. */
const LEFT_OUT = new Set([
	"tag:yaml.org,2002:timestamp",
	"tag:yaml.org,2002:binary",
	"tag:yaml.org,2002:omap",
	"tag:yaml.org,2002:pairs",
	"tag:yaml.org,2002:set",
]);

function goTags(tags: Tags): Tags {
	return tags.filter((tag) => typeof tag === "string" || (!LEFT_OUT.has(tag.tag) && (tag as { format?: string }).format !== "TIME"));
}

export interface YamlResult {
	value: Json;
	/** Keys given twice (the last one holds): `line 3: key "a" already set in map`. */
	duplicates: string[];
}

/** Makes plain JSON of what the parser built. Throws on what JSON cannot hold. */
function toJson(value: unknown, depth: number): Json {
	if (depth > MAX_YAML_DEPTH) throw new RangeError(`the document is nested deeper than ${MAX_YAML_DEPTH}`);
	if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean") return value ?? null;
	if (typeof value === "number") {
		if (!Number.isFinite(value)) throw new RangeError(`json: unsupported value: ${Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf"}`);
		return value;
	}
	if (typeof value === "bigint") return Number(value);
	if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
	if (!(value instanceof Map)) throw new RangeError("the document holds a value that JSON cannot");
	const out: { [key: string]: Json } = {};
	for (const [key, item] of value) {
		if (typeof key === "object" && key !== null) throw new RangeError("a mapping's key is neither text, number nor boolean");
		Object.defineProperty(out, String(key), { value: toJson(item, depth + 1), writable: true, enumerable: true, configurable: true });
	}
	return out;
}

function convert(document: Document.Parsed, lines: LineCounter): YamlResult {
	const duplicates: string[] = [];
	for (const error of document.errors) {
		const { line } = lines.linePos(error.pos[0]);
		if (error.code !== "DUPLICATE_KEY") throw new SyntaxError(`line ${line}: ${error.message}`);
		duplicates.push(`line ${line}: key ${JSON.stringify(keyAt(document, error.pos[0]))} already set in map`);
	}
	return { value: toJson(document.toJS({ mapAsMap: true, maxAliasCount: MAX_YAML_ALIASES }), 0), duplicates };
}

/** The text of the key that starts at the offset. */
function keyAt(document: Document.Parsed, offset: number): string {
	let found = "";
	const look = (node: unknown): void => {
		const items = (node as { items?: unknown[] } | null)?.items ?? [];
		for (const item of items) {
			const pair = item as { key?: unknown; value?: unknown };
			if (isScalar(pair.key) && pair.key.range?.[0] === offset) found = String(pair.key.value);
			look("value" in pair ? pair.value : item);
		}
	};
	look(document.contents);
	return found;
}

function documents(text: string): { parsed: Document.Parsed[]; lines: LineCounter } {
	const lines = new LineCounter();
	const parsed = parseAllDocuments(text, { version: "1.1", customTags: goTags, lineCounter: lines, prettyErrors: false, logLevel: "silent", merge: true });
	return { parsed: Array.isArray(parsed) ? (parsed as Document.Parsed[]) : [], lines };
}

function guarded<T>(work: () => T): T {
	try {
		return work();
	} catch (error) {
		throw badRequest(`error converting YAML to JSON: yaml: ${error instanceof Error ? error.message : String(error)}`);
	}
}

/** The first document of the text. Throws 400 BadRequest. */
export function parseYaml(text: string): YamlResult {
	return guarded(() => {
		const { parsed, lines } = documents(text);
		return parsed[0] ? convert(parsed[0], lines) : { value: null, duplicates: [] };
	});
}

/** Every document of the text that is not empty, for files with several. Throws 400 BadRequest. */
export function parseYamlDocuments(text: string): Json[] {
	return guarded(() => {
		const { parsed, lines } = documents(text);
		return parsed.map((document) => convert(document, lines).value).filter((value) => value !== null);
	});
}

/** YAML with sorted keys, as kubectl prints it. */
export function yamlText(value: Json): string {
	return stringify(value, { version: "1.1", sortMapEntries: true, lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false });
}
