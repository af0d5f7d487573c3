/**
 * What an object asks of another machine before a write can go on. A transaction never waits: it ends with CallsNeeded, the
 * calls are made outside, and the write is tried again with their outcomes, which are found by what was asked. So what is
 * committed has been admitted exactly as it stands, however the object changed in between.
 */

import type { UserInfo } from "../api/request.ts";
import type { ResourceAttributes } from "../authz/attributes.ts";

/** Who is asked: a webhook, where it is (one of the two), or another namespace, for its objects or for what its roles allow. */
export interface CallTarget {
	url?: string;
	service?: { namespace: string; name: string; port: number; path: string };
	/** Of this cluster; the answer is a JSON list. */
	collection?: { namespace: string; resource: string };
	/** The answer is an AuthorizerDecision. */
	decision?: { user: UserInfo; attributes: ResourceAttributes };
	/** A node of this cluster; the answer is its labels, as JSON, or null. */
	node?: string;
	/** PEM, in base64 as the API has it; absent where the platform's own trust decides. */
	caBundle?: string;
}

/** One POST of JSON. */
export interface OutsideCall {
	/** Names the question beyond doubt: who is asked, and what. */
	key: string;
	/** The review's uid, which the answer must repeat. */
	uid: string;
	target: CallTarget;
	timeoutSeconds: number;
	/** JSON text. */
	body: string;
}

/** What came of a call: an HTTP answer, or why there was none. */
export type CallOutcome = { key: string; uid: string } & ({ status: number; body: string } | { failure: string });

/** What a write drew of time and chance: tried again, it draws the same. */
export interface Draws {
	nowMs: number;
	uuids: string[];
	randoms: number[];
}

/** What a write is tried again with. */
export interface Submission {
	draws: Draws;
	outcomes: CallOutcome[];
}

/** Thrown inside a transaction by a write that must ask other machines first. */
export class CallsNeeded extends Error {
	readonly calls: readonly OutsideCall[];

	constructor(calls: readonly OutsideCall[]) {
		super("calls to other machines are needed before this write");
		this.calls = calls;
	}
}

/** What the caller is told then: what to ask, and what to submit the write again with, beside the outcomes. */
export class SubmissionNeeded extends CallsNeeded {
	readonly draws: Draws;

	constructor(calls: readonly OutsideCall[], draws: Draws) {
		super(calls);
		this.draws = draws;
	}
}

/** A question that is to be put to a webhook. */
export interface Question {
	target: CallTarget;
	timeoutSeconds: number;
	/** The body for a uid; all else of it must be the same for the same question. */
	body(uid: string): string;
}

/** Runs the works in turn, and asks for what all of them need at once. Another error is thrown only when nothing is to be asked first. */
export function gatherCalls<T>(works: Iterable<() => T>): T[] {
	const calls: OutsideCall[] = [];
	const results: T[] = [];
	let failure: { error: unknown } | undefined;
	for (const work of works) {
		try {
			results.push(work());
		} catch (error) {
			if (error instanceof CallsNeeded) calls.push(...error.calls);
			else failure ??= { error };
			if (failure !== undefined && calls.length === 0) throw failure.error;
		}
	}
	if (calls.length > 0) throw new CallsNeeded(calls);
	if (failure !== undefined) throw failure.error;
	return results;
}

const SEEDS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

/** 128 bits over the text's characters, in hexadecimal: two questions of one write do not share it. */
export function fingerprint(text: string): string {
	const state = [...SEEDS];
	for (let at = 0; at < text.length; at++) {
		const lane = at & 3;
		state[lane] = Math.imul((state[lane] as number) ^ text.charCodeAt(at), 0x01000193) ^ ((state[(lane + 1) & 3] as number) >>> 15);
	}
	return `${text.length.toString(16)}-${state.map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("")}`;
}
