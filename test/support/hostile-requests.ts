/**
 * Requests that no well-meaning client sends, as fast-check draws them: objects that were right and then damaged, patches of
 * all kinds, selectors, tokens and parameters, in JSON, YAML and protobuf, also with damage to their bytes.
 */
import fc from "fast-check";
import { stringify } from "yaml";
import { encodeProtobuf } from "../../src/core/codec/kubernetes-protobuf.ts";
import { apiVersionOf, type KindDefinition } from "../../src/core/kinds/define-kind.ts";
import type { Json, JsonObject } from "../../src/core/meta/object.ts";
import { builtinSchema } from "../../src/core/schema/builtin-schema.ts";

export interface HostileRequest {
	kind: KindDefinition;
	method: string;
	/** With its query. */
	path: string;
	contentType: string;
	accept: string;
	body: Uint8Array<ArrayBuffer>;
}

export const NAMESPACE = "fuzz";
const NEW_NAMES = ["b", "c", "d.example", "e-1"];
/** How deep a nest of lists is that a request may carry. */
const NEST_DEEP = 2_000;

/** As JSON texts: only so is "__proto__" a member of its own. */
const VALUES = [
	...["null", "true", "0", "-1", "1", "1.5", "1e308", "9007199254740993", "-9223372036854775809", "65536", '""', '" "', '"a"', '"a/b"', '"a.b/c"', '"../x"'],
	...['"💥"', '"\\u0000"', '"\\ud800"', '"__proto__"', '"constructor"', '"10.0.0.1"', '"::1"', '"10.0.0.0/8"', '"1e9999"', '"100Gi"', '"-5"', '"5%"', '"150%"'],
	...[
		'"2026-01-01T00:00:00Z"',
		'"9999-99-99T99:99:99Z"',
		'"*"',
		'"*/*"',
		'"("',
		'"{"',
		'"5 4 31 2 *"',
		'"0 0 30 2 *"',
		'"Europe/Nowhere"',
		'"TCP"',
		'"Always"',
	],
	...[
		'"None"',
		'"self.x"',
		'"1 +"',
		`"${"x".repeat(300)}"`,
		'"a\\nb"',
		'"====="',
		'"QQ=="',
		"[]",
		"{}",
		"[null]",
		"[[]]",
		"[{}]",
		'[""]',
		'["a","a"]',
		"[1,1]",
	],
	...[
		'{"":null}',
		'{"__proto__":{}}',
		'{"a":"b"}',
		'{"a":{"b":[]}}',
		'{"a":null}',
		'{"toString":1}',
		'{"length":3}',
		'{"metadata":null}',
		'{"matchLabels":{"a":"b"}}',
	],
	...['{"type":"x"}', '{"name":"a"}', '[{"name":"a"},{"name":"a"}]', '{"key":"a","operator":"In"}', '{"$patch":"delete"}', '{"$patch":"bad"}', '{"cpu":"-1"}'],
];
const KEYS = ["", "a", "__proto__", "constructor", "toString", "name", "metadata", "spec", "status", "labels", "annotations", "finalizers", "ownerReferences"];
const MORE_KEYS = ["generateName", "managedFields", "resourceVersion", "uid", "deletionTimestamp", "items", "kind", "apiVersion", "💥", "a.b/c", "a/b/c"];

/** From this step on the first may lead to the object's type. */
const TYPE_STEP = 29;

const value = fc.constantFrom(...VALUES).map((text) => JSON.parse(text) as Json);
const key = fc.constantFrom(...KEYS, ...MORE_KEYS);
const steps = fc.array(fc.nat(30), { minLength: 1, maxLength: 8 });

const edit = fc.record({
	steps,
	action: fc.constantFrom("replace", "replace", "replace", "remove", "add", "repeat", "wrap"),
	value,
	key,
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const isParent = (json: Json | undefined): json is JsonObject | Json[] => typeof json === "object" && json !== null;

function setMember(parent: JsonObject | Json[], member: string, json: Json): void {
	Object.defineProperty(parent, member, { value: json, enumerable: true, configurable: true, writable: true });
}

/** Follows the steps as far as there is a way; the last parent and the member in it. */
function place(root: JsonObject, path: readonly number[]): { parent: JsonObject | Json[]; member: string; pointer: string[] } | undefined {
	let parent: JsonObject | Json[] = root;
	const pointer: string[] = [];
	for (const [i, step] of path.entries()) {
		// The type alone is rarely what is wrong: it is left out until last.
		const all: string[] = Object.keys(parent);
		const members = i === 0 && step < TYPE_STEP ? all.filter((name) => name !== "kind" && name !== "apiVersion") : all;
		const member = members[step % members.length];
		if (member === undefined) return undefined;
		pointer.push(member);
		const inner: Json | undefined = (parent as JsonObject)[member];
		if (i === path.length - 1 || !isParent(inner) || Object.keys(inner).length === 0) return { parent, member, pointer };
		parent = inner;
	}
	return undefined;
}

function damage(root: JsonObject, { steps: path, action, value: json, key: name }: Edit): void {
	const found = place(root, path);
	if (found === undefined) return;
	const { parent, member } = found;
	const here = (parent as JsonObject)[member] as Json;
	const fresh = structuredClone(json);
	if (action === "remove") Array.isArray(parent) ? parent.splice(Number(member), 1) : delete parent[member];
	else if (action === "wrap") setMember(parent, member, [here]);
	else if (action === "repeat" && Array.isArray(parent)) parent.push(structuredClone(here));
	else if (action === "add" && isParent(here)) Array.isArray(here) ? here.push(fresh) : setMember(here, name, fresh);
	else setMember(parent, member, fresh);
}

function damaged(base: JsonObject, edits: readonly Edit[]): JsonObject {
	const object = structuredClone(base);
	for (const one of edits) damage(object, one);
	return object;
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;

const byteEdit = fc.record({
	at: fc.nat(4_000),
	cut: fc.nat(6),
	insert: fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom(...['"', "{", "}", "[", ",", ":", "\\", "&a ", "*a", "\n- "].map(bytes))),
});

function damagedBytes(given: Uint8Array, edits: readonly { at: number; cut: number; insert: Uint8Array }[]): Uint8Array<ArrayBuffer> {
	let text = [...given];
	for (const { at, cut, insert } of edits) {
		const place = at % (text.length + 1);
		text = [...text.slice(0, place), ...insert, ...text.slice(place + cut)];
	}
	return Uint8Array.from(text);
}

export interface Subject {
	kind: KindDefinition;
	/** An object of it that the API takes. */
	object: JsonObject;
}

/** Under another name: the subject's own is taken. */
function renamed(object: JsonObject, name: string | undefined): JsonObject {
	return name === undefined ? object : { ...object, metadata: { ...(object["metadata"] as JsonObject), name } };
}

type Body = Pick<HostileRequest, "body" | "contentType">;

function encoded(kind: KindDefinition, object: JsonObject, as: string): Body {
	if (as === "yaml") return { contentType: "application/yaml", body: bytes(stringify(object)) };
	const json = { contentType: "application/json", body: bytes(JSON.stringify(object)) };
	if (as !== "protobuf" || kind.types !== undefined) return json;
	try {
		return { contentType: "application/vnd.kubernetes.protobuf", body: new Uint8Array(encodeProtobuf(builtinSchema, kind.schema, object)) };
	} catch {
		// What protobuf cannot say is said in JSON.
		return json;
	}
}

function whole(subject: Subject, names: readonly (string | undefined)[] = [undefined]): fc.Arbitrary<Body> {
	const intact = fc
		.tuple(fc.constantFrom(...names), fc.array(edit, { maxLength: 4 }), fc.constantFrom("json", "json", "yaml", "protobuf"))
		.map(([name, edits, as]) => encoded(subject.kind, damaged(renamed(subject.object, name), edits), as));
	const broken = fc.tuple(fc.constantFrom("json", "yaml", "protobuf"), fc.array(byteEdit, { minLength: 1, maxLength: 3 })).map(([as, edits]) => {
		const { body, contentType } = encoded(subject.kind, subject.object, as);
		return { contentType, body: damagedBytes(body, edits) };
	});
	const nest = fc
		.constantFrom("json", "yaml")
		.map((as) => ({ contentType: `application/${as}`, body: bytes(`${"[".repeat(NEST_DEEP)}${"]".repeat(NEST_DEEP)}`) }));
	return fc.oneof({ weight: 12, arbitrary: intact }, { weight: 4, arbitrary: broken }, { weight: 1, arbitrary: nest });
}

/** A path into the object, or nearly. */
function pointerIn(object: JsonObject): fc.Arbitrary<string> {
	const spell = (parts: readonly string[]) => parts.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
	const there = steps.map((path) => spell(place(object, path)?.pointer ?? []));
	return fc.oneof(
		{ weight: 4, arbitrary: there },
		{ weight: 1, arbitrary: fc.tuple(there, fc.constantFrom("", "/", "/-", "/0", "/99", "/x", "/~2", "/-1", "/01")).map((parts) => parts.join("")) },
	);
}

function jsonPatch({ object }: Subject): fc.Arbitrary<string> {
	const operation = fc.record(
		{ op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test", "bad"), path: pointerIn(object), from: pointerIn(object), value },
		{ requiredKeys: ["op", "path"] },
	);
	return fc
		.oneof(
			{ weight: 8, arbitrary: fc.array(fc.oneof({ weight: 8, arbitrary: operation }, { weight: 1, arbitrary: value }), { maxLength: 4 }) },
			{ weight: 1, arbitrary: value },
		)
		.map((patch) => JSON.stringify(patch));
}

const DIRECTIVES: readonly [string, string][] = [
	["$patch", '"delete"'],
	["$patch", '"replace"'],
	["$patch", '"merge"'],
	["$patch", "5"],
	["$retainKeys", '["name"]'],
	["$retainKeys", "{}"],
	["$setElementOrder/containers", '[{"name":"main"}]'],
	["$setElementOrder/finalizers", '["a"]'],
	["$setElementOrder/containers", "[1]"],
	["$deleteFromPrimitiveList/finalizers", '["a"]'],
	["$deleteFromPrimitiveList/finalizers", "7"],
	["$deleteFromPrimitiveList/", "[]"],
];
const directive = fc.record({ steps, entry: fc.constantFrom(...DIRECTIVES) });

/** Only what lies on the ways of `ways`, so that a patch speaks of little. */
function branches(object: JsonObject, ways: readonly (readonly number[])[]): JsonObject {
	const patch: JsonObject = {};
	for (const way of ways) {
		const found = place(object, way);
		if (found === undefined) continue;
		let from: Json = object;
		let into: JsonObject = patch;
		for (const member of found.pointer) {
			from = (from as JsonObject)[member] as Json;
			if (!isParent(from) || Array.isArray(from)) {
				setMember(into, member, structuredClone(from));
				break;
			}
			if (!isParent(into[member])) setMember(into, member, {});
			into = into[member] as JsonObject;
		}
	}
	return patch;
}

function objectPatch({ object }: Subject): fc.Arbitrary<string> {
	return fc
		.tuple(fc.array(steps, { maxLength: 3 }), fc.array(edit, { maxLength: 3 }), fc.array(directive, { maxLength: 2 }))
		.map(([ways, edits, directives]) => {
			const patch = damaged(branches(object, ways), edits);
			for (const { steps: path, entry } of directives) {
				const found = place(patch, path);
				const target = found && (found.parent as JsonObject)[found.member];
				setMember(isParent(target) && !Array.isArray(target) ? target : patch, entry[0], JSON.parse(entry[1]));
			}
			return JSON.stringify(patch);
		});
}

function applied({ kind, object }: Subject): fc.Arbitrary<string> {
	const head = { apiVersion: apiVersionOf(kind), kind: kind.kind };
	return fc.tuple(fc.array(steps, { maxLength: 4 }), fc.array(edit, { maxLength: 3 }), fc.boolean()).map(([ways, edits, yaml]) => {
		const configuration = { ...head, ...damaged(branches(object, ways), edits) };
		return yaml ? stringify(configuration) : JSON.stringify(configuration);
	});
}

function patchOf(subject: Subject): fc.Arbitrary<Body> {
	const as = (contentType: string, text: fc.Arbitrary<string>) => text.map((patch) => ({ contentType, body: bytes(patch) }));
	const kinds = [
		as("application/json-patch+json", jsonPatch(subject)),
		as("application/merge-patch+json", objectPatch(subject)),
		as("application/strategic-merge-patch+json", objectPatch(subject)),
		as("application/apply-patch+yaml", applied(subject)),
	];
	const broken = fc
		.tuple(fc.oneof(...kinds), fc.array(byteEdit, { minLength: 1, maxLength: 2 }))
		.map(([{ contentType, body }, edits]) => ({ contentType, body: damagedBytes(body, edits) }));
	return fc.oneof(...kinds.map((arbitrary) => ({ weight: 4, arbitrary })), { weight: 1, arbitrary: broken });
}

const selector = fc
	.array(
		fc.constantFrom(
			"a",
			"app",
			"=",
			"==",
			"!=",
			" in ",
			" notin ",
			"(",
			")",
			",",
			"!",
			"a.b/c",
			"💥",
			"<",
			">",
			"5",
			" ",
			"metadata.name",
			"spec.nodeName",
			"status.phase",
			"\\",
			"\\,",
			"x".repeat(80),
		),
		{ maxLength: 7 },
	)
	.map((parts) => parts.join(""));
const base64 = (text: string): string => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const token = fc.oneof(
	fc.string({ maxLength: 12 }),
	fc
		.record({ v: fc.constantFrom("meta.k8s.io/v1", "x", 5, null), rv: fc.oneof(fc.integer(), value), start: value })
		.map((inner) => base64(JSON.stringify(inner).replaceAll(/[^ -~]/g, "?"))),
	fc
		.record({
			format: fc.constantFrom("petrel.dev/all-namespaces/v1", "x"),
			version: fc.constantFrom("0", "1", "99999999999999999999", "x"),
			namespace: value,
			inner: value,
		})
		.map((inner) => base64(JSON.stringify(inner).replaceAll(/[^ -~]/g, "?"))),
);
const number = fc.constantFrom("0", "1", "2", "-1", "", "x", "1.5", "1e3", "99999999999999999999", "9007199254740993", "+5", " 5", "0x10");
const truth = fc.constantFrom("true", "false", "", "1", "0", "x", "All");
const PARAMETERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
	labelSelector: selector,
	fieldSelector: selector,
	limit: number,
	continue: token,
	resourceVersion: number,
	resourceVersionMatch: fc.constantFrom("Exact", "NotOlderThan", "", "x"),
	timeoutSeconds: fc.constantFrom("0", "1", "-1", "x", "99999999999999999999"),
	dryRun: truth,
	fieldManager: fc.constantFrom("m", "", "x".repeat(200), "💥", "\u0001"),
	fieldValidation: fc.constantFrom("Strict", "Warn", "Ignore", "", "x"),
	force: truth,
	gracePeriodSeconds: number,
	propagationPolicy: fc.constantFrom("Foreground", "Background", "Orphan", "", "x"),
	orphanDependents: truth,
	pretty: truth,
	includeObject: fc.constantFrom("None", "Object", "x"),
};
const parameter = fc
	.constantFrom(...Object.keys(PARAMETERS))
	.chain((name) => (PARAMETERS[name] as fc.Arbitrary<string>).map((text): [string, string] => [name, text]));
const query = (more: readonly [string, string][] = []) =>
	fc.array(parameter, { maxLength: 3 }).map((pairs) => {
		const text = new URLSearchParams([...more, ...pairs]).toString();
		return text === "" ? "" : `?${text}`;
	});

const accept = fc.oneof(
	{ weight: 6, arbitrary: fc.constant("application/json") },
	{
		weight: 3,
		arbitrary: fc.constantFrom(
			"application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
			"application/vnd.kubernetes.protobuf,application/json",
			"application/yaml",
			"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,*/*",
		),
	},
	{ weight: 1, arbitrary: fc.constantFrom("", "*", "text/html", ";;;", "application/json;q=x", "application/json;as=Table;v=v9;g=x") },
);

export const collectionPath = ({ group, version, plural, scope }: KindDefinition, namespace = NAMESPACE): string =>
	`${group === "" ? "/api" : `/apis/${group}`}/${version}${scope === "Cluster" || namespace === "" ? "" : `/namespaces/${namespace}`}/${plural}`;

function subresources({ subresources: own = {} }: KindDefinition): string[] {
	return [...(own.status ? ["/status"] : []), ...(own.scale ? ["/scale"] : []), ...Object.keys(own.object ?? {}).map((name) => `/${name}`)];
}

const NOTHING: Body = { contentType: "application/json", body: new Uint8Array() };

function requestOn(subject: Subject): fc.Arbitrary<HostileRequest> {
	const { kind, object } = subject;
	const own = (object["metadata"] as JsonObject)["name"] as string;
	const collection = collectionPath(kind);
	const name = fc.oneof(
		{ weight: 6, arbitrary: fc.constant(own) },
		{ weight: 1, arbitrary: fc.constantFrom(...NEW_NAMES, "%2F", "A_b", "%F0%9F%92%A5", "..%2Fx") },
	);
	const item = fc
		.tuple(name, fc.oneof({ weight: 4, arbitrary: fc.constant("") }, { weight: 2, arbitrary: fc.constantFrom("", ...subresources(kind)) }))
		.map(([n, sub]) => `${collection}/${n}${sub}`);
	const make = (method: string, path: fc.Arbitrary<string>, body: fc.Arbitrary<Body>, more?: readonly [string, string][]) =>
		fc
			.tuple(path, query(more), body, accept)
			.map(([address, parameters, sent, wanted]): HostileRequest => ({ kind, method, path: address + parameters, ...sent, accept: wanted }));
	const options = fc.oneof(
		{ weight: 3, arbitrary: fc.constant(NOTHING) },
		{
			weight: 1,
			arbitrary: fc
				.array(edit, { maxLength: 3 })
				.map((edits) =>
					encoded(
						kind,
						damaged(
							{ apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0, preconditions: { uid: "x" }, propagationPolicy: "Orphan", dryRun: ["All"] },
							edits,
						),
						"json",
					),
				),
		},
	);
	return fc.oneof(
		{ weight: 6, arbitrary: make("POST", fc.constant(collection), whole(subject, [undefined, ...NEW_NAMES])) },
		{ weight: 5, arbitrary: make("PUT", item, whole(subject)) },
		{ weight: 8, arbitrary: make("PATCH", item, patchOf(subject), [["fieldManager", "fuzz"]]) },
		{ weight: 2, arbitrary: make("GET", item, fc.constant(NOTHING)) },
		{ weight: 3, arbitrary: make("GET", fc.constantFrom(collection, collectionPath(kind, "")), fc.constant(NOTHING)) },
		{ weight: 1, arbitrary: make("DELETE", fc.oneof(item, fc.constant(collection)), options) },
	);
}

const WORDS = [
	"api",
	"apis",
	"v1",
	"v2",
	"apps",
	"namespaces",
	NAMESPACE,
	"pods",
	"deployments",
	"nodes",
	"a",
	"status",
	"scale",
	"log",
	"exec",
	"attach",
	"portforward",
	"proxy",
	"eviction",
];
const MORE_WORDS = [
	"binding",
	"token",
	"watch",
	"openapi",
	"v3",
	"healthz",
	"metrics",
	"version",
	".",
	"..",
	"%2F",
	"%00",
	"%",
	"💥",
	"a:b",
	"https:a:99999",
	"serviceaccounts",
	"default",
	"finalize",
];

/** Paths that mostly lead nowhere, and what nodes serve. */
export const hostilePath: fc.Arbitrary<Pick<HostileRequest, "method" | "path" | "accept">> = fc.record({
	method: fc.constantFrom("GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
	path: fc.oneof(
		fc.tuple(fc.array(fc.constantFrom(...WORDS, ...MORE_WORDS), { maxLength: 8 }), query()).map(([parts, parameters]) => `/${parts.join("/")}${parameters}`),
		fc
			.tuple(
				fc.constantFrom("log", "exec", "attach", "portforward", "proxy", "proxy/x", "eviction", "binding", "token", "resize"),
				fc.constantFrom("pods", "services", "serviceaccounts", "nodes"),
				query(),
			)
			.map(([sub, plural, parameters]) => `/api/v1${plural === "nodes" ? "" : `/namespaces/${NAMESPACE}`}/${plural}/a/${sub}${parameters}`),
	),
	accept,
});

const shown = ({ method, path, contentType, accept: wanted, body }: HostileRequest): string =>
	`${method} ${path} (${contentType}, accept ${wanted})\n${new TextDecoder().decode(body)}`;

export const hostileRequest = (subjects: readonly Subject[]): fc.Arbitrary<HostileRequest> =>
	fc
		.constantFrom(...subjects)
		.chain(requestOn)
		.map((request) => ({ ...request, [fc.toStringMethod]: () => shown(request) }));

/** Another one in each run of the tests. */
export const FRESH_SEED = Date.now() % 2 ** 31;

/** Upstream's own words for a version that is still to come, and for faults of the client's that it answers with 500 and no reason. */
const isUpstreams = (code: number, reason: unknown): boolean => (code === 504 && reason === "Timeout") || (code === 500 && reason === undefined);

/** @throws Error when the answer is no answer to such a request. */
export function checkAnswer(request: HostileRequest, code: number, body: string | Uint8Array): void {
	if (code < 400) return;
	const wrong = (what: string) => new Error(`${what}: ${code} ${body}\n${shown(request)}`);
	if (typeof body !== "string") throw wrong("a refusal that is no JSON");
	const { kind, status, message, reason, code: told } = JSON.parse(body) as Record<string, unknown>;
	if (kind !== "Status" || status !== "Failure" || told !== code) throw wrong("no Status");
	if (typeof message !== "string" || message === "" || message.includes("[object ")) throw wrong("a Status that says nothing");
	if (code >= 500 && !isUpstreams(code, reason)) throw wrong("an internal error");
}
