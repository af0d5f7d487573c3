/** How signatures are written. What is malformed is undefined: it is no signature. */

export function hexToBytes(text: string): Uint8Array | undefined {
	if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
	return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Of either alphabet, with or without padding. */
export function base64ToBytesOrNothing(text: string): Uint8Array | undefined {
	if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return undefined;
	try {
		return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "")), (char) => char.charCodeAt(0));
	} catch {
		return undefined;
	}
}

/** SHA-256, as hexadecimal digits. */
export async function digestText(bytes: Uint8Array): Promise<string> {
	const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes)));
	return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
