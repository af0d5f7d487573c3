/**
 * The schema as patch, apply, decode, protobuf and OpenAPI see it. Built-in types come from the generated table, custom
 * ones from a CRD's OpenAPI schema: both give the same values.
 */
import type { Json } from "../meta/object.ts";

export type TypeRef =
	| { kind: "string" | "boolean" | "int32" | "int64" | "double" | "bytes" | "quantity" | "time" | "microTime" | "duration" | "intOrString" | "fieldsV1" }
	/** Anything, kept as it is (RawExtension, JSON). */
	| { kind: "any" }
	/** `name` as "core/v1.PodSpec". */
	| { kind: "struct"; name: string }
	| { kind: "list"; element: TypeRef }
	| { kind: "map"; value: TypeRef };

export interface FieldInfo {
	/** The JSON name. */
	name: string;
	type: TypeRef;
	/** Go: no omitempty and not a pointer: always printed, even when empty. */
	required: boolean;
	/** A Go pointer: the empty value and absence differ. */
	pointer: boolean;
	/** A Go pointer without omitempty: absence is printed as null. */
	nullWhenAbsent?: boolean;
	/** The type in Go's words, for the text of decoding errors: "v1.Protocol", "[]v1.Container". */
	goType?: string;
	listType?: "atomic" | "set" | "map";
	listMapKeys?: readonly string[];
	mapType?: "atomic" | "granular";
	structType?: "atomic" | "granular";
	patchStrategy?: readonly ("merge" | "replace" | "retainKeys")[];
	patchMergeKey?: string;
	default?: Json;
	enumValues?: readonly string[];
	/** Protobuf field number; wire type and repeatedness follow from `type`. */
	protobuf?: number;
}

export interface StructType {
	name: string;
	/** Inlined structs are flattened in; declaration order. */
	fields: ReadonlyMap<string, FieldInfo>;
	/** A struct without keys of its own that keeps unknown fields (x-kubernetes-preserve-unknown-fields). */
	preserveUnknown?: boolean;
	structType?: "atomic" | "granular";
}

export interface Schema {
	/** Throws when there is no such type: a programming error. */
	struct(name: string): StructType;
}
