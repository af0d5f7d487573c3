/**
 * Writes src/core/schema/kubernetes-1.36.json (the structure of the built-in types) and kubernetes-1.36-docs.json
 * (their descriptions, from @kubernetes/client-node's models).
 *
 * Usage: node tools/generate-schema.ts <api-types-1.36.json>
 *
 * apiextensions-, apiregistration- and metrics-types-1.36.json beside this file add the groups that the given file leaves out,
 * events-types-v1.json Petrel's own, with the descriptions that no model has (`doc`).
 *
 * Both results are committed, one type a line, so neither a build nor the product reads the source. A type is one
 * string, which src/core/schema/builtin-schema.ts splits when it is first asked for: a Worker's start pays for string
 * literals alone.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

interface Field {
	json: string;
	type: string;
	pb?: [number, string, string];
	inline?: boolean;
	optional?: boolean;
	required?: boolean;
	omitempty?: boolean;
	omitzero?: boolean;
	listType?: string;
	listMapKeys?: string[];
	mapType?: string;
	structType?: string;
	patchStrategy?: string;
	patchMergeKey?: string;
	default?: string;
	doc?: string;
}
interface GoType {
	doc?: string;
	fields?: Field[];
	alias?: string;
	enum?: unknown[];
	values?: string[];
	structType?: string;
	/** No struct: the schema knows it by name (builtin-table.ts). */
	leaf?: boolean;
}
type GroupVersions = Record<string, { group: string; version: string; types: Record<string, GoType> }>;

const PACKAGES: Record<string, string> = { corev1: "core/v1", apiv1: "core/v1", metav1: "meta/v1", authenticationv1: "authentication/v1" };
const OUTSIDE = new Set(["types.UID", "resource.Quantity", "intstr.IntOrString", "runtime.RawExtension", "time.Time", "time.Duration", "watch.Event"]);
const BASIC = new Set(["string", "bool", "byte", "int32", "int64", "float64", "interface{}"]);
/** The constants that `+default=ref(...)` names. */
const CONSTANTS: Record<string, string> = { AzureDataDiskCachingReadWrite: "ReadWrite", AzureSharedBlobDisk: "Shared" };
const MODELS = "node_modules/@kubernetes/client-node/dist/gen/models";

const sourceFile = process.argv[2];
if (sourceFile === undefined) throw new Error("usage: node tools/generate-schema.ts <api-types-1.36.json>");
const read = (file: string): GroupVersions => JSON.parse(readFileSync(file, "utf8")) as GroupVersions;
const source: GroupVersions = {
	...read(sourceFile),
	...read(`${import.meta.dirname}/apiextensions-types-1.36.json`),
	...read(`${import.meta.dirname}/apiregistration-types-1.36.json`),
	...read(`${import.meta.dirname}/metrics-types-1.36.json`),
	...read(`${import.meta.dirname}/events-types-v1.json`),
};

/** A Go type with its package spelled as the schema does: "*metav1.Time" becomes "*meta/v1.Time". */
function qualify(goType: string, owner: string): string {
	const head = /^(\*|\[\]|map\[([^\]]+)\])/.exec(goType);
	if (head) {
		const prefix = head[2] === undefined ? head[0] : `map[${qualify(head[2], owner)}]`;
		return prefix + qualify(goType.slice(head[0].length), owner);
	}
	if (BASIC.has(goType) || OUTSIDE.has(goType)) return goType;
	const [pkg, bare] = goType.includes(".") ? (goType.split(".") as [string, string]) : [undefined, goType];
	const home = pkg === undefined ? owner : pkg === "v1" ? (owner === "apidiscovery/v2" ? "meta/v1" : "core/v1") : PACKAGES[pkg];
	if (home === undefined || !source[home]?.types[bare]) throw new Error(`${owner}: no such type ${goType}`);
	return `${home}.${bare}`;
}

function defaultText(text: string): string {
	const constant = /^ref\((\w+)\)$/.exec(text)?.[1];
	const value = constant === undefined ? text : JSON.stringify(CONSTANTS[constant]);
	if (value === undefined || /\s/.test(value)) throw new Error(`cannot write the default ${text}`);
	return value;
}

/** `name type number flags key=value...`; an inlined struct has the name "+". */
function fieldText(field: Field, owner: string): string {
	const flags = `${field.omitempty ? "e" : ""}${field.omitzero ? "z" : ""}${field.optional ? "o" : ""}${field.required ? "r" : ""}` || "-";
	const parts = [field.json || "+", qualify(field.type, owner), String(field.pb?.[0] ?? 0), flags];
	if (field.listType) parts.push(`list=${field.listType}${field.listMapKeys ? `:${field.listMapKeys.join(",")}` : ""}`);
	if (field.mapType) parts.push(`map=${field.mapType}`);
	if (field.structType) parts.push(`struct=${field.structType}`);
	if (field.patchStrategy) parts.push(`patch=${field.patchStrategy}${field.patchMergeKey ? `:${field.patchMergeKey}` : ""}`);
	if (field.default !== undefined) parts.push(`default=${defaultText(field.default)}`);
	return parts.join(" ");
}

const types: Record<string, string> = {};
const aliases: Record<string, string> = {};
const enums: Record<string, string[]> = {};
const groups: Record<string, string> = {};
for (const [owner, { group, types: declared }] of Object.entries(source)) {
	if (owner === "runtime") continue;
	groups[owner] = group;
	for (const [name, type] of Object.entries(declared)) {
		const full = `${owner}.${name}`;
		if (type.leaf) continue;
		if (type.alias !== undefined) aliases[full] = qualify(type.alias, owner);
		else {
			const lines = (type.fields ?? []).map((field) => fieldText(field, owner));
			types[full] = [...(type.structType ? [`struct=${type.structType}`] : []), ...lines].join("\n");
		}
		if (type.enum && type.values?.length) enums[full] = [...type.values].sort();
	}
}

function unescapeDoc(text: string): string {
	return text.replaceAll("\\'", "'").replaceAll('\\"', '"').replaceAll("*_/", "*/").replaceAll("&lt;", "<").replaceAll("&gt;", ">").trim();
}

function modelFile(owner: string, name: string): string | undefined {
	const [group = "", version = ""] = owner.split("/");
	const upper = version.toUpperCase();
	const long = `${group[0]?.toUpperCase()}${group.slice(1)}${upper}${name}`;
	return [long, `${upper}${name}`].map((model) => `${MODELS}/${model}.d.ts`).find((path) => existsSync(path));
}

/** The type's description and then each field's as `name<TAB>text`; one line each (a line end within is written as \v). */
function docsText(owner: string, name: string): string | undefined {
	const own = source[owner]?.types[name];
	if (own?.doc !== undefined) return [own.doc, ...(own.fields ?? []).flatMap(({ json, doc }) => (doc === undefined ? [] : [`${json}\t${doc}`]))].join("\n");
	const file = modelFile(owner, name);
	if (file === undefined) return undefined;
	const text = readFileSync(file, "utf8");
	const line = (raw: string) => unescapeDoc(raw.replace(/^\s*\* ?/gm, "")).replaceAll("\n", "\v");
	const whole = /\/\*\*\n((?:\*[^\n]*\n)+?)\*\/\nexport declare class/.exec(text)?.[1] ?? "";
	const lines = [line(whole)];
	for (const match of text.matchAll(/ {4}\/\*\*\n((?: {4}\*(?!\/)[^\n]*\n)+) {4}\*\/\n {4}'([^']+)'\??:/g)) lines.push(`${match[2]}\t${line(match[1] ?? "")}`);
	return lines.length === 1 && lines[0] === "" ? undefined : lines.join("\n");
}

const docs: Record<string, string> = {};
for (const full of Object.keys(types)) {
	const [owner = "", name = ""] = full.split(".");
	const text = docsText(owner, name);
	if (text !== undefined) docs[full] = text;
}

const oneLineEach = (record: Record<string, unknown>): string =>
	Object.entries(record)
		.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
		.join(",\n");
const section = (name: string, record: Record<string, unknown>): string => `"${name}": {\n${oneLineEach(record)}\n}`;
const structure = [section("groups", groups), section("aliases", aliases), section("enums", enums), section("types", types)];
writeFileSync("src/core/schema/kubernetes-1.36.json", `{\n${structure.join(",\n")}\n}\n`);
writeFileSync("src/core/schema/kubernetes-1.36-docs.json", `{\n${oneLineEach(docs)}\n}\n`);
