/** Text in HTTP headers, which carry printable ASCII alone. */

const UNSAFE = /[^\x20-\x7e]/g;
const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** JSON with everything outside printable ASCII as \uXXXX: still the same JSON. */
export const jsonHeader = (value: unknown): string => JSON.stringify(value).replace(UNSAFE, escapeUnit);

/** A Warning header's value (RFC 7234, code 299), as net.NewWarningHeader of apimachinery makes it. */
export function warningHeader(text: string): string {
	const printable = text.replace(/[\r\n\t]+/g, " ").replace(UNSAFE, "?");
	return `299 - "${printable.replace(/["\\]/g, "\\$&")}"`;
}

/** The warnings an object sent along; a malformed header is an internal fault and throws. */
export function parseWarnings(header: string | null): string[] {
	return header ? (JSON.parse(header) as string[]) : [];
}
