/** What a delivery's body says, by its content type. Pure. */
import { parseYaml } from "../core/codec/yaml.ts";
import { badRequest } from "../core/errors/status-error.ts";
import type { Json } from "../core/meta/object.ts";

const FORM = "application/x-www-form-urlencoded";
const YAML = /[/+]ya?ml$/;

function parsed(text: string): Json {
	try {
		return JSON.parse(text) as Json;
	} catch {
		throw badRequest("the body is no JSON");
	}
}

/**
 * JSON as its value; GitHub's form as the JSON in its `payload`; YAML, of which there may be several documents, and plain text as
 * they stand. Without a content type JSON is what is expected. Throws 400.
 */
export function payloadOf(body: Uint8Array, contentType: string): Json {
	const text = new TextDecoder().decode(body);
	const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
	if (type === FORM) return parsed(new URLSearchParams(text).get("payload") ?? "");
	if (YAML.test(type)) {
		parseYaml(text);
		return text;
	}
	if (type === "text/plain") return text;
	return text === "" ? null : parsed(text);
}
