/** The formats of strings that are checked (k8s.io/kube-openapi/pkg/validation/strfmt); an unknown format says nothing. */
import { cidr, ipFamily } from "../meta/address.ts";
import { dns1123Subdomain } from "../meta/name-rules.ts";
import { parseDuration } from "../schema/duration-text.ts";

const matches =
	(pattern: RegExp) =>
	(text: string): boolean =>
		pattern.test(text);

const uuid = (version: string, variant: string) =>
	matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`, "i"));

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?(?:[Zz]|[+-]\d{2}:?\d{2})$/;
const SCALA_DURATION =
	/^\d+\s?(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)$/i;

function isDate(text: string): boolean {
	const [, year, month, day] = DATE.exec(text) ?? [];
	if (year === undefined) return false;
	const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
	return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

function isDateTime(text: string): boolean {
	const [, date = "", hours, minutes, seconds] = DATE_TIME.exec(text) ?? [];
	return isDate(date) && Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) <= 60;
}

function isUri(text: string): boolean {
	if (text.startsWith("/")) return !/[\s<>"{}|\\^`]/.test(text);
	return /^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/.test(text) && URL.canParse(text);
}

function isRgb(text: string): boolean {
	const parts = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text)?.slice(1) ?? [];
	return parts.length === 3 && parts.every((part) => Number(part) <= 255);
}

function isIsbn10(text: string): boolean {
	const digits = text.replace(/[\s-]/g, "");
	if (!/^\d{9}[\dX]$/.test(digits)) return false;
	const sum = [...digits].reduce((total, digit, at) => total + (10 - at) * (digit === "X" ? 10 : Number(digit)), 0);
	return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
	const digits = text.replace(/[\s-]/g, "");
	if (!/^\d{13}$/.test(digits)) return false;
	return [...digits].reduce((total, digit, at) => total + Number(digit) * (at % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function isCreditCard(text: string): boolean {
	const digits = text.replace(/\D/g, "");
	if (!/^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/.test(digits)) return false;
	let sum = 0;
	for (let at = digits.length - 1, double = false; at >= 0; at--, double = !double) {
		const digit = Number(digits[at]) * (double ? 2 : 1);
		sum += digit > 9 ? digit - 9 : digit;
	}
	return sum % 10 === 0;
}

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
	bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
	uri: isUri,
	email: matches(/^[^\s@<>(),;:\\"[\]]+@[^\s@<>(),;:\\"[\]]+$/),
	hostname: (text) => text.length <= 255 && dns1123Subdomain(text.toLowerCase()).length === 0,
	ipv4: (text) => ipFamily(text) === "IPv4",
	ipv6: (text) => ipFamily(text) === "IPv6",
	cidr: (text) => cidr(text).length === 0,
	mac: matches(/^(?:[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4})$/),
	uuid: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
	uuid3: uuid("3", "[0-9a-f]"),
	uuid4: uuid("4", "[89ab]"),
	uuid5: uuid("5", "[89ab]"),
	isbn: (text) => isIsbn10(text) || isIsbn13(text),
	isbn10: isIsbn10,
	isbn13: isIsbn13,
	creditcard: isCreditCard,
	ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
	hexcolor: matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
	rgbcolor: isRgb,
	byte: matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
	date: isDate,
	datetime: isDateTime,
	duration: (text) => parseDuration(text) !== undefined || SCALA_DURATION.test(text),
};

/** Whether the text is of the format: "date-time" and "datetime" are one. */
export function hasFormat(text: string, format: string): boolean {
	const name = format.replaceAll("-", "");
	return !Object.hasOwn(FORMATS, name) || (FORMATS[name] as (text: string) => boolean)(text);
}
