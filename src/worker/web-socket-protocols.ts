/** The subprotocols that a client offers. */
export const offeredProtocols = (headers: Headers): string[] =>
	(headers.get("sec-websocket-protocol") ?? "")
		.split(",")
		.map((one) => one.trim())
		.filter((one) => one !== "");
