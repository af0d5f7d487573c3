/** What a function of expressions is: its signature, as the checker and the dispatch read it, and what it does. */
import { type CelType, readType } from "./types.ts";
import { CelError, CelFailure, CelList, CelMap, type CelValue, Duration, Opaque, Optional, Timestamp, TypeValue, typeName, Uint } from "./values.ts";

/** What a call costs when it is made, in units of upstream's: about one for each look at something. */
export type CallCost = (args: readonly CelValue[], result: CelValue | CelError) => number;

/** One way to call a function. Its types are read when they are first asked for: a Worker that starts asks for none. */
export class Overload {
	/** "startsWith", "sets.contains", "_+_". */
	readonly name: string;
	/** Called on its first parameter. */
	readonly isMethod: boolean;
	readonly call: (...args: never[]) => CelValue | CelError;
	/** 1 where absent. */
	readonly cost: CallCost | undefined;
	readonly #signature: string;
	#types: { params: readonly CelType[]; result: CelType } | undefined;

	constructor(signature: string, isMethod: boolean, call: (...args: never[]) => CelValue | CelError, cost: CallCost | undefined) {
		const open = signature.indexOf("(");
		this.name = signature.slice(isMethod ? signature.lastIndexOf(".", open) + 1 : 0, open);
		this.isMethod = isMethod;
		this.call = call;
		this.cost = cost;
		this.#signature = signature;
	}

	get params(): readonly CelType[] {
		return this.#read().params;
	}

	get result(): CelType {
		return this.#read().result;
	}

	#read(): { params: readonly CelType[]; result: CelType } {
		if (this.#types === undefined) {
			const signature = this.#signature;
			const [open, close] = [signature.indexOf("("), signature.lastIndexOf(") -> ")];
			const receiver = this.isMethod ? [signature.slice(0, open - this.name.length - 1)] : [];
			const params = [...receiver, ...splitParams(signature.slice(open + 1, close))].map(readType);
			this.#types = { params, result: readType(signature.slice(close + ") -> ".length)) };
		}
		return this.#types;
	}
}

function splitParams(text: string): string[] {
	const parts: string[] = [];
	let depth = 0;
	let from = 0;
	for (let index = 0; index <= text.length; index++) {
		const char = text[index];
		if (char === "<") depth++;
		if (char === ">") depth--;
		if ((char === "," && depth === 0) || index === text.length) {
			parts.push(text.slice(from, index));
			from = index + 1;
		}
	}
	return parts.map((part) => part.trim()).filter((part) => part !== "");
}

/** `string.size() -> int`: the receiver is the first argument of `call`. */
export function method<A extends (CelValue | undefined)[]>(signature: string, call: (...args: A) => CelValue | CelError, cost?: CallCost): Overload {
	return new Overload(signature, true, call as unknown as Overload["call"], cost);
}

/** `size(string) -> int`, `_+_(int, int) -> int`. */
export function fn<A extends (CelValue | undefined)[]>(signature: string, call: (...args: A) => CelValue | CelError, cost?: CallCost): Overload {
	return new Overload(signature, false, call as unknown as Overload["call"], cost);
}

type Guard = (value: CelValue) => boolean;

const GUARDS: Readonly<Partial<Record<CelType["kind"], Guard>>> = {
	null: (value) => value === null,
	bool: (value) => typeof value === "boolean",
	int: (value) => typeof value === "bigint",
	uint: (value) => value instanceof Uint,
	double: (value) => typeof value === "number",
	string: (value) => typeof value === "string",
	bytes: (value) => value instanceof Uint8Array,
	duration: (value) => value instanceof Duration,
	timestamp: (value) => value instanceof Timestamp,
	type: (value) => value instanceof TypeValue,
	list: (value) => value instanceof CelList,
	map: (value) => value instanceof CelMap,
	optional: (value) => value instanceof Optional,
};

/** Undefined where any value will do. */
function guardOf(type: CelType): Guard | undefined {
	if (type.kind === "opaque") return (value) => value instanceof Opaque && value.typeName === type.name;
	return GUARDS[type.kind];
}

const guarded = new WeakMap<Overload, readonly (Guard | undefined)[]>();

function guardsOf(one: Overload): readonly (Guard | undefined)[] {
	let guards = guarded.get(one);
	if (guards === undefined) {
		guards = one.params.map(guardOf);
		guarded.set(one, guards);
	}
	return guards;
}

/** Whether values of these types may be given to the overload. */
export function accepts(one: Overload, args: readonly CelValue[]): boolean {
	const guards = guardsOf(one);
	for (let index = 0; index < guards.length; index++) {
		const guard = guards[index];
		if (guard !== undefined && !guard(args[index] as CelValue)) return false;
	}
	return true;
}

const OPERATOR = /^[_!@-]/;

/** Operators do not say what they were given, as upstream's do not. */
export function noSuchOverload(name: string, args: readonly CelValue[]): CelError {
	return new CelError(OPERATOR.test(name) ? "no such overload" : `no such overload: ${name}(${args.map(typeName).join(", ")})`);
}

/** What the function gives; an error where it fails. */
export function invoke(one: Overload, args: readonly CelValue[]): CelValue | CelError {
	try {
		return (one.call as (...args: readonly CelValue[]) => CelValue | CelError)(...args);
	} catch (error) {
		if (error instanceof CelFailure) return new CelError(error.message);
		throw error;
	}
}

/** The functions of an environment, by name. */
export class FunctionTable {
	readonly #byName = new Map<string, Overload[]>();

	constructor(...libraries: readonly (readonly Overload[])[]) {
		for (const one of libraries.flat()) {
			const known = this.#byName.get(one.name);
			if (known === undefined) this.#byName.set(one.name, [one]);
			else known.push(one);
		}
	}

	has(name: string): boolean {
		return this.#byName.has(name);
	}

	/** Those of the name, called in this way. */
	overloads(name: string, isMethod: boolean): readonly Overload[] {
		return (this.#byName.get(name) ?? []).filter((one) => one.isMethod === isMethod);
	}
}
