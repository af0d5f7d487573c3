/** Turns the objects' JSON into what the client asked for: Table, PartialObjectMetadata, YAML, protobuf, indented JSON. */
import { yamlText } from "../core/codec/yaml.ts";
import { badRequest, notAcceptableObject } from "../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import type { Json, KubeObject } from "../core/meta/object.ts";
import { type IncludeObject, tableOf } from "../core/table/table.ts";
import { JSON_TYPE, type Representation, YAML_TYPE } from "./negotiate.ts";
import { protobufOfJson } from "./protobuf.ts";

interface ListValue {
	metadata?: Record<string, unknown>;
	items: KubeObject[];
}

export interface Target {
	representation: Representation;
	pretty: boolean;
	includeObject: IncludeObject;
	/** What the objects are; undefined for a Status and other answers that have no columns. */
	kind: KindDefinition | undefined;
	nowMs: number;
}

/** ?includeObject= of a request for tables. @throws StatusError 400 */
export function includeObjectOf(query: URLSearchParams): IncludeObject {
	const value = query.get("includeObject") ?? "";
	if (value === "") return "Metadata";
	if (value === "None" || value === "Metadata" || value === "Object") return value;
	throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`);
}

/** True when the object's own JSON text is the answer. */
export const isPassThrough = ({ representation, pretty }: Pick<Target, "representation" | "pretty">): boolean =>
	representation.mediaType === JSON_TYPE && representation.as === undefined && !pretty;

const isList = (value: unknown): value is ListValue => Array.isArray((value as Partial<ListValue>).items);
const isStatus = (value: unknown): boolean => (value as { kind?: string }).kind === "Status";

/** Items of a list leave out their type; alone they need it. */
const typed = (kind: KindDefinition, object: KubeObject): KubeObject => ({ ...object, apiVersion: apiVersionOf(kind), kind: kind.kind });

const partial = (object: KubeObject, metaVersion: string) => ({
	kind: "PartialObjectMetadata",
	apiVersion: `meta.k8s.io/${metaVersion}`,
	metadata: object.metadata,
});

function tableFor(value: KubeObject | ListValue, kind: KindDefinition, target: Target, withoutDefinitions: boolean): unknown {
	const objects = isList(value) ? value.items : [value];
	const listMeta = isList(value) ? value.metadata : { resourceVersion: value.metadata.resourceVersion };
	const includeObject = target.includeObject;
	const rows = includeObject === "Object" ? objects.map((o) => typed(kind, o)) : objects;
	const table = tableOf(kind, rows, { includeObject, nowMs: target.nowMs, listMeta: listMeta ?? {}, withoutDefinitions });
	return target.representation.metaVersion === "v1beta1" ? { ...table, apiVersion: "meta.k8s.io/v1beta1" } : table;
}

/**
 * The object, or list, in the kind the client asked for; unchanged when none was asked for.
 * @throws StatusError 406 for PartialObjectMetadata of a list and the reverse.
 */
export function transform(value: KubeObject | ListValue, target: Target, withoutDefinitions = false): unknown {
	const { as, metaVersion = "v1" } = target.representation;
	if (as === undefined || target.kind === undefined || isStatus(value)) return value;
	if (as === "Table") return tableFor(value, target.kind, target, withoutDefinitions);
	if (as === "PartialObjectMetadata") {
		if (isList(value)) throw notAcceptableObject("you requested PartialObjectMetadata, but the requested object is a list");
		return partial(value, metaVersion);
	}
	if (!isList(value)) throw notAcceptableObject("you requested PartialObjectMetadataList, but the requested object is not a list");
	return {
		kind: "PartialObjectMetadataList",
		apiVersion: `meta.k8s.io/${metaVersion}`,
		metadata: value.metadata ?? {},
		items: value.items.map((o) => partial(o, metaVersion)),
	};
}

/** Writes a JSON value in a media type. */
export function serialize(value: unknown, { mediaType }: Representation, pretty: boolean): string | Uint8Array {
	if (mediaType === JSON_TYPE) return pretty ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value);
	if (mediaType === YAML_TYPE) return yamlText(value as Json);
	return protobufOfJson(value);
}

/** An answer's JSON text in the representation asked for. */
export function represent(text: string, target: Target): string | Uint8Array {
	if (isPassThrough(target)) return text;
	return serialize(transform(JSON.parse(text) as KubeObject | ListValue, target), target.representation, target.pretty);
}
