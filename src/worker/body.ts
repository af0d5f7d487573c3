/** Request bodies: read up to a limit, and turned into JSON text by their content type. */
import type { PatchType } from "../core/api/request.ts";
import { parseYaml } from "../core/codec/yaml.ts";
import { badRequest, tooLargeBody, unsupportedMediaType } from "../core/errors/status-error.ts";
import { JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from "./negotiate.ts";
import { jsonOfProtobuf } from "./protobuf.ts";

/** As kube-apiserver: MaxRequestBodyBytes. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

const BODY_TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];
const APPLY_YAML_TYPE = "application/apply-patch+yaml";
const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
	"application/json-patch+json": "json",
	"application/merge-patch+json": "merge",
	"application/strategic-merge-patch+json": "strategic",
	[APPLY_YAML_TYPE]: "apply",
};

const mediaTypeOf = (contentType: string | null): string => (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";

const tooLarge = () => tooLargeBody(`Request entity too large: limit is ${MAX_BODY_BYTES}`);

/** @throws StatusError 413 */
export async function readBytes(request: Request): Promise<Uint8Array> {
	if (!request.body) return new Uint8Array();
	const length = request.headers.get("content-length");
	if (length !== null) {
		if (Number(length) > MAX_BODY_BYTES) throw tooLarge();
		return new Uint8Array(await request.arrayBuffer());
	}
	return readUnmeasured(request.body as ReadableStream<Uint8Array>);
}

/** A body that does not tell its length beforehand. */
async function readUnmeasured(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	let length = 0;
	for await (const chunk of body) {
		length += chunk.length;
		if (length > MAX_BODY_BYTES) throw tooLarge();
		chunks.push(chunk);
	}
	return chunks.length === 1 && chunks[0] ? chunks[0] : joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
	const bytes = new Uint8Array(length);
	let at = 0;
	for (const chunk of chunks) {
		bytes.set(chunk, at);
		at += chunk.length;
	}
	return bytes;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

function utf8(bytes: Uint8Array): string {
	try {
		return decoder.decode(bytes);
	} catch {
		throw badRequest("the body of the request is not valid UTF-8");
	}
}

/** An apply patch is YAML, but nearly always JSON, which is YAML too: that is passed on as it is. */
function jsonOfApplyPatch(text: string): string {
	if (text.trimStart().startsWith("{")) {
		try {
			JSON.parse(text);
			return text;
		} catch {
			// Flow-style YAML begins with a brace as well.
		}
	}
	return JSON.stringify(parseYaml(text).value);
}

/** What a PATCH request's content type says. @throws StatusError 415 */
export function patchTypeOf(contentType: string | null): PatchType {
	const patchType = PATCH_TYPES[mediaTypeOf(contentType)];
	if (!patchType) throw unsupportedMediaType(Object.keys(PATCH_TYPES));
	return patchType;
}

/** The body of a PATCH as JSON text. */
export async function readPatch(request: Request, patchType: PatchType): Promise<string> {
	const text = utf8(await readBytes(request));
	return patchType === "apply" ? jsonOfApplyPatch(text) : text;
}

/**
 * The body as JSON text, "" when there is none. JSON is not parsed here: the object that owns it does.
 * @throws StatusError 400, 413, 415
 */
export async function readJsonBody(request: Request): Promise<string> {
	const bytes = await readBytes(request);
	if (bytes.length === 0) return "";
	const type = mediaTypeOf(request.headers.get("content-type"));
	if (type === "" || type === JSON_TYPE) return utf8(bytes);
	if (type === YAML_TYPE || type === "application/x-yaml" || type === "text/yaml") return JSON.stringify(parseYaml(utf8(bytes)).value);
	if (type === PROTOBUF_TYPE) return jsonOfProtobuf(bytes);
	throw unsupportedMediaType(BODY_TYPES);
}
