/** The types of CEL expressions, as the checker sees them and as they print. */

/** An object's type: what it has is said by its schema, and by nothing else. */
export interface ObjectType {
	readonly kind: "object";
	readonly name: string;
	/** Undefined where there is no such field. */
	field(name: string): CelType | undefined;
}

export type CelType =
	| {
			readonly kind: "dyn" | "null" | "bool" | "int" | "uint" | "double" | "string" | "bytes" | "duration" | "timestamp" | "error";
			/** Most characters or bytes that a value can have, where that is known. */
			readonly max?: number;
	  }
	/** `type` of a value: what `type(x)` and a type's name give. */
	| { readonly kind: "type"; readonly of: CelType }
	| { readonly kind: "list"; readonly element: CelType; readonly max?: number }
	| { readonly kind: "map"; readonly key: CelType; readonly value: CelType; readonly max?: number }
	| { readonly kind: "optional"; readonly value: CelType }
	/** A type whose values only functions look into: kubernetes.Quantity. */
	| { readonly kind: "opaque"; readonly name: string }
	/** A type parameter of a function's signature, or a type that is not known yet. */
	| { readonly kind: "parameter"; readonly name: string }
	| ObjectType;

export const DYN: CelType = { kind: "dyn" };
export const NULL: CelType = { kind: "null" };
export const BOOL: CelType = { kind: "bool" };
export const INT: CelType = { kind: "int" };
export const UINT: CelType = { kind: "uint" };
export const DOUBLE: CelType = { kind: "double" };
export const STRING: CelType = { kind: "string" };
export const BYTES: CelType = { kind: "bytes" };
export const DURATION: CelType = { kind: "duration" };
export const TIMESTAMP: CelType = { kind: "timestamp" };
/** Of an expression that has been complained about: no more is said of it. */
export const ERROR: CelType = { kind: "error" };

export const listOf = (element: CelType): CelType => ({ kind: "list", element });
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: "map", key, value });
export const optionalOf = (value: CelType): CelType => ({ kind: "optional", value });
export const typeOf = (of: CelType): CelType => ({ kind: "type", of });
export const opaque = (name: string): CelType => ({ kind: "opaque", name });

/** An object type of the fields; those that are not named are undefined. */
export function objectType(name: string, fields: Readonly<Record<string, CelType>>): ObjectType {
	return { kind: "object", name, field: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined) };
}

const PLAIN_NAMES: Readonly<Record<string, string>> = {
	null: "null_type",
	duration: "google.protobuf.Duration",
	timestamp: "google.protobuf.Timestamp",
	error: "!error!",
};

/** As cel-go prints it (checker.FormatCELType). */
export function typeText(type: CelType): string {
	switch (type.kind) {
		case "list":
			return `list(${typeText(type.element)})`;
		case "map":
			return `map(${typeText(type.key)}, ${typeText(type.value)})`;
		case "optional":
			return `optional_type(${typeText(type.value)})`;
		case "type":
			return type.of.kind === "dyn" ? "type" : `type(${typeText(type.of)})`;
		case "object":
		case "opaque":
		case "parameter":
			return type.name;
		default:
			return PLAIN_NAMES[type.kind] ?? type.kind;
	}
}

const BY_NAME: Readonly<Record<string, CelType>> = {
	dyn: DYN,
	null: NULL,
	bool: BOOL,
	int: INT,
	uint: UINT,
	double: DOUBLE,
	string: STRING,
	bytes: BYTES,
	duration: DURATION,
	timestamp: TIMESTAMP,
};

/** Reads the types of signatures: `list<T>`, `map<string, dyn>`, `optional<V>`, `kubernetes.Quantity`. */
class TypeReader {
	#rest: string;

	constructor(text: string) {
		this.#rest = text;
	}

	read(): CelType {
		const name = /^\s*([A-Za-z_.]+)/.exec(this.#rest);
		if (name === null) throw new Error(`not a type: ${this.#rest}`);
		this.#rest = this.#rest.slice(name[0].length);
		const args = this.#rest.startsWith("<") ? this.#args() : [];
		return this.#type(name[1] ?? "", args);
	}

	#args(): CelType[] {
		const args: CelType[] = [];
		do {
			this.#rest = this.#rest.slice(1);
			args.push(this.read());
		} while (this.#rest.startsWith(","));
		this.#rest = this.#rest.slice(1);
		return args;
	}

	#type(name: string, [first = DYN, second = DYN]: CelType[]): CelType {
		if (name === "list") return listOf(first);
		if (name === "map") return mapOf(first, second);
		if (name === "optional") return optionalOf(first);
		if (name === "type") return typeOf(first);
		if (/^[A-Z]$/.test(name)) return { kind: "parameter", name };
		return BY_NAME[name] ?? opaque(name);
	}
}

export const readType = (text: string): CelType => new TypeReader(text).read();
