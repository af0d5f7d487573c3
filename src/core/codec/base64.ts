/** Standard base64 and bytes. */

/** Kept small so that the arguments of one call fit the stack. */
const CHUNK_BYTES = 8192;

export function bytesToBase64(bytes: Uint8Array): string {
	let binary = "";
	for (let at = 0; at < bytes.length; at += CHUNK_BYTES) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
	return btoa(binary);
}

/** Throws a DOMException when the text is not base64. */
export function base64ToBytes(text: string): Uint8Array {
	return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
