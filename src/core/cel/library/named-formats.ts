/** kubernetes.NamedFormat (k8s.io/apiserver/pkg/cel/library/format.go): the formats of names, by name. */
import { hasFormat } from "../../crd/formats.ts";
import { dns1035Label, dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from "../../meta/name-rules.ts";
import { fn, method, type Overload } from "../functions.ts";
import { ArrayList, Opaque, Optional } from "../values.ts";

export class NamedFormat extends Opaque {
	readonly typeName = "kubernetes.NamedFormat";
	readonly name: string;
	/** What is wrong with a text. */
	readonly problems: (text: string) => string[];

	constructor(name: string, problems: (text: string) => string[]) {
		super();
		this.name = name;
		this.problems = problems;
	}

	equals(other: Opaque): boolean {
		return other instanceof NamedFormat && other.name === this.name;
	}
}

/** A prefix of a name to be generated may end in a dash. */
const prefix =
	(rule: (text: string) => string[]) =>
	(text: string): string[] =>
		rule(text.replace(/-$/, text.length > 1 ? "a" : "-"));

const UUID = /^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$/;
const openApi =
	(format: string, problem: string) =>
	(text: string): string[] =>
		hasFormat(text, format) ? [] : [problem];

const FORMATS: readonly NamedFormat[] = Object.entries({
	dns1123Label,
	dns1123Subdomain: (text: string) => dns1123Subdomain(text),
	dns1035Label,
	qualifiedName,
	dns1123LabelPrefix: prefix(dns1123Label),
	dns1123SubdomainPrefix: prefix((text) => dns1123Subdomain(text)),
	dns1035LabelPrefix: prefix(dns1035Label),
	labelValue,
	uri: openApi("uri", "invalid URI"),
	uuid: (text: string) => (UUID.test(text) ? [] : ["does not match the UUID format"]),
	byte: openApi("byte", "invalid base64"),
	date: openApi("date", "invalid date"),
	datetime: openApi("date-time", "invalid datetime"),
}).map(([name, problems]) => new NamedFormat(name, problems));

function named(name: string): Optional {
	const found = FORMATS.find((format) => format.name === name);
	return found === undefined ? Optional.NONE : new Optional(found);
}

function validate(format: NamedFormat, text: string): Optional {
	const problems = format.problems(text);
	return problems.length === 0 ? Optional.NONE : new Optional(new ArrayList(problems));
}

export const NAMED_FORMATS: readonly Overload[] = [
	fn("format.named(string) -> optional<kubernetes.NamedFormat>", named),
	...FORMATS.map((format) => fn(`format.${format.name}() -> kubernetes.NamedFormat`, () => format)),
	method("kubernetes.NamedFormat.validate(string) -> optional<list<string>>", validate),
];
