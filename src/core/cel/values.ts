/**
 * The values of CEL expressions. An error is a value too, as cel-go has it: `false && error` is false. Integers are bigint,
 * doubles number; lists and maps may be made from JSON as they are looked into.
 */
import { durationText } from "../schema/duration-text.ts";

export const INT_MAX = 2n ** 63n - 1n;
export const INT_MIN = -(2n ** 63n);
export const UINT_MAX = 2n ** 64n - 1n;
const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_MS = 1_000_000n;

/** What an expression gives instead of a value, where it has none. */
export class CelError {
	readonly message: string;

	constructor(message: string) {
		this.message = message;
	}
}

/** Thrown by functions: the caller makes a CelError of it. */
export class CelFailure extends Error {}

export class Uint {
	readonly value: bigint;

	constructor(value: bigint) {
		this.value = value;
	}
}

/** In nanoseconds. */
export class Duration {
	readonly nanos: bigint;

	constructor(nanos: bigint) {
		this.nanos = nanos;
	}

	/** As string() gives it: seconds. */
	toString(): string {
		const magnitude = this.nanos < 0n ? -this.nanos : this.nanos;
		const fraction = (magnitude % NANOS_PER_SECOND).toString().padStart(9, "0").replace(/0+$/, "");
		return `${this.nanos < 0n ? "-" : ""}${magnitude / NANOS_PER_SECOND}${fraction ? `.${fraction}` : ""}s`;
	}

	/** As Go prints it: "1h30m0s". */
	goText(): string {
		return durationText(this.nanos);
	}
}

/** An instant, in nanoseconds since 1970. */
export class Timestamp {
	readonly nanos: bigint;

	constructor(nanos: bigint) {
		this.nanos = nanos;
	}

	get ms(): number {
		const ms = this.nanos / NANOS_PER_MS;
		return Number(this.nanos < 0n && this.nanos % NANOS_PER_MS !== 0n ? ms - 1n : ms);
	}

	/** RFC 3339 with as many digits after the point as there are, in UTC. */
	toString(): string {
		const seconds = (this.nanos - this.nanosOfSecond) / NANOS_PER_SECOND;
		const fraction = this.nanosOfSecond.toString().padStart(9, "0").replace(/0+$/, "");
		return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}${fraction ? `.${fraction}` : ""}Z`;
	}

	get nanosOfSecond(): bigint {
		return ((this.nanos % NANOS_PER_SECOND) + NANOS_PER_SECOND) % NANOS_PER_SECOND;
	}
}

/** A type as a value. */
export class TypeValue {
	readonly name: string;

	constructor(name: string) {
		this.name = name;
	}
}

export class Optional {
	static readonly NONE: Optional = new Optional(undefined);
	readonly value: CelValue | undefined;

	constructor(value: CelValue | undefined) {
		this.value = value;
	}
}

/** A value that only functions look into. */
export abstract class Opaque {
	abstract readonly typeName: string;
	abstract equals(other: Opaque): boolean;

	/** What runtime costs count it for. */
	get size(): number {
		return 1;
	}
}

export abstract class CelList {
	abstract readonly length: number;
	/** Undefined beyond its ends. */
	abstract at(index: number): CelValue | undefined;

	*[Symbol.iterator](): Iterator<CelValue> {
		for (let index = 0; index < this.length; index++) yield this.at(index) as CelValue;
	}

	/** Two lists one after another. */
	concat(other: CelList): CelList {
		return new ArrayList([...this, ...other]);
	}

	equals(other: CelList): boolean {
		if (this.length !== other.length) return false;
		for (let index = 0; index < this.length; index++) if (!celEqual(this.at(index) as CelValue, other.at(index) as CelValue)) return false;
		return true;
	}
}

export class ArrayList extends CelList {
	readonly items: readonly CelValue[];

	constructor(items: readonly CelValue[]) {
		super();
		this.items = items;
	}

	get length(): number {
		return this.items.length;
	}

	at(index: number): CelValue | undefined {
		return this.items[index];
	}

	override [Symbol.iterator](): Iterator<CelValue> {
		return this.items[Symbol.iterator]();
	}
}

export abstract class CelMap {
	abstract readonly size: number;
	abstract keys(): Iterable<CelValue>;
	/** Undefined where there is no such key; a CelError where its value has one. */
	abstract get(key: CelValue): CelValue | CelError | undefined;

	/** What type() says. */
	get typeName(): string {
		return "map";
	}

	equals(other: CelMap): boolean {
		if (this.size !== other.size) return false;
		for (const key of this.keys()) {
			const [left, right] = [this.get(key), other.get(key)];
			if (left === undefined || right === undefined || left instanceof CelError || right instanceof CelError || !celEqual(left, right)) return false;
		}
		return true;
	}
}

type NormalKey = string | bigint | boolean;

/** Numbers of all types that are equal are one key. */
function normalKey(key: CelValue): NormalKey | undefined {
	if (typeof key === "string" || typeof key === "bigint" || typeof key === "boolean") return key;
	if (key instanceof Uint) return key.value;
	return typeof key === "number" && Number.isInteger(key) ? BigInt(key) : undefined;
}

/** A map that an expression wrote. */
export class LiteralMap extends CelMap {
	readonly #entries = new Map<NormalKey, readonly [CelValue, CelValue]>();

	/** @throws CelFailure of a key twice, or of one that is none */
	constructor(entries: Iterable<readonly [CelValue, CelValue]>) {
		super();
		for (const [key, value] of entries) {
			const normal = normalKey(key);
			if (normal === undefined) throw new CelFailure(`unsupported key type: ${typeName(key)}`);
			if (this.#entries.has(normal)) throw new CelFailure(`Failed with repeated key: ${keyText(key)}`);
			this.#entries.set(normal, [key, value]);
		}
	}

	get size(): number {
		return this.#entries.size;
	}

	*keys(): Iterable<CelValue> {
		for (const [key] of this.#entries.values()) yield key;
	}

	get(key: CelValue): CelValue | undefined {
		const normal = normalKey(key);
		return normal === undefined ? undefined : this.#entries.get(normal)?.[1];
	}
}

export type CelValue = null | boolean | bigint | number | string | Uint | Uint8Array | Duration | Timestamp | TypeValue | Optional | Opaque | CelList | CelMap;

/** As errors of missing keys print it. */
export function keyText(key: CelValue): string {
	if (key instanceof Uint) return String(key.value);
	return typeof key === "object" ? typeName(key) : String(key);
}

/** The name of the value's type. */
export function typeName(value: CelValue): string {
	switch (typeof value) {
		case "boolean":
			return "bool";
		case "bigint":
			return "int";
		case "number":
			return "double";
		case "string":
			return "string";
		default:
			return objectTypeName(value);
	}
}

function objectTypeName(value: Exclude<CelValue, string | number | bigint | boolean>): string {
	if (value === null) return "null_type";
	if (value instanceof CelList) return "list";
	if (value instanceof CelMap || value instanceof Opaque) return value.typeName;
	if (value instanceof Uint) return "uint";
	if (value instanceof Uint8Array) return "bytes";
	if (value instanceof Duration) return "google.protobuf.Duration";
	if (value instanceof Timestamp) return "google.protobuf.Timestamp";
	return value instanceof Optional ? "optional_type" : "type";
}

const isNumber = (value: CelValue): value is bigint | number | Uint => typeof value === "bigint" || typeof value === "number" || value instanceof Uint;

/** As cel-go has it: beside a double within its range an integer is one too, with what that loses. */
function besideDouble(value: bigint | number, other: bigint | number, min: bigint, max: bigint): bigint | number {
	return typeof value === "bigint" && typeof other === "number" && other >= Number(min) && other <= Number(max) ? Number(value) : value;
}

/** Negative, zero or positive across the types of numbers; NaN where one of them is. */
export function compareNumbers(a: bigint | number | Uint, b: bigint | number | Uint): number {
	const [one, other] = [a instanceof Uint ? a.value : a, b instanceof Uint ? b.value : b];
	const left = a instanceof Uint ? besideDouble(one, other, 0n, UINT_MAX) : besideDouble(one, other, INT_MIN, INT_MAX);
	const right = b instanceof Uint ? besideDouble(other, one, 0n, UINT_MAX) : besideDouble(other, one, INT_MIN, INT_MAX);
	if (left < right) return -1;
	if (left > right) return 1;
	return Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : 0;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
	const length = Math.min(a.length, b.length);
	for (let index = 0; index < length; index++) if (a[index] !== b[index]) return (a[index] as number) < (b[index] as number) ? -1 : 1;
	return Math.sign(a.length - b.length);
}

/** By code points, not by UTF-16 units. */
export function compareStrings(a: string, b: string): number {
	if (a === b) return 0;
	for (let index = 0; ; index++) {
		const [left, right] = [a.charCodeAt(index), b.charCodeAt(index)];
		if (left === right) continue;
		if (Number.isNaN(left)) return -1;
		if (Number.isNaN(right)) return 1;
		// A surrogate stands for what is above all that is none.
		const [isLeft, isRight] = [left >= 0xd800 && left < 0xe000, right >= 0xd800 && right < 0xe000];
		if (isLeft !== isRight) return isLeft ? 1 : -1;
		return left < right ? -1 : 1;
	}
}

/** Negative, zero or positive; undefined where the two have no order. */
export function celCompare(a: CelValue, b: CelValue): number | undefined {
	if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
	if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
	if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
	if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
	if (a instanceof Duration && b instanceof Duration) return compareNumbers(a.nanos, b.nanos);
	if (a instanceof Timestamp && b instanceof Timestamp) return compareNumbers(a.nanos, b.nanos);
	return undefined;
}

/** Values of different types are not equal; numbers are compared as numbers. */
export function celEqual(a: CelValue, b: CelValue): boolean {
	if (typeof a === "number" || typeof b === "number") return isNumber(a) && isNumber(b) && compareNumbers(a, b) === 0;
	if (a === b) return true;
	if (typeof a !== "object" || a === null) return isNumber(a) && isNumber(b) && compareNumbers(a, b) === 0;
	if (typeof b !== "object" || b === null) return isNumber(a) && isNumber(b) && compareNumbers(a, b) === 0;
	return objectsEqual(a, b);
}

function objectsEqual(a: CelValue & object, b: CelValue & object): boolean {
	if (a instanceof CelList) return b instanceof CelList && a.equals(b);
	if (a instanceof CelMap) return b instanceof CelMap && a.equals(b);
	if (a instanceof Opaque) return b instanceof Opaque && a.typeName === b.typeName && a.equals(b);
	if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
	if (a instanceof Optional) {
		if (!(b instanceof Optional)) return false;
		return a.value === undefined || b.value === undefined ? a.value === b.value : celEqual(a.value, b.value);
	}
	return celCompare(a, b) === 0;
}
