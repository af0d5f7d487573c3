/** An answer that came through a proxy subresource, with its links leading through it too (apimachinery/pkg/util/proxy/transport.go). */

export interface ProxyPrefix {
	/** Of the client's own request. */
	protocol: string;
	host: string;
	/** Up to and with "/proxy". */
	path: string;
	/** Host and port of what was proxied to. */
	targetHost: string;
}

/** The attributes that hold URLs. */
const URL_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
	a: ["href"],
	applet: ["codebase"],
	area: ["href"],
	audio: ["src"],
	base: ["href"],
	blockquote: ["cite"],
	body: ["background"],
	button: ["formaction"],
	command: ["icon"],
	del: ["cite"],
	embed: ["src"],
	form: ["action"],
	frame: ["longdesc", "src"],
	head: ["profile"],
	html: ["manifest"],
	iframe: ["longdesc", "src"],
	img: ["longdesc", "src", "usemap"],
	input: ["src", "usemap", "formaction"],
	ins: ["cite"],
	link: ["href"],
	object: ["classid", "codebase", "data", "usemap"],
	q: ["cite"],
	script: ["src"],
	source: ["src"],
	video: ["poster", "src"],
};

const ABSOLUTE = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i;

/** A URL as the client must ask for it: paths of the target go through the proxy, relative ones and other hosts stay. */
export function rewrittenUrl(url: string, prefix: ProxyPrefix): string {
	const [, , host = "", rest = url] = ABSOLUTE.exec(url) ?? (url.startsWith("//") ? (/^()()\/\/([^/?#]*)(.*)$/.exec(url)?.slice(1) ?? []) : []);
	if ((host !== "" && host !== prefix.targetHost && host !== prefix.host) || !rest.startsWith("/")) return url;
	const isOurs = rest === prefix.path || rest.startsWith(`${prefix.path}/`);
	if (host === "" && isOurs) return url;
	return `${prefix.protocol}//${prefix.host}${isOurs ? "" : prefix.path}${rest}`;
}

function decoded(response: Response): ReadableStream | null | undefined {
	const encoding = response.headers.get("content-encoding") ?? "";
	if (encoding === "") return response.body;
	if (encoding !== "gzip" && encoding !== "deflate") return undefined;
	return response.body?.pipeThrough(new DecompressionStream(encoding)) ?? null;
}

/** The links of a page; other answers, and those in an encoding that is not known, pass as they are. */
export function rewrittenAnswer(response: Response, prefix: ProxyPrefix): Response {
	if (response.status === 101) return response;
	const location = response.headers.get("location");
	if (location !== null) response.headers.set("location", rewrittenUrl(location, prefix));
	if (!/^text\/html\b/i.test(response.headers.get("content-type") ?? "") || response.body === null) return response;
	const body = decoded(response);
	if (body === undefined) return response;
	const headers = new Headers(response.headers);
	headers.delete("content-length");
	headers.delete("content-encoding");
	let rewriter = new HTMLRewriter();
	for (const [element, attributes] of Object.entries(URL_ATTRIBUTES)) {
		rewriter = rewriter.on(element, {
			element(found) {
				for (const name of attributes) {
					const value = found.getAttribute(name);
					if (value !== null) found.setAttribute(name, rewrittenUrl(value, prefix));
				}
			},
		});
	}
	return rewriter.transform(new Response(body, { status: response.status, statusText: response.statusText, headers }));
}
