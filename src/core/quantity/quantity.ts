/**
 * Resource quantities (k8s.io/apimachinery/pkg/api/resource): exact, in billionths, with the three notations that
 * upstream prints. Values are rounded up to a billionth and capped at 2^63-1 units, as upstream does.
 */

export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

export interface Quantity {
	/** The amount in billionths of a unit. */
	readonly nano: bigint;
	/** How it is written. */
	readonly format: QuantityFormat;
}

const NANO_DIGITS = 9;
const NANO = 10n ** 9n;
const MILLI_IN_NANO = 10n ** 6n;
const NANO_MAX = (2n ** 63n - 1n) * NANO;
/** No exponent beyond this changes the capped or rounded result, and larger ones would cost memory. */
const EXPONENT_MAX = 100;
const DIGITS_MAX = 512;

const FORMAT_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX_ERROR = "unable to parse quantity's suffix";

const DECIMAL_SUFFIXES: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY_SUFFIXES: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const DECIMAL_SUFFIX_OF: ReadonlyMap<number, string> = new Map(Object.entries(DECIMAL_SUFFIXES).map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_SUFFIX_NAMES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** A text that is no quantity; the message is upstream's. */
export class QuantityError extends Error {
	override readonly name = "QuantityError";
}

interface Suffix {
	base: 2 | 10;
	exponent: number;
	format: QuantityFormat;
}

function suffixOf(text: string): Suffix {
	const decimal = DECIMAL_SUFFIXES[text];
	if (decimal !== undefined && Object.hasOwn(DECIMAL_SUFFIXES, text)) return { base: 10, exponent: decimal, format: "DecimalSI" };
	const binary = BINARY_SUFFIXES[text];
	if (binary !== undefined && Object.hasOwn(BINARY_SUFFIXES, text)) return { base: 2, exponent: binary, format: "BinarySI" };
	if (/^[eE][+-]?[0-9]+$/.test(text)) {
		const exponent = Number(text.slice(1));
		return { base: 10, exponent: Math.max(-EXPONENT_MAX, Math.min(EXPONENT_MAX, exponent)), format: "DecimalExponent" };
	}
	throw new QuantityError(SUFFIX_ERROR);
}

const ceilDivide = (value: bigint, by: bigint): bigint => (value <= 0n ? value / by : (value + by - 1n) / by);
/** Rounds away from zero, as inf.RoundUp does. */
const divideAwayFromZero = (value: bigint, by: bigint): bigint => (value < 0n ? -ceilDivide(-value, by) : ceilDivide(value, by));

/** Parses the text form. Throws QuantityError with upstream's message. */
export function parseQuantity(text: string): Quantity {
	const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(text);
	if (text === "" || match === null || text.length > DIGITS_MAX) throw new QuantityError(FORMAT_ERROR);
	const [, sign, whole = "", fraction = "", suffixText = ""] = match;
	const { base, exponent, format } = suffixOf(suffixText);
	const digits = BigInt(whole + fraction === "" ? "0" : whole + fraction);
	let nano: bigint;
	if (base === 2) {
		nano = ceilDivide(digits * NANO * 2n ** BigInt(exponent), 10n ** BigInt(fraction.length));
	} else {
		const shift = NANO_DIGITS + exponent - fraction.length;
		nano = shift >= 0 ? digits * 10n ** BigInt(shift) : ceilDivide(digits, 10n ** BigInt(-shift));
	}
	if (nano > NANO_MAX) nano = NANO_MAX;
	// Below one, a binary notation would round: upstream switches to the decimal one.
	const kept = format === "BinarySI" && nano > 0n && nano < NANO ? "DecimalSI" : format;
	return { nano: sign === "-" ? -nano : nano, format: kept };
}

/** Whether the text is a quantity. */
export function isQuantity(text: string): boolean {
	try {
		parseQuantity(text);
		return true;
	} catch (error) {
		if (error instanceof QuantityError) return false;
		throw error;
	}
}

function decimalText(nano: bigint, format: QuantityFormat): string {
	let number = nano;
	let exponent = -NANO_DIGITS;
	while (number % 1000n === 0n) {
		number /= 1000n;
		exponent += 3;
	}
	// Amounts above 1E have no larger decimal suffix.
	while (format === "DecimalSI" && exponent > 18) {
		number *= 1000n;
		exponent -= 3;
	}
	if (format === "DecimalSI") return `${number}${DECIMAL_SUFFIX_OF.get(exponent) ?? ""}`;
	return exponent === 0 ? `${number}` : `${number}e${exponent}`;
}

/** The canonical text: no fraction, the largest suffix that loses nothing. */
export function quantityText(quantity: Quantity): string {
	const { nano, format } = quantity;
	if (nano === 0n) return "0";
	const magnitude = nano < 0n ? -nano : nano;
	if (format !== "BinarySI") return decimalText(nano, format);
	if (magnitude < 1024n * NANO || nano % NANO !== 0n) return decimalText(nano, "DecimalSI");
	let number = nano / NANO;
	let power = 0;
	while (number % 1024n === 0n && power < BINARY_SUFFIX_NAMES.length - 1) {
		number /= 1024n;
		power++;
	}
	return `${number}${BINARY_SUFFIX_NAMES[power]}`;
}

/** The canonical form of a text: "1000m" gives "1". Throws QuantityError. */
export const canonicalQuantity = (text: string): string => quantityText(parseQuantity(text));

export const ZERO_QUANTITY: Quantity = { nano: 0n, format: "DecimalSI" };

/** Negative, zero or positive, as a sort wants it. */
export const compareQuantities = (a: Quantity, b: Quantity): number => (a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0);
/** The sum; a zero takes the other's notation. */
export const addQuantities = (a: Quantity, b: Quantity): Quantity => ({ nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format });
export const subtractQuantities = (a: Quantity, b: Quantity): Quantity => ({ nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format });

/** Whole units, rounded up (away from zero below it). */
export const quantityValue = (quantity: Quantity): number => Number(divideAwayFromZero(quantity.nano, NANO));
/** Thousandths, rounded up (away from zero below it). */
export const quantityMilliValue = (quantity: Quantity): number => Number(divideAwayFromZero(quantity.nano, MILLI_IN_NANO));

/** Whole units of a text, rounded up: bytes of memory. Throws QuantityError. */
export const value = (text: string): number => quantityValue(parseQuantity(text));
/** Thousandths of a text, rounded up: millicores. Throws QuantityError. */
export const milliValue = (text: string): number => quantityMilliValue(parseQuantity(text));
/** A quantity of whole units. */
export const quantityOf = (units: number | bigint, format: QuantityFormat = "DecimalSI"): Quantity => ({ nano: BigInt(units) * NANO, format });
/** A quantity of thousandths. */
export const quantityOfMilli = (milli: number | bigint, format: QuantityFormat = "DecimalSI"): Quantity => ({ nano: BigInt(milli) * MILLI_IN_NANO, format });
