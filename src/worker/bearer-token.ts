/** The bearer token of a request. */

const BEARER = /^bearer +(\S+)$/i;
/** Browsers cannot set headers on a WebSocket: a token may come as a subprotocol, base64url without padding. */
const TOKEN_PROTOCOL = /(?:^|[\s,])base64url\.bearer\.authorization\.k8s\.io\.([A-Za-z0-9_-]+)(?=$|[\s,])/;

export function bearerToken(headers: Headers): string | undefined {
	const header = BEARER.exec(headers.get("authorization")?.trim() ?? "");
	if (header) return header[1];
	const protocol = TOKEN_PROTOCOL.exec(headers.get("sec-websocket-protocol") ?? "");
	if (!protocol?.[1]) return undefined;
	try {
		return atob(protocol[1].replaceAll("-", "+").replaceAll("_", "/"));
	} catch {
		return undefined;
	}
}
