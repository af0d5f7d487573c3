/** Field selectors (k8s.io/apimachinery/pkg/fields): `path=value`, `path==value` and `path!=value`, joined by commas. */
import { badRequest } from "../errors/status-error.ts";

export interface FieldRequirement {
	/** The field's label, such as `spec.nodeName`. */
	path: string;
	operator: "=" | "!=";
	value: string;
}

export interface FieldSelector {
	/** `get` answers with the field's value as text, "" when it is not set. */
	matches(get: (path: string) => string): boolean;
	requirements: readonly FieldRequirement[];
}

/** Every kind has these; a kind that has no others is refused in the words of the default conversion. */
const METADATA_FIELDS: ReadonlySet<string> = new Set(["metadata.name", "metadata.namespace"]);
const OPERATORS = ["!=", "==", "="] as const;

function splitTerms(text: string): string[] {
	const terms: string[] = [];
	let start = 0;
	let escaped = false;
	for (let at = 0; at < text.length; at++) {
		if (escaped) escaped = false;
		else if (text[at] === "\\") escaped = true;
		else if (text[at] === ",") {
			terms.push(text.slice(start, at));
			start = at + 1;
		}
	}
	terms.push(text.slice(start));
	return terms;
}

function splitTerm(term: string): { path: string; operator: "=" | "!="; value: string } | undefined {
	for (let at = 0; at < term.length; at++) {
		for (const operator of OPERATORS) {
			if (term.startsWith(operator, at)) return { path: term.slice(0, at), operator: operator === "!=" ? "!=" : "=", value: term.slice(at + operator.length) };
		}
	}
	return undefined;
}

function unescapeValue(text: string): string {
	if (!/[\\,=]/.test(text)) return text;
	let value = "";
	for (let at = 0; at < text.length; at++) {
		const char = text[at] as string;
		if (char === "\\") {
			const next = text[++at];
			if (next === undefined || !"\\,=".includes(next)) throw badRequest(`invalid field selector: invalid escape sequence: \\${next ?? ""}`);
			value += next;
		} else if (char === "," || char === "=") {
			throw badRequest(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
		} else {
			value += char;
		}
	}
	return value;
}

function checkSupported(path: string, supported: ReadonlySet<string>): void {
	if (supported.has(path)) return;
	const onlyMetadata = [...supported].every((p) => METADATA_FIELDS.has(p));
	if (onlyMetadata) throw badRequest(`${JSON.stringify(path)} is not a known field selector: only "metadata.name", "metadata.namespace"`);
	throw badRequest(`field label not supported: ${path}`);
}

/** The requirements that a selector's text states, of whatever fields. Throws a 400 StatusError with upstream's words. */
export function fieldRequirements(text: string): FieldRequirement[] {
	const requirements: FieldRequirement[] = [];
	for (const part of splitTerms(text).sort()) {
		if (part === "") continue;
		const term = splitTerm(part);
		if (term === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
		requirements.push({ ...term, value: unescapeValue(term.value) });
	}
	return requirements;
}

/** Parses the text of `?fieldSelector=`; `supported` names every field the kind can select by. Throws a 400 StatusError with upstream's words. */
export function parseFieldSelector(text: string, supported: ReadonlySet<string>): FieldSelector {
	const requirements = fieldRequirements(text);
	for (const requirement of requirements) checkSupported(requirement.path, supported);
	return {
		matches: (get) => requirements.every((r) => (get(r.path) === r.value) === (r.operator === "=")),
		requirements,
	};
}
