/** `"%s has %d".format([...])` (cel-go ext/formatting.go). */
import { doubleText } from "../standard-functions.ts";
import { CelFailure, CelList, CelMap, type CelValue, Duration, Timestamp, TypeValue, typeName, Uint } from "../values.ts";

const CLAUSE = /%(?:%|(?:\.(\d+))?([a-zA-Z]))/g;
const PRECISION = 6;

function numberOf(value: CelValue): bigint | number | undefined {
	if (value instanceof Uint) return value.value;
	return typeof value === "bigint" || typeof value === "number" ? value : undefined;
}

const special = (value: number): string | undefined => {
	if (Number.isNaN(value)) return "NaN";
	return Number.isFinite(value) ? undefined : value > 0 ? "Infinity" : "-Infinity";
};

/** Text as %s has it. */
export function stringText(value: CelValue): string {
	if (typeof value === "string") return value;
	if (value === null) return "null";
	if (typeof value === "number") return special(value) ?? doubleText(value);
	if (value instanceof Uint8Array) return new TextDecoder().decode(value);
	if (value instanceof Uint) return String(value.value);
	if (value instanceof TypeValue) return value.name;
	if (value instanceof CelList) return `[${[...value].map(stringText).join(", ")}]`;
	if (value instanceof CelMap) return mapText(value);
	if (value instanceof Duration || value instanceof Timestamp || typeof value === "boolean" || typeof value === "bigint") return String(value);
	throw new CelFailure(
		`could not convert argument ${typeName(value)} to string: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeName(value)}`,
	);
}

function mapText(map: CelMap): string {
	const entries = [...map.keys()].map((key) => [stringText(key), stringText(map.get(key) as CelValue)] as const);
	entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
	return `{${entries.map(([key, value]) => `${key}: ${value}`).join(", ")}}`;
}

function decimal(value: CelValue): string {
	const number = numberOf(value);
	if (typeof number === "bigint") return String(number);
	const text = number === undefined ? undefined : special(number);
	if (text !== undefined) return text;
	throw new CelFailure(`decimal clause can only be used on integers, was given ${typeName(value)}`);
}

/** Digits behind the point, ties to even as Go has it. */
function fixedText(number: number, precision: number): string {
	const text = number.toFixed(precision);
	const exact = number.toFixed(Math.min(100, precision + 60));
	const rest = exact.slice(exact.indexOf(".") + 1 + precision);
	if (!/^50*$/.test(rest) || Number(text.at(-1)) % 2 === 0) return text;
	return exact.slice(0, exact.length - rest.length).replace(/\.$/, "");
}

function fixed(value: CelValue, precision: number): string {
	const number = numberOf(value);
	if (number === undefined) throw new CelFailure(`fixed-point clause can only be used on doubles, was given ${typeName(value)}`);
	return special(Number(number)) ?? fixedText(Number(number), precision);
}

function scientific(value: CelValue, precision: number): string {
	const number = numberOf(value);
	if (number === undefined) throw new CelFailure(`scientific clause can only be used on doubles, was given ${typeName(value)}`);
	const text = special(Number(number));
	if (text !== undefined) return text;
	const [digits = "", exponent = ""] = Number(number).toExponential(precision).split("e");
	return `${digits}e${exponent.startsWith("-") ? "-" : "+"}${exponent.slice(1).padStart(2, "0")}`;
}

function inBase(value: CelValue, base: 2 | 8, name: string): string {
	const number = typeof value === "boolean" && base === 2 ? BigInt(value) : numberOf(value);
	if (typeof number === "bigint") return number.toString(base);
	const kinds = base === 2 ? "integers and bools" : "integers";
	throw new CelFailure(`${name} clause can only be used on ${kinds}, was given ${typeName(value)}`);
}

function hexadecimal(value: CelValue): string {
	const number = numberOf(value);
	if (typeof number === "bigint") return number.toString(16);
	const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
	if (bytes instanceof Uint8Array) return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
	throw new CelFailure(`only integers, byte buffers, and strings can be formatted as hex, was given ${typeName(value)}`);
}

function clauseText(letter: string, precision: number, value: CelValue): string {
	switch (letter) {
		case "s":
			return stringText(value);
		case "d":
			return decimal(value);
		case "f":
			return fixed(value, precision);
		case "e":
			return scientific(value, precision);
		case "b":
			return inBase(value, 2, "binary");
		case "o":
			return inBase(value, 8, "octal");
		case "x":
			return hexadecimal(value);
		case "X":
			return hexadecimal(value).toUpperCase();
		default:
			throw new CelFailure(`could not parse formatting clause: unrecognized formatting clause "${letter}"`);
	}
}

export function formatText(format: string, args: CelList): string {
	let next = 0;
	return format.replace(CLAUSE, (clause, precision: string | undefined, letter: string | undefined) => {
		if (letter === undefined) return clause === "%%" ? "%" : clause;
		const value = args.at(next);
		if (value === undefined) throw new CelFailure(`index ${next} out of range`);
		next++;
		return clauseText(letter, precision === undefined ? PRECISION : Number(precision), value);
	});
}
