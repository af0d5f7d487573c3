/** What the edge says itself: the status and nothing of what is behind it. */
import type { EdgeAnswer } from "../../core/edge/decision.ts";

const TITLES: Readonly<Record<number, string>> = {
	400: "Bad Request",
	401: "Authorization Required",
	403: "Forbidden",
	404: "Not Found",
	413: "Request Entity Too Large",
	429: "Too Many Requests",
	500: "Internal Server Error",
	502: "Bad Gateway",
	503: "Service Temporarily Unavailable",
	504: "Gateway Time-out",
};
const RETRY_AFTER_SECONDS = "1";

export function edgePage({ status, headers }: EdgeAnswer): Response {
	const title = TITLES[status];
	const all = new Headers(headers);
	if (title === undefined) return new Response(null, { status, headers: all });
	all.set("content-type", "text/html; charset=utf-8");
	all.set("cache-control", "no-store");
	if (status === 429 || status === 503) all.set("retry-after", RETRY_AFTER_SECONDS);
	const text = `<!doctype html>\n<title>${status} ${title}</title>\n<h1>${status} ${title}</h1>\n`;
	return new Response(text, { status, headers: all });
}

export const edgeStatus = (status: number): Response => edgePage({ status, headers: [] });
