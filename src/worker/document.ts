/** A document that rarely changes: its text, with a tag by which clients see that they have it already. */

const hex = (bytes: ArrayBuffer): string =>
	[...new Uint8Array(bytes)]
		.map((b) => b.toString(16).padStart(2, "0"))
		.join("")
		.toUpperCase();

export interface Document {
	/** Hash of the text, as OpenAPI v3's index names it. */
	hash: string;
	respond(requestHeaders: Headers, contentType: string, cacheControl?: string): Response;
}

const matches = (header: string | null, etag: string): boolean => (header ?? "").split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);

export async function documentOf(body: string | Uint8Array): Promise<Document> {
	const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
	const hash = hex(await crypto.subtle.digest("SHA-512", bytes));
	const etag = `"${hash}"`;
	return {
		hash,
		respond(requestHeaders, contentType, cacheControl = "public") {
			const headers = { etag, "cache-control": cacheControl, vary: "Accept" };
			if (matches(requestHeaders.get("if-none-match"), etag)) return new Response(null, { status: 304, headers });
			return new Response(bytes, { headers: { ...headers, "content-type": contentType } });
		},
	};
}
