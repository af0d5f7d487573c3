/** Finds where a pattern matches: a machine of threads over RE2's program, leftmost first, in time linear in the text (https://swtch.com/~rsc/regexp/regexp2.html). */
import type { RE2JS } from "@bufbuild/re2";

type Program = ReturnType<RE2JS["re2"]>["prog"];

/** RE2's instructions; those from RUNE on match a character. */
const ALT = 1;
const ALT_MATCH = 2;
const CAPTURE = 3;
const EMPTY_WIDTH = 4;
const MATCH = 6;
const NOP = 7;
const RUNE = 8;

const LINE_START = 0x01;
const LINE_END = 0x02;
const TEXT_START = 0x04;
const TEXT_END = 0x08;
const WORD_EDGE = 0x10;
const NO_WORD_EDGE = 0x20;
const NEWLINE = 0x0a;

export interface Found {
	start: number;
	end: number;
	/** Where each group began and ended, from the first group on, in pairs; undefined for one that took no part. */
	groups: readonly (number | undefined)[];
}

interface Thread {
	pc: number;
	/** Where its match began. */
	start: number;
	groups: readonly (number | undefined)[];
}

/** The first slot of the program's that is a group's: those before are the whole match's. */
const FIRST_SLOT = 2;

function withSlot(groups: readonly (number | undefined)[], slot: number, at: number): readonly (number | undefined)[] {
	const next = [...groups];
	next[slot - FIRST_SLOT] = at;
	return next;
}

const isWord = (point: number): boolean =>
	(point >= 0x30 && point <= 0x39) || (point >= 0x41 && point <= 0x5a) || (point >= 0x61 && point <= 0x7a) || point === 0x5f;

/** What holds between two characters; -1 stands for none. */
function edges(before: number, after: number): number {
	let held = isWord(before) === isWord(after) ? NO_WORD_EDGE : WORD_EDGE;
	if (before < 0) held |= TEXT_START | LINE_START;
	if (before === NEWLINE) held |= LINE_START;
	if (after < 0) held |= TEXT_END | LINE_END;
	if (after === NEWLINE) held |= LINE_END;
	return held;
}

/** The threads of one place, in the order in which they are preferred. */
class Threads {
	readonly list: Thread[] = [];
	readonly #seen = new Set<number>();
	readonly #program: Program;

	constructor(program: Program) {
		this.#program = program;
	}

	/** `at` is where the text stands. */
	add(first: Thread, at: number, held: number): void {
		const waiting = [first];
		for (let thread = waiting.pop(); thread !== undefined; thread = waiting.pop()) {
			const { pc, start, groups } = thread;
			if (this.#seen.has(pc)) continue;
			this.#seen.add(pc);
			const { op, out, arg } = this.#program.getInst(pc);
			if (op === ALT || op === ALT_MATCH) waiting.push({ pc: arg, start, groups }, { pc: out, start, groups });
			else if (op === CAPTURE && arg >= FIRST_SLOT) waiting.push({ pc: out, start, groups: withSlot(groups, arg, at) });
			else if (op === CAPTURE || op === NOP) waiting.push({ pc: out, start, groups });
			else if (op !== EMPTY_WIDTH) this.list.push(thread);
			else if ((arg & ~held) === 0) waiting.push({ pc: out, start, groups });
		}
	}
}

/** The first match from a place on, in UTF-16 units. */
export function findFrom(pattern: RE2JS, text: string, from: number): Found | undefined {
	const program = pattern.re2().prog;
	let before = from > 0 ? text.charCodeAt(from - 1) : -1;
	let found: Found | undefined;
	let threads = new Threads(program);
	for (let at = from; ; ) {
		const point = text.codePointAt(at) ?? -1;
		if (found === undefined) threads.add({ pc: program.start, start: at, groups: [] }, at, edges(before, point));
		const width = point > 0xffff ? 2 : 1;
		const after = point < 0 ? -1 : (text.codePointAt(at + width) ?? -1);
		const next = new Threads(program);
		for (const { pc, start, groups } of threads.list) {
			const instruction = program.getInst(pc);
			if (instruction.op === MATCH) {
				found = { start, end: at, groups };
				// Those behind it are less preferred.
				break;
			}
			if (instruction.op >= RUNE && point >= 0 && instruction.matchRune(point))
				next.add({ pc: instruction.out, start, groups }, at + width, edges(point, after));
		}
		if (point < 0 || (found !== undefined && next.list.length === 0)) return found;
		threads = next;
		before = point;
		at += width;
	}
}
