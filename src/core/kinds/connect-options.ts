/** The options of a connection (PodExecOptions and the like), out of a query: what runtime's conversions of url.Values make of it. */
import { badRequest } from "../errors/status-error.ts";
import type { Json, JsonObject, KubeObject } from "../meta/object.ts";
import type { Schema, TypeRef } from "../schema/types.ts";
import { isTrue } from "../api/query-values.ts";
import type { ConnectSubresource } from "./define-kind.ts";

/** What a query may say: the fields of all of these types together. */
export interface ConnectOptions {
	stdin?: boolean;
	stdout?: boolean;
	stderr?: boolean;
	tty?: boolean;
	container?: string;
	command?: string[] | null;
	ports?: number[];
	path?: string;
}

function integer(text: string): number {
	if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
	return Number(text);
}

function single(type: TypeRef, text: string): Json {
	if (type.kind === "boolean") return isTrue(text);
	return type.kind === "int32" || type.kind === "int64" ? integer(text) : text;
}

/** As upstream prints it: what is empty is left out. Throws 400 for a number that is none. */
export function connectOptions(schema: Schema, type: NonNullable<ConnectSubresource["kind"]>, query: readonly (readonly [string, string])[]): KubeObject {
	const object: JsonObject = { kind: type.kind, apiVersion: type.version };
	for (const field of schema.struct(`core/${type.version}.${type.kind}`).fields.values()) {
		const texts = query.filter(([key]) => key === field.name).map(([, text]) => text);
		if (field.type.kind === "list") {
			const { element } = field.type;
			if (texts.length > 0) object[field.name] = texts.map((text) => single(element, text));
			else if (field.required) object[field.name] = null;
		} else if (texts[0] !== undefined) {
			const value = single(field.type, texts[0]);
			if (value) object[field.name] = value;
		}
	}
	return object as unknown as KubeObject;
}
