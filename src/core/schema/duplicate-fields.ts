/** Finds keys that a JSON text gives twice: JSON.parse keeps the last of them silently, upstream's decoder tells. */
import { badRequest } from "../errors/status-error.ts";

/** As many as sigs.k8s.io/json reports. */
const MAX_DUPLICATES = 100;
/**
 * How deep a body may nest. Upstream reads 10,000 levels; here JSON.stringify and structuredClone, which recurse on the
 * platform's stack, must be able to take what was let in.
 */
export const MAX_JSON_DEPTH = 1000;
/** Up to here a list is searched faster than a set is built. */
const SMALL_OBJECT_KEYS = 8;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** An object or a list that is still open. */
interface Frame {
	/** Undefined for a list. */
	keys: string[] | undefined;
	set: Set<string> | undefined;
	/** The key or index being read. */
	key: string;
	index: number;
}

function pathOf(stack: readonly Frame[]): string {
	let text = "";
	for (const frame of stack) {
		if (frame.keys === undefined) text += `[${frame.index}]`;
		else text += `${text === "" ? "" : "."}${frame.key}`;
	}
	return text;
}

/** Notes the key; true when the object had it already. */
function seenBefore(frame: Frame, key: string): boolean {
	const keys = frame.keys as string[];
	if (frame.set) {
		if (frame.set.has(key)) return true;
		frame.set.add(key);
		return false;
	}
	if (keys.includes(key)) return true;
	keys.push(key);
	if (keys.length > SMALL_OBJECT_KEYS) frame.set = new Set(keys);
	return false;
}

/** The index of the quote that ends the string which opens at `start`. */
function stringEnd(text: string, start: number): number {
	for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
		let slashes = 0;
		while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
		if (slashes % 2 === 0) return end;
	}
	return text.length;
}

function keyText(text: string, start: number, end: number): string {
	const raw = text.slice(start + 1, end);
	return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/**
 * `duplicate field "spec.x"` for each, in the order of the text, which must be valid JSON else
 * the result means nothing. Throws 400 BadRequest when it is nested deeper than MAX_JSON_DEPTH.
 */
export function duplicateFields(text: string): string[] {
	const found = new Set<string>();
	const stack: Frame[] = [];
	let expectsKey = false;
	for (let at = 0; at < text.length; at++) {
		const code = text.charCodeAt(at);
		if (code === QUOTE) {
			const end = stringEnd(text, at);
			const frame = stack.at(-1);
			if (expectsKey && frame) {
				frame.key = keyText(text, at, end);
				if (seenBefore(frame, frame.key) && found.size < MAX_DUPLICATES) found.add(`duplicate field ${JSON.stringify(pathOf(stack))}`);
			}
			at = end;
		} else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
			if (stack.length >= MAX_JSON_DEPTH) throw badRequest("json: exceeded max depth");
			stack.push({ keys: code === OPEN_BRACE ? [] : undefined, set: undefined, key: "", index: 0 });
			expectsKey = code === OPEN_BRACE;
		} else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
			stack.pop();
			expectsKey = false;
		} else if (code === COLON) expectsKey = false;
		else if (code === COMMA) {
			const frame = stack.at(-1);
			if (frame?.keys) expectsKey = true;
			else if (frame) frame.index++;
		}
	}
	return [...found];
}
