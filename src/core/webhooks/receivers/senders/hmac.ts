/** Any sender that puts an HMAC of what it sends into a header: the receiver says which header, and how. */
import { base64ToBytesOrNothing, digestText, hexToBytes } from "../encodings.ts";
import type { HmacOptions } from "../receiver.ts";
import { bytesOf, type HmacAlgorithm, type Incoming, isSigned, type Sender, SenderRefused, textAt } from "../sender.ts";

/** How far a signed timestamp may be from now, in seconds: as Standard Webhooks' libraries have it. */
export const TIMESTAMP_TOLERANCE_SECONDS = 5 * 60;

const ALGORITHMS: Readonly<Record<string, HmacAlgorithm>> = { SHA1: "SHA-1", SHA256: "SHA-256", SHA512: "SHA-512" };

function concat(parts: readonly Uint8Array[]): Uint8Array {
	const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
	let offset = 0;
	for (const part of parts) {
		bytes.set(part, offset);
		offset += part.length;
	}
	return bytes;
}

/** What is signed: `{id}`, `{timestamp}` and `{body}` in the content's text stand for what was sent. */
function signedContent(content: string, id: string, timestamp: string, body: Uint8Array): Uint8Array {
	const parts = content.split(/(\{id\}|\{timestamp\}|\{body\})/);
	return concat(parts.map((part) => (part === "{body}" ? body : bytesOf(part === "{id}" ? id : part === "{timestamp}" ? timestamp : part))));
}

/** @throws SenderRefused for a moment that is none, or too far from now. */
export function checkTimestamp(text: string, nowMs: number): void {
	const seconds = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text) / 1000;
	if (!Number.isFinite(seconds)) throw new SenderRefused("the timestamp is none: neither seconds since 1970 nor RFC 3339");
	if (Math.abs(nowMs / 1000 - seconds) > TIMESTAMP_TOLERANCE_SECONDS)
		throw new SenderRefused(`the timestamp is more than ${TIMESTAMP_TOLERANCE_SECONDS} seconds from now`);
}

function signatureOf({ headers }: Incoming, options: HmacOptions): Uint8Array | undefined {
	const value = headers[options.header.toLowerCase()];
	if (value === undefined) throw new SenderRefused(`the request has no ${options.header} header`);
	const prefix = options.prefix ?? "";
	if (!value.startsWith(prefix)) return undefined;
	const text = value.slice(prefix.length);
	return options.encoding === "Base64" ? base64ToBytesOrNothing(text) : hexToBytes(text);
}

export const hmac: Sender = {
	async verify(incoming, context) {
		const options = context.hmac;
		if (options === undefined) throw new SenderRefused("the receiver does not say how it is signed");
		const signature = signatureOf(incoming, options);
		const { headers, body } = incoming;
		const id = options.idHeader === undefined ? "" : (headers[options.idHeader.toLowerCase()] ?? "");
		const timestamp = options.timestampHeader === undefined ? "" : (headers[options.timestampHeader.toLowerCase()] ?? "");
		const content = options.content ?? "{body}";
		const data = signedContent(content, id, timestamp, body);
		if (signature === undefined || !(await isSigned(ALGORITHMS[options.algorithm ?? "SHA256"] ?? "SHA-256", data, signature, context)))
			throw new SenderRefused(`the signature in ${options.header} is not one of what was sent by the receiver's secret`);
		if (options.timestampHeader !== undefined) checkTimestamp(timestamp, context.nowMs);
		// What is not signed anybody can change, so it tells no replay.
		const isIdSigned = content.includes("{id}") && id !== "";
		if (isIdSigned) return { id, replayKey: `id/${id}` };
		if (content.includes("{timestamp}")) return { id, replayKey: `digest/${await digestText(data)}` };
		return { id };
	},
	read(payload, _headers, { id }) {
		return { events: [{ id, type: textAt(payload, "type") || textAt(payload, "event") }] };
	},
};
