/**
 * Rules for names, labels, keys, ports and addresses, in the words of k8s.io/apimachinery/pkg/util/validation. Each
 * returns what is wrong with a value: no entry when nothing is.
 */
import { strictIpAddress } from "./address.ts";

export const DNS_LABEL_MAX = 63;
export const DNS_SUBDOMAIN_MAX = 253;
const PORT_MAX = 65535;
const PORT_NAME_MAX = 15;
const CONFIG_KEY_MAX = 253;

export const maxLengthError = (length: number): string => `must be no more than ${length} bytes`;
export const rangeError = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;
export const EMPTY_ERROR = "must be non-empty";
export const NON_NEGATIVE_ERROR = "must be greater than or equal to 0";
export const FIELD_IMMUTABLE = "field is immutable";

const textEncoder = new TextEncoder();
const ASCII = /^[\0-\x7f]*$/;
/** Length as Go counts it: in bytes of UTF-8. */
export const byteLength = (text: string): number => (ASCII.test(text) ? text.length : textEncoder.encode(text).length);

function regexError(message: string, format: string, ...examples: string[]): string {
	if (examples.length === 0) return `${message} (regex used for validation is '${format}')`;
	return `${message} (e.g. ${examples.map((e) => `'${e}', `).join(" or ")}regex used for validation is '${format}')`;
}

const LABEL_FORMAT = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_FORMAT = `${LABEL_FORMAT}(\\.${LABEL_FORMAT})*`;
const DNS1035_FORMAT = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED_FORMAT = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE_FORMAT = `(${QUALIFIED_FORMAT})?`;
const CONFIG_KEY_FORMAT = "[-._a-zA-Z0-9]+";
const PERCENT_FORMAT = "[0-9]+%";
const WILDCARD_FORMAT = `\\*\\.${SUBDOMAIN_FORMAT}`;
const HTTP_PATH_FORMAT = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const HEADER_FORMAT = "[-A-Za-z0-9]+";
const C_IDENTIFIER_FORMAT = "[A-Za-z_][A-Za-z0-9_]*";

const whole = (format: string): RegExp => new RegExp(`^${format}$`);
const LABEL = whole(LABEL_FORMAT);
const WILDCARD = whole(WILDCARD_FORMAT);
const HTTP_PATH = whole(HTTP_PATH_FORMAT);
const SUBDOMAIN = whole(SUBDOMAIN_FORMAT);
const DNS1035 = whole(DNS1035_FORMAT);
const QUALIFIED = whole(QUALIFIED_FORMAT);
const LABEL_VALUE = whole(LABEL_VALUE_FORMAT);
const CONFIG_KEY = whole(CONFIG_KEY_FORMAT);
const PERCENT = whole(PERCENT_FORMAT);
const HEADER = whole(HEADER_FORMAT);
const C_IDENTIFIER = whole(C_IDENTIFIER_FORMAT);

function check(value: string, max: number, pattern: RegExp, message: () => string): string[] {
	const problems: string[] = [];
	if (byteLength(value) > max) problems.push(maxLengthError(max));
	if (!pattern.test(value)) problems.push(message());
	return problems;
}

/** IsDNS1123Label. */
export const dns1123Label = (value: string): string[] =>
	check(value, DNS_LABEL_MAX, LABEL, () =>
		regexError(
			"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
			LABEL_FORMAT,
			"my-name",
			"123-abc",
		),
	);

/** IsDNS1123Subdomain. */
export const dns1123Subdomain = (value: string): string[] =>
	check(value, DNS_SUBDOMAIN_MAX, SUBDOMAIN, () =>
		regexError(
			"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
			SUBDOMAIN_FORMAT,
			"example.com",
		),
	);

/** IsDNS1035Label. */
export const dns1035Label = (value: string): string[] =>
	check(value, DNS_LABEL_MAX, DNS1035, () =>
		regexError(
			"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
			DNS1035_FORMAT,
			"my-name",
			"abc-123",
		),
	);

/** IsWildcardDNS1123Subdomain. */
export const wildcardSubdomain = (value: string): string[] =>
	check(value, DNS_SUBDOMAIN_MAX, WILDCARD, () =>
		regexError(
			"a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
			WILDCARD_FORMAT,
			"*.example.com",
		),
	);

const qualifiedError = (): string =>
	regexError(
		"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
		QUALIFIED_FORMAT,
		"MyName",
		"my.name",
		"123-abc",
	);

/** IsQualifiedName: a label key, an annotation key, a resource name. */
export function qualifiedName(value: string): string[] {
	const parts = value.split("/");
	if (parts.length > 2) return [`a qualified name ${qualifiedError()} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
	const problems: string[] = [];
	const [first = "", second] = parts;
	if (second !== undefined) {
		if (first === "") problems.push(`prefix part ${EMPTY_ERROR}`);
		else problems.push(...dns1123Subdomain(first).map((p) => `prefix part ${p}`));
	}
	const name = second ?? first;
	if (name === "") problems.push(`name part ${EMPTY_ERROR}`);
	else if (byteLength(name) > DNS_LABEL_MAX) problems.push(`name part ${maxLengthError(DNS_LABEL_MAX)}`);
	if (!QUALIFIED.test(name)) problems.push(`name part ${qualifiedError()}`);
	return problems;
}

/** IsValidLabelValue. */
export const labelValue = (value: string): string[] =>
	check(value, DNS_LABEL_MAX, LABEL_VALUE, () =>
		regexError(
			"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
			LABEL_VALUE_FORMAT,
			"MyValue",
			"my_value",
			"12345",
		),
	);

/** path.ValidatePathSegmentName: names of RBAC objects. A prefix may also be "." or "..". */
export function pathSegment(value: string, prefix = false): string[] {
	if (!prefix && (value === "." || value === "..")) return [`may not be '${value}'`];
	return ["/", "%"].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
}

/** IsCIdentifier. */
export const cIdentifier = (value: string): string[] =>
	C_IDENTIFIER.test(value)
		? []
		: [
				regexError(
					"a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
					C_IDENTIFIER_FORMAT,
					"my_name",
					"MY_NAME",
					"MyName",
				),
			];

/** IsRelaxedEnvVarName: KEP-4369. */
export function envVarName(value: string): string[] {
	if (value === "") return [`environment variable name ${EMPTY_ERROR}`];
	return /^[ -<>-~]+$/.test(value) ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** IsConfigMapKey: a key of a ConfigMap or a Secret. */
export function configMapKey(value: string): string[] {
	const problems = check(value, CONFIG_KEY_MAX, CONFIG_KEY, () =>
		regexError("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", CONFIG_KEY_FORMAT, "key.name", "KEY_NAME", "key-name"),
	);
	if (value === ".") problems.push("must not be '.'");
	else if (value === "..") problems.push("must not be '..'");
	else if (value.startsWith("..")) problems.push("must not start with '..'");
	return problems;
}

/** IsValidPortNum. */
export const portNumber = (value: number): string[] => (value >= 1 && value <= PORT_MAX ? [] : [rangeError(1, PORT_MAX)]);

/** IsValidPortName: RFC 6335. */
export function portName(value: string): string[] {
	const problems: string[] = [];
	if (byteLength(value) > PORT_NAME_MAX) problems.push(maxLengthError(PORT_NAME_MAX));
	if (!/^[-a-z0-9]+$/.test(value)) problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
	if (!/[a-z]/.test(value)) problems.push("must contain at least one letter (a-z)");
	if (value.includes("--")) problems.push("must not contain consecutive hyphens");
	if (value.startsWith("-") || value.endsWith("-")) problems.push("must not begin or end with a hyphen");
	return problems;
}

/** IsValidPercent. */
export const percent = (value: string): string[] =>
	PERCENT.test(value) ? [] : [regexError("a valid percent string must be a numeric string followed by an ending '%'", PERCENT_FORMAT, "1%", "93%")];

/** IsHTTPHeaderName. */
export const httpHeaderName = (value: string): string[] =>
	HEADER.test(value) ? [] : [regexError("a valid HTTP header must consist of alphanumeric characters or '-'", HEADER_FORMAT, "X-Header-Name")];

/** IsDomainPrefixedPath, without the value that it blames: a domain, a slash, and a path. */
export function domainPrefixedPath(value: string): { value: string; problem: string }[] {
	const slash = value.indexOf("/");
	const host = value.slice(0, slash);
	const path = value.slice(slash + 1);
	if (slash < 1 || path === "") return [{ value, problem: 'must be a domain-prefixed path (such as "acme.io/foo")' }];
	const problems = dns1123Subdomain(host).map((problem) => ({ value: host, problem }));
	if (!HTTP_PATH.test(path)) problems.push({ value: path, problem: regexError("Invalid path", HTTP_PATH_FORMAT) });
	return problems;
}

/** How `KindDefinition.nameRule` reads. */
export const NAME_RULES = {
	subdomain: dns1123Subdomain,
	dns1035label: dns1035Label,
	dns1123label: dns1123Label,
	path: pathSegment,
	ip: strictIpAddress,
} as const;
export type NameRule = keyof typeof NAME_RULES;

/** Checks a name, or the prefix of one that is still to be completed: a trailing hyphen is then allowed. */
export function checkName(rule: NameRule, value: string, prefix = false): string[] {
	if (rule === "path") return pathSegment(value, prefix);
	const whole = prefix && value.endsWith("-") ? `${value.slice(0, -1)}a` : value;
	return NAME_RULES[rule](whole);
}
