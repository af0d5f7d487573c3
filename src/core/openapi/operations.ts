/**
 * The paths and operations of a kind, before they take the form of OpenAPI v2 or v3. Names and descriptions follow
 * k8s.io/apiserver/pkg/endpoints/installer.go.
 */
import { type GroupVersionKind, type SubresourceInfo, subresourcesOf } from "../discovery/discovery.ts";
import type { KindDefinition, Verb } from "../kinds/define-kind.ts";
import { builtinDocs } from "../schema/builtin-docs.ts";
import { builtinTypeName, goStruct, hasGoStruct, typeRefOf } from "../schema/builtin-table.ts";

export type Method = "get" | "put" | "post" | "delete" | "patch";

export interface Parameter {
	name: string;
	in: "query" | "path";
	description: string;
	type: "string" | "integer" | "boolean";
	required?: boolean;
}

export interface Operation {
	method: Method;
	/** x-kubernetes-action. */
	action: "get" | "list" | "post" | "put" | "patch" | "delete" | "deletecollection" | "connect";
	id: string;
	description: string;
	tag: string;
	gvk: GroupVersionKind;
	parameters: readonly Parameter[];
	/** The schema type of the body. */
	body?: { type: string; required: boolean };
	/** The schema type of the answer; undefined for plain text. */
	response?: string;
	codes: readonly number[];
	/** False: it takes no strategic merge patch. */
	strategicMerge?: false;
}

export interface Path {
	path: string;
	parameters: readonly Parameter[];
	operations: Operation[];
}

const query = (name: string, type: Parameter["type"], description: string): Parameter => ({ name, in: "query", type, description });

const PRETTY = query("pretty", "string", "If 'true', then the output is pretty printed.");
const NAMESPACE: Parameter = {
	name: "namespace",
	in: "path",
	type: "string",
	required: true,
	description: "object name and auth scope, such as for teams and projects",
};
/** The subresource behind which any path may follow. */
const PROXY = "proxy";
const PROXY_SUBPATH: Parameter = { name: "path", in: "path", type: "string", required: true, description: "path to the resource" };
const DRY_RUN = query("dryRun", "string", "When present, modifications are not persisted. The one valid value is All: every stage of the write is processed.");
const FIELD_MANAGER = query("fieldManager", "string", "The name of the actor that makes the change: at most 128 printable characters. Required for apply.");
const FIELD_VALIDATION = query("fieldValidation", "string", "What to do about unknown or duplicate fields: Ignore, Warn (the default) or Strict.");
const FORCE = query("force", "boolean", "Force applies the configuration even where another manager owns the field. Apply patches alone may set it.");
const RESOURCE_VERSION = query("resourceVersion", "string", "A constraint on the resource versions that a request may be served from.");
const LIST_PARAMETERS: readonly Parameter[] = [
	query("allowWatchBookmarks", "boolean", "Asks for watch events of type BOOKMARK."),
	query("continue", "string", "The token of an earlier, limited list whose next part is wanted."),
	query("fieldSelector", "string", "Restricts the objects by their fields. Default: everything."),
	query("labelSelector", "string", "Restricts the objects by their labels. Default: everything."),
	query("limit", "integer", "The most objects that one answer may hold; more are had with continue."),
	RESOURCE_VERSION,
	query("resourceVersionMatch", "string", "How resourceVersion is applied to a list: NotOlderThan or Exact."),
	query("sendInitialEvents", "boolean", "Begins a watch with the objects as they are, then a bookmark."),
	query("timeoutSeconds", "integer", "Limits how long a list or a watch may last."),
	query("watch", "boolean", "Streams the changes as add, update and delete events from resourceVersion on."),
];
const DELETE_PARAMETERS: readonly Parameter[] = [
	DRY_RUN,
	query("gracePeriodSeconds", "integer", "Seconds before the object is deleted; 0 deletes at once. Default: what the type says."),
	query("orphanDependents", "boolean", "Deprecated, use propagationPolicy. Whether dependents stay when their owner goes."),
	query("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."),
];
const WRITE_PARAMETERS: readonly Parameter[] = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];

const capital = (text: string): string => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;

/** "rbac.authorization.k8s.io" as RbacAuthorization, the core group as Core. */
const groupId = (group: string): string =>
	group === ""
		? "Core"
		: group
				.replace(/\.k8s\.io$/, "")
				.split(/[.-]/)
				.map(capital)
				.join("");

/** The type of a kind in the schema; undefined where the table has none (a custom kind). */
const typeOf = (gvk: GroupVersionKind): string | undefined => builtinTypeName(gvk.group, gvk.version, gvk.kind);

const nameParameter = (kind: string): Parameter => ({ name: "name", in: "path", type: "string", required: true, description: `name of the ${kind}` });

/** Writes a kind's operations with the names that they share. */
class KindOperations {
	readonly #definition: KindDefinition;
	readonly #tag: string;
	readonly #idMiddle: string;
	readonly #gvk: GroupVersionKind;

	constructor(definition: KindDefinition) {
		const { group, version, kind } = definition;
		const id = groupId(group);
		this.#definition = definition;
		this.#gvk = { group, version, kind };
		this.#tag = `${id[0]?.toLowerCase()}${id.slice(1)}_${version}`;
		this.#idMiddle = `${id}${capital(version)}`;
	}

	#id(verb: string, suffix = "", infix = ""): string {
		const scope = this.#definition.scope === "Namespaced" && !suffix.endsWith("ForAllNamespaces") ? "Namespaced" : "";
		return `${verb}${this.#idMiddle}${infix}${scope}${this.#definition.kind}${suffix}`;
	}

	#operation(fields: Pick<Operation, "method" | "action" | "id" | "description"> & Partial<Operation>): Operation {
		const { strategicMerge } = this.#definition;
		return { tag: this.#tag, gvk: this.#gvk, parameters: [], codes: [200], ...(strategicMerge === false ? { strategicMerge } : {}), ...fields };
	}

	list(suffix = ""): Operation {
		const { kind, schema } = this.#definition;
		const description = `list or watch objects of kind ${kind}`;
		return this.#operation({
			method: "get",
			action: "list",
			id: this.#id("list", suffix),
			description,
			parameters: LIST_PARAMETERS,
			response: `${schema}List`,
		});
	}

	collection(): Operation[] {
		const { kind, schema, verbs } = this.#definition;
		const has = (verb: Verb) => verbs.includes(verb);
		const operations: Operation[] = [];
		if (has("list")) operations.push(this.list());
		if (has("create")) {
			const fields = { id: this.#id("create"), description: `create a ${kind}`, parameters: WRITE_PARAMETERS, body: { type: schema, required: true } };
			operations.push(this.#operation({ method: "post", action: "post", ...fields, response: schema, codes: [200, 201, 202] }));
		}
		if (has("deletecollection")) {
			const parameters = [...LIST_PARAMETERS.filter(({ name }) => name !== "watch" && name !== "allowWatchBookmarks"), ...DELETE_PARAMETERS];
			const fields = { id: this.#id("delete", "", "Collection"), description: `delete collection of ${kind}`, parameters };
			operations.push(
				this.#operation({
					method: "delete",
					action: "deletecollection",
					...fields,
					body: { type: "meta/v1.DeleteOptions", required: false },
					response: "meta/v1.Status",
				}),
			);
		}
		return operations;
	}

	/** Reading and writing one object or, under a suffix such as "Status", a view of it. */
	#view(verbs: readonly Verb[], suffix: string, of: string, type: string, gvk: GroupVersionKind): Operation[] {
		const operations: Operation[] = [];
		const body = { type, required: true };
		if (verbs.includes("get"))
			operations.push(this.#operation({ method: "get", action: "get", id: this.#id("read", suffix), description: `read ${of}`, response: type, gvk }));
		if (verbs.includes("update")) {
			const fields = {
				id: this.#id("replace", suffix),
				description: `replace ${of}`,
				parameters: WRITE_PARAMETERS,
				body,
				response: type,
				codes: [200, 201],
				gvk,
			};
			operations.push(this.#operation({ method: "put", action: "put", ...fields }));
		}
		if (verbs.includes("patch")) {
			const fields = { id: this.#id("patch", suffix), description: `partially update ${of}`, parameters: [...WRITE_PARAMETERS, FORCE], codes: [200, 201], gvk };
			operations.push(this.#operation({ method: "patch", action: "patch", ...fields, body: { type: "meta/v1.Patch", required: true }, response: type }));
		}
		return operations;
	}

	item(): Operation[] {
		const { kind, schema, verbs } = this.#definition;
		const operations = this.#view(verbs, "", `the specified ${kind}`, schema, this.#gvk);
		if (verbs.includes("delete")) {
			const fields = { id: this.#id("delete"), description: `delete a ${kind}`, parameters: DELETE_PARAMETERS, codes: [200, 202] };
			operations.push(
				this.#operation({
					method: "delete",
					action: "delete",
					...fields,
					body: { type: "meta/v1.DeleteOptions", required: false },
					response: "meta/v1.Status",
				}),
			);
		}
		return operations;
	}

	subresource(info: SubresourceInfo): Operation[] {
		const { kind, group, version, schema, openApi } = this.#definition;
		// A view of the object itself has its type.
		const isOwn = info.kind.kind === kind && info.kind.group === group && info.kind.version === version;
		const type = isOwn && openApi ? schema : typeOf(info.kind);
		if (!info.connect && type !== undefined) return this.#view(info.verbs, capital(info.name), `${info.name} of the specified ${kind}`, type, info.kind);
		const options = optionsParameters(kind, info);
		return info.verbs.map((verb) => this.#connect(info, verb, type, options, ""));
	}

	/** What is behind a proxy. */
	subpath(info: SubresourceInfo): Operation[] {
		return info.verbs.map((verb) => this.#connect(info, verb, undefined, optionsParameters(this.#definition.kind, info), "WithPath"));
	}

	#connect(info: SubresourceInfo, verb: Verb, type: string | undefined, options: readonly Parameter[], ending: string): Operation {
		const { kind } = this.#definition;
		const suffix = capital(info.name) + ending;
		const posts = verb === "create" && type !== undefined && !info.kind.kind.endsWith("Options");
		if (posts) {
			const fields = { id: this.#id("create", suffix), description: `create ${info.name} of a ${kind}`, parameters: WRITE_PARAMETERS, gvk: info.kind };
			return this.#operation({ method: "post", action: "post", ...fields, body: { type, required: true }, response: type, codes: [200, 201, 202] });
		}
		const method = CONNECT_METHODS[verb] ?? "get";
		if (info.kind.kind === kind) {
			const fields = { id: this.#id("read", suffix), description: `read ${info.name} of the specified ${kind}`, parameters: options };
			return this.#operation({ method, action: "get", ...fields });
		}
		const fields = {
			id: this.#id("connect", suffix, capital(method)),
			description: `connect ${method.toUpperCase()} requests to ${info.name} of ${kind}`,
			parameters: options,
		};
		return this.#operation({ method, action: "connect", ...fields, gvk: info.kind });
	}
}

const CONNECT_METHODS: Partial<Record<Verb, Method>> = { create: "post", update: "put", patch: "patch", delete: "delete" };

/** The query parameters that a connect subresource takes: the fields of its options type. */
function optionsParameters(kind: string, info: SubresourceInfo): Parameter[] {
	const name = info.kind.kind.endsWith("Options") ? info.kind.kind : `${kind}${capital(info.name)}Options`;
	const type = `core/v1.${name}`;
	if (!hasGoStruct(type)) return [];
	const docs = builtinDocs(type);
	return goStruct(type).fields.flatMap((field): Parameter[] => {
		if (field.name === "") return [];
		const { kind: scalar } = typeRefOf(field.goType);
		const parameterType = scalar === "boolean" ? "boolean" : scalar === "int64" || scalar === "int32" ? "integer" : "string";
		return [query(field.name, parameterType, docs.fields.get(field.name) ?? "")];
	});
}

/** Every path of a kind with its operations. */
export function pathsOf(definition: KindDefinition): Path[] {
	const { group, version, plural, kind, scope, verbs } = definition;
	const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
	const namespaced = scope === "Namespaced";
	const base = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
	const shared = namespaced ? [NAMESPACE, PRETTY] : [PRETTY];
	const writer = new KindOperations(definition);
	const one = [nameParameter(kind), ...shared];
	const paths: Path[] = [
		{ path: base, parameters: shared, operations: writer.collection() },
		{ path: `${base}/{name}`, parameters: one, operations: writer.item() },
		...subresourcesOf(definition).map((info): Path => ({ path: `${base}/{name}/${info.name}`, parameters: one, operations: writer.subresource(info) })),
		...subresourcesOf(definition)
			.filter(({ name }) => name === PROXY)
			.map((info): Path => ({ path: `${base}/{name}/${PROXY}/{path}`, parameters: [...one, PROXY_SUBPATH], operations: writer.subpath(info) })),
	];
	if (namespaced && verbs.includes("list")) paths.push({ path: `${root}/${plural}`, parameters: [PRETTY], operations: [writer.list("ForAllNamespaces")] });
	return paths.filter(({ operations }) => operations.length > 0);
}
