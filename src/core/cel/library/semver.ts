/** kubernetes.Semver (k8s.io/apiserver/pkg/cel/library/semverlib.go): Semantic Versioning 2.0.0, normalised where asked. */
import { fn, method, type Overload } from "../functions.ts";
import { CelFailure, Opaque } from "../values.ts";

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

export class SemverValue extends Opaque {
	readonly typeName = "kubernetes.Semver";
	readonly numbers: readonly bigint[];
	readonly prerelease: readonly string[];

	constructor(numbers: readonly bigint[], prerelease: readonly string[]) {
		super();
		this.numbers = numbers;
		this.prerelease = prerelease;
	}

	equals(other: Opaque): boolean {
		return other instanceof SemverValue && compare(this, other) === 0;
	}
}

/** Without a "v", with three numbers that have no leading zeros. */
function normalized(text: string): string {
	const [, numbers = "", rest = ""] = /^v?([^-+]*)(.*)$/s.exec(text) ?? [];
	const parts = numbers.split(".").map((part) => part.replace(/^0+(?=\d)/, ""));
	while (parts.length < 3) parts.push("0");
	return parts.join(".") + rest;
}

export function parseSemver(text: string, normalize = false): SemverValue {
	const found = VERSION.exec(normalize ? normalized(text) : text);
	const prerelease = found?.[4]?.split(".") ?? [];
	if (found === null) throw new CelFailure(`No Major.Minor.Patch elements found`);
	const zero = prerelease.find((part) => /^0\d+$/.test(part));
	if (zero !== undefined) throw new CelFailure(`Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(zero)}`);
	return new SemverValue(found.slice(1, 4).map(BigInt), prerelease);
}

function isSemver(text: string, normalize = false): boolean {
	try {
		parseSemver(text, normalize);
		return true;
	} catch (error) {
		if (error instanceof CelFailure) return false;
		throw error;
	}
}

function comparePart(a: string, b: string): number {
	const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)];
	if (left && right) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
	if (left !== right) return left ? -1 : 1;
	return a < b ? -1 : a > b ? 1 : 0;
}

function compare(a: SemverValue, b: SemverValue): number {
	for (const [index, number] of a.numbers.entries()) {
		const other = b.numbers[index] as bigint;
		if (number !== other) return number < other ? -1 : 1;
	}
	if (a.prerelease.length === 0 || b.prerelease.length === 0) return Math.sign(b.prerelease.length - a.prerelease.length);
	for (const [index, part] of a.prerelease.entries()) {
		const other = b.prerelease[index];
		const order = other === undefined ? 1 : comparePart(part, other);
		if (order !== 0) return order;
	}
	return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

const S = "kubernetes.Semver";
const number =
	(place: 0 | 1 | 2) =>
	({ numbers }: SemverValue): bigint =>
		numbers[place] as bigint;

export const SEMVER: readonly Overload[] = [
	fn(`semver(string) -> ${S}`, (text: string) => parseSemver(text)),
	fn(`semver(string, bool) -> ${S}`, parseSemver),
	fn("isSemver(string) -> bool", (text: string) => isSemver(text)),
	fn("isSemver(string, bool) -> bool", isSemver),
	method(`${S}.major() -> int`, number(0)),
	method(`${S}.minor() -> int`, number(1)),
	method(`${S}.patch() -> int`, number(2)),
	method(`${S}.isGreaterThan(${S}) -> bool`, (a: SemverValue, b: SemverValue) => compare(a, b) > 0),
	method(`${S}.isLessThan(${S}) -> bool`, (a: SemverValue, b: SemverValue) => compare(a, b) < 0),
	method(`${S}.compareTo(${S}) -> int`, (a: SemverValue, b: SemverValue) => BigInt(compare(a, b))),
];
