/** kubernetes.URL (k8s.io/apiserver/pkg/cel/library/urls.go): what Go's url.ParseRequestURI reads, scheme or path alone. */
import { traversal } from "../call-cost.ts";
import { fn, method, type Overload } from "../functions.ts";
import { ArrayList, CelFailure, LiteralMap, Opaque } from "../values.ts";

const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):/;
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/;
const HOST = /^(?:\[[0-9a-fA-F:.]+(?:%25[^\]]*)?\]|[^\s:[\]<>"{}|\\^`]*)(?::(\d*))?$/;

interface UrlParts {
	scheme: string;
	host: string;
	path: string;
	query: string;
}

export class UrlValue extends Opaque {
	readonly typeName = "kubernetes.URL";
	readonly text: string;
	readonly parts: UrlParts;

	constructor(text: string, parts: UrlParts) {
		super();
		this.text = text;
		this.parts = parts;
	}

	equals(other: Opaque): boolean {
		return other instanceof UrlValue && other.text === this.text;
	}
}

function fail(text: string, why: string): CelFailure {
	return new CelFailure(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: ${why}`);
}

function parseUrl(text: string): UrlValue {
	if (text === "") throw fail(text, "empty url");
	if (/[\x00-\x1f\x7f]/.test(text)) throw fail(text, "net/url: invalid control character in URL");
	const scheme = SCHEME.exec(text)?.[1] ?? "";
	let rest = scheme === "" ? text : text.slice(scheme.length + 1);
	if (scheme === "" && !rest.startsWith("/")) throw fail(text, "invalid URI for request");
	if (!rest.startsWith("/")) throw fail(text, "invalid URI for request");
	const question = rest.indexOf("?");
	const query = question < 0 ? "" : rest.slice(question + 1);
	if (question >= 0) rest = rest.slice(0, question);
	let host = "";
	if (scheme !== "" && rest.startsWith("//")) {
		const end = rest.indexOf("/", 2);
		const authority = rest.slice(2, end < 0 ? undefined : end);
		rest = end < 0 ? "" : rest.slice(end);
		host = authority.slice(authority.lastIndexOf("@") + 1);
		if (!HOST.test(host)) throw fail(text, `invalid character in host name`);
	}
	const bad = BAD_ESCAPE.exec(rest);
	if (bad) throw fail(text, `invalid URL escape ${JSON.stringify(rest.slice(bad.index, bad.index + 3))}`);
	return new UrlValue(text, { scheme: scheme.toLowerCase(), host, path: rest, query });
}

function isUrl(text: string): boolean {
	try {
		parseUrl(text);
		return true;
	} catch (error) {
		if (error instanceof CelFailure) return false;
		throw error;
	}
}

const portOf = (host: string): string => /:(\d*)$/.exec(host)?.[1] ?? "";

function hostname({ parts: { host } }: UrlValue): string {
	const bracketed = /^\[(.*)\]/.exec(host);
	return bracketed?.[1] ?? host.replace(/:\d*$/, "");
}

/** As Go escapes a path that holds what a path may not. */
const escapedPath = ({ parts: { path } }: UrlValue): string => path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/gu, (char) => encodeURIComponent(char));

function decoded(text: string): string | undefined {
	try {
		return decodeURIComponent(text.replaceAll("+", " "));
	} catch {
		return undefined;
	}
}

function queryOf({ parts: { query } }: UrlValue): LiteralMap {
	const values = new Map<string, string[]>();
	for (const pair of query.split("&")) {
		if (pair === "" || pair.includes(";")) continue;
		const equals = pair.indexOf("=");
		const key = decoded(equals < 0 ? pair : pair.slice(0, equals));
		const value = decoded(equals < 0 ? "" : pair.slice(equals + 1));
		if (key !== undefined && value !== undefined) values.set(key, [...(values.get(key) ?? []), value]);
	}
	return new LiteralMap([...values].map(([key, list]) => [key, new ArrayList(list)] as const));
}

export const URLS: readonly Overload[] = [
	fn("url(string) -> kubernetes.URL", parseUrl, traversal),
	fn("isURL(string) -> bool", isUrl),
	method("kubernetes.URL.getScheme() -> string", ({ parts }: UrlValue) => parts.scheme),
	method("kubernetes.URL.getHost() -> string", ({ parts }: UrlValue) => parts.host),
	method("kubernetes.URL.getHostname() -> string", hostname),
	method("kubernetes.URL.getPort() -> string", ({ parts }: UrlValue) => portOf(parts.host)),
	method("kubernetes.URL.getEscapedPath() -> string", escapedPath),
	method("kubernetes.URL.getQuery() -> map<string, list<string>>", queryOf),
];
