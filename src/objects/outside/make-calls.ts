/**
 * Makes the calls to webhooks: by the front door for a request that waits, by a Durable Object for what its controllers
 * write. All that is known of the answer's meaning is elsewhere; here is only HTTP.
 */
import type { CallOutcome, CallTarget, OutsideCall } from "../../core/admission/outside-call.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { inParallel } from "../parallel.ts";
import { type Channel, channelTo } from "./channel.ts";
import { deadlineAfter, withDeadline } from "./deadline.ts";

/** Calls under way at the same time for one write. */
const CALLS_AT_ONCE_MAX = 32;
/** An answer may be this long, in bytes: an object's limit, and as much again for what a webhook says beside it. */
export const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const MS_PER_SECOND = 1_000;

/** Where a webhook is, as its URL. */
export function urlOf({ url, service, collection, decision, node }: CallTarget): URL {
	if (collection !== undefined) return new URL(`https://object/${collection.namespace}/${collection.resource}`);
	if (decision !== undefined) return new URL(`https://object/${decision.attributes.namespace}/decision`);
	if (node !== undefined) return new URL(`https://object/nodes/${encodeURIComponent(node)}`);
	if (service === undefined) return new URL(url ?? "");
	const path = service.path.startsWith("/") || service.path === "" ? service.path : `/${service.path}`;
	return new URL(`https://${service.name}.${service.namespace}.svc:${service.port}${path}`);
}

/** Reads a body that is no longer than the limit. */
export async function bounded(response: Response, bytesMax = ANSWER_BYTES_MAX): Promise<string> {
	const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
	if (reader === undefined) return "";
	const decoder = new TextDecoder();
	let text = "";
	let bytes = 0;
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return text + decoder.decode();
		bytes += value.length;
		if (bytes > bytesMax) {
			await reader.cancel();
			throw new Error(`the answer is longer than ${bytesMax} bytes`);
		}
		text += decoder.decode(value, { stream: true });
	}
}

/** What a failed connection tells, without what only the platform's own log is for. */
export function reasonOf(error: unknown): string {
	const { name, message } = error as Error;
	if (name === "TimeoutError" || name === "AbortError") return "context deadline exceeded";
	return /internal error/i.test(message) ? "dial tcp: connection failed, or the certificate is not trusted" : message;
}

async function makeCall(channel: Channel, { key, uid, target, timeoutSeconds, body }: OutsideCall): Promise<CallOutcome> {
	const url = urlOf(target);
	url.searchParams.set("timeout", `${timeoutSeconds}s`);
	const { signal, cancel } = deadlineAfter(timeoutSeconds * MS_PER_SECOND);
	try {
		const headers = { "content-type": "application/json", accept: "application/json, */*", "user-agent": "kube-apiserver-admission" };
		const response = await withDeadline(channel(new Request(url, { method: "POST", headers, body, redirect: "manual", signal })), signal);
		return { key, uid, status: response.status, body: await withDeadline(bounded(response), signal) };
	} catch (error) {
		return { key, uid, failure: `Post ${JSON.stringify(url.href)}: ${reasonOf(error)}` };
	} finally {
		cancel();
	}
}

/** Makes them all, in parallel. Never rejects: a call that fails has its failure as its outcome. */
export function makeCalls(env: WorkerEnv, cluster: string, calls: readonly OutsideCall[]): Promise<CallOutcome[]> {
	return inParallel(calls, CALLS_AT_ONCE_MAX, (call) => makeCall(channelTo(env, cluster, call.target), call));
}
