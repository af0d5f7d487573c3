/** Takes a request's URL apart. Nearly all are plain: they are cut as text, since parsing one costs as much as a small query. */

/** Nothing in it that a parser would change: no escapes, no dot segments, no backslashes. */
const PLAIN = /^https?:\/\/[^/?#]+(\/[\w/.~:@!$&'()*+,;=-]*)(?:\?([^#]*))?$/;

/** Shared by all requests without a query: never changed. */
const NO_QUERY = new URLSearchParams();

export interface RequestUrl {
	pathname: string;
	query: URLSearchParams;
}

export function parseRequestUrl(text: string): RequestUrl {
	const [, pathname, query] = PLAIN.exec(text) ?? [];
	if (pathname === undefined || pathname.includes("/.")) {
		const url = new URL(text);
		return { pathname: url.pathname, query: url.searchParams };
	}
	return { pathname, query: query === undefined ? NO_QUERY : new URLSearchParams(query) };
}
