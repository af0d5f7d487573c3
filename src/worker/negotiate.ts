/** What representation an Accept header asks for: k8s.io/apiserver/pkg/endpoints/handlers/negotiation. Pure. */
import { notAcceptable } from "../core/errors/status-error.ts";

export type MediaType = "application/json" | "application/yaml" | "application/vnd.kubernetes.protobuf";
export type Transform = "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";

export interface Representation {
	mediaType: MediaType;
	/** meta.k8s.io kind that the answer is turned into; absent for the object as it is. */
	as?: Transform;
	/** Version of meta.k8s.io, with `as`. */
	metaVersion?: "v1" | "v1beta1";
}

export const JSON_TYPE = "application/json";
export const YAML_TYPE = "application/yaml";
export const PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf";
export const PLAIN_JSON: Representation = { mediaType: JSON_TYPE };

const OBJECT_TYPES: readonly MediaType[] = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];
const STREAM_TYPES: readonly MediaType[] = [JSON_TYPE, PROTOBUF_TYPE];
const TRANSFORMS: ReadonlySet<string> = new Set(["Table", "PartialObjectMetadata", "PartialObjectMetadataList"]);
/** Clauses of an Accept header that are looked at; more are ignored. */
const MAX_CLAUSES = 32;

interface Clause {
	type: string;
	parameters: Map<string, string>;
	quality: number;
}

function parseClause(text: string): Clause {
	const [type = "", ...rest] = text.split(";").map((part) => part.trim());
	const parameters = new Map<string, string>();
	for (const parameter of rest) {
		const at = parameter.indexOf("=");
		if (at > 0)
			parameters.set(
				parameter.slice(0, at).trim().toLowerCase(),
				parameter
					.slice(at + 1)
					.trim()
					.replace(/^"(.*)"$/, "$1"),
			);
	}
	const quality = Number(parameters.get("q") ?? "1");
	return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 1 };
}

/** What clients' headers were read as: there are few of them. */
const parsedHeaders = new Map<string, readonly Clause[]>();
const PARSED_HEADERS_MAX = 256;

function parseAccept(header: string): readonly Clause[] {
	const known = parsedHeaders.get(header);
	if (known !== undefined) return known;
	if (parsedHeaders.size >= PARSED_HEADERS_MAX) parsedHeaders.clear();
	const clauses = parseClauses(header);
	parsedHeaders.set(header, clauses);
	return clauses;
}

function parseClauses(header: string): Clause[] {
	const clauses = header
		.split(",")
		.slice(0, MAX_CLAUSES)
		.map(parseClause)
		.filter((c) => c.type !== "" && c.quality > 0);
	return clauses.sort((a, b) => b.quality - a.quality);
}

function matchingType(clause: string, types: readonly MediaType[]): MediaType | undefined {
	if (clause === "*/*") return types[0];
	if (clause.endsWith("/*")) return types.find((t) => t.startsWith(clause.slice(0, -1)));
	return types.find((t) => t === clause);
}

/** The transform a clause asks for: none, one that can be served, or "refused". */
function transformOf(clause: Clause, mediaType: MediaType, transforms: boolean): Pick<Representation, "as" | "metaVersion"> | "refused" {
	const as = clause.parameters.get("as");
	if (as === undefined) return {};
	const version = clause.parameters.get("v") ?? "v1";
	const group = clause.parameters.get("g") ?? "meta.k8s.io";
	// A Table has no protobuf form.
	if (as === "Table" && mediaType === PROTOBUF_TYPE) return "refused";
	if (!transforms || !TRANSFORMS.has(as) || group !== "meta.k8s.io" || (version !== "v1" && version !== "v1beta1")) return "refused";
	return { as: as as Transform, metaVersion: version };
}

export interface Negotiation {
	/** A watch: YAML has no frames. */
	stream?: boolean;
	/** Table and PartialObjectMetadata can be served here. */
	transforms?: boolean;
	/** False: the objects themselves have no protobuf form. */
	protobuf?: boolean;
}

/**
 * The best representation that both sides know; JSON when nothing is asked for.
 * @throws StatusError 406
 */
export function negotiate(accept: string | null | undefined, { stream = false, transforms = true, protobuf = true }: Negotiation = {}): Representation {
	if (!accept) return PLAIN_JSON;
	const types = stream ? STREAM_TYPES : OBJECT_TYPES;
	for (const clause of parseAccept(accept)) {
		const mediaType = matchingType(clause.type, types);
		if (!mediaType) continue;
		const transform = transformOf(clause, mediaType, transforms);
		if (transform !== "refused" && (protobuf || mediaType !== PROTOBUF_TYPE || transform.as !== undefined)) return { mediaType, ...transform };
	}
	const offered = protobuf ? types : types.filter((t) => t !== PROTOBUF_TYPE);
	throw notAcceptable(stream ? offered.map((t) => `${t};stream=watch`) : offered);
}

/** For errors: never fails, JSON when in doubt. */
export function negotiateError(accept: string | null | undefined): Representation {
	try {
		return { mediaType: negotiate(accept).mediaType };
	} catch {
		return PLAIN_JSON;
	}
}

/** Browsers and the common command-line clients get indented JSON, as upstream gives it. */
export function wantsPretty(query: URLSearchParams, userAgent: string): boolean {
	const asked = query.get("pretty");
	if (asked !== null) return asked !== "0" && asked.toLowerCase() !== "false";
	return userAgent.startsWith("curl") || userAgent.startsWith("Wget") || userAgent.startsWith("Mozilla/5.0");
}
