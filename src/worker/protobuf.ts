/** The Kubernetes protobuf encoding at the front door: the objects themselves speak JSON alone. */
import { decodeProtobuf, encodeProtobuf } from "../core/codec/kubernetes-protobuf.ts";
import { notAcceptable } from "../core/errors/status-error.ts";
import type { JsonObject } from "../core/meta/object.ts";
import { builtinSchema } from "../core/schema/builtin-schema.ts";
import { builtinTypeName } from "../core/schema/builtin-table.ts";

/** An enveloped message as JSON text. @throws StatusError 400 */
export const jsonOfProtobuf = (bytes: Uint8Array): string => JSON.stringify(decodeProtobuf(builtinSchema, bytes).object);

/** A typed object as an enveloped message. @throws StatusError 406 for a kind that has no protobuf form. */
export function protobufOfJson(value: unknown): Uint8Array {
	const object = value as JsonObject & { apiVersion?: string; kind?: string };
	const [version = "", group = ""] = (object.apiVersion ?? "").split("/").reverse();
	const typeName = builtinTypeName(group, version, object.kind ?? "");
	if (typeName === undefined) throw notAcceptable(["application/json", "application/yaml"]);
	return encodeProtobuf(builtinSchema, typeName, object);
}
