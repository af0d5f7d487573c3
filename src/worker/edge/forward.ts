/** Passes a request on to a pod, and to another one where the first did not take it. */
import { affinityValue, cookieOf, endpointKey, leastOutstanding } from "../../core/edge/balance.ts";
import { type ClientRequest, corsHeaders, upstreamHeaders, upstreamPath } from "../../core/edge/decision.ts";
import type { EdgeEndpoint, EdgeTarget } from "../../core/edge/edge-table.ts";
import type { Affinity } from "../../core/edge/policy.ts";
import type { RouteMatch } from "../../core/edge/route-table.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { requestThroughTunnel, TunnelError, type TunnelRequest } from "../../objects/tunnel/tunnel-request.ts";
import { isWebSocketUpgrade } from "../front-door.ts";
import { offeredProtocols } from "../web-socket-protocols.ts";
import { edgeStatus } from "./edge-page.ts";
import type { EdgeState } from "./edge-state.ts";
import { Lease } from "./lease.ts";
import { REPLAY_BYTES_MAX, ReplayableBody } from "./replayable-body.ts";

/** How long a pod may take until its answer begins, in milliseconds: nginx's proxy_read_timeout. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How long a request waits for pods that sleep, in milliseconds. */
const WAKE_TIMEOUT_MS = 60_000;
/** Pods that are tried for one request. */
const TRIES_MAX = 3;
/** Methods that mean the same when they are said twice (RFC 9110). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
/** The pod, or its node, was not reached: nothing of the request was. */
const NOT_REACHED: ReadonlySet<TunnelError["code"]> = new Set(["dial", "tls", "disconnected", "limit"]);

/** One request of the public and what it matched. */
export interface Exchange {
	env: WorkerEnv;
	ctx: ExecutionContext;
	cluster: string;
	state: EdgeState;
	match: RouteMatch;
	raw: Request;
	request: ClientRequest;
}

export interface Forwarding extends Exchange {
	target: EdgeTarget;
	/** Called once the answer is over. */
	done(): void;
}

interface Leased extends Forwarding {
	/** Of a Service whose pods may sleep. */
	lease: Lease | undefined;
}

export async function forward(given: Forwarding): Promise<Response> {
	let answered = false;
	const { env, cluster, state, target } = given;
	const sleeps = state.table.service(target.namespace, target.service)?.sleepsAfterMs !== undefined;
	const lease = sleeps ? await Lease.open(env, cluster, target.namespace, target.service) : undefined;
	const forwarding: Leased = {
		...given,
		lease,
		done: () => {
			lease?.close();
			given.done();
		},
	};
	try {
		const answer = await tryPods(forwarding);
		answered = typeof answer !== "number";
		return typeof answer === "number" ? edgeStatus(answer) : answer;
	} finally {
		if (!answered) forwarding.done();
	}
}

/** What a pod answers, or the status that says why none did. */
async function tryPods(forwarding: Leased): Promise<Response | number> {
	const { raw, state, match } = forwarding;
	const body = raw.body === null ? undefined : new ReplayableBody(raw.body as ReadableStream<Uint8Array>);
	mirror(forwarding, body);
	const deadline = new Deadline(raw.signal, match.route.policy.requestTimeoutMs);
	const tried = new Set<string>();
	let failure: TunnelError | undefined;
	try {
		for (let tries = match.route.policy.triesMax ?? TRIES_MAX; tries > 0; tries--) {
			const endpoint = await chooseAwake(forwarding, tried, deadline);
			if (deadline.passed) return 504;
			if (endpoint === undefined) break;
			try {
				return shown(await attempt(forwarding, endpoint, body, deadline), endpoint, forwarding);
			} catch (error) {
				if (!(error instanceof TunnelError)) throw error;
				failure = error;
				if (deadline.passed) return 504;
				if (!mayTryAgain(error, raw, body)) break;
				tried.add(endpointKey(endpoint));
				// It may have gone since the table was looked at.
				await state.ask();
			}
		}
	} finally {
		deadline.answered();
	}
	return failure === undefined || failure.code === "limit" ? 503 : 502;
}

function mayTryAgain({ code }: TunnelError, { method }: Request, body: ReplayableBody | undefined): boolean {
	if (body && !body.isReplayable) return false;
	return NOT_REACHED.has(code) || (code === "lost" && IDEMPOTENT.has(method));
}

/** Where the pods may sleep, the request waits for one. */
async function chooseAwake(forwarding: Leased, tried: ReadonlySet<string>, deadline: Deadline): Promise<EdgeEndpoint | undefined> {
	const found = await choose(forwarding, tried);
	if (found || !forwarding.lease) return found;
	const signal = deadline.start(WAKE_TIMEOUT_MS);
	while (await forwarding.lease.ready(signal)) {
		await forwarding.state.ask();
		const woken = await choose(forwarding, tried);
		if (woken) return woken;
	}
	return undefined;
}

/** The pod of the client's cookie, else the least busy of those that were not tried; undefined where there is none. */
async function choose({ state, target, match, request }: Forwarding, tried: ReadonlySet<string>): Promise<EdgeEndpoint | undefined> {
	const ready = (): EdgeEndpoint[] => endpointsOf(state, target).filter((endpoint) => !tried.has(endpointKey(endpoint)));
	let endpoints = ready();
	if (endpoints.length === 0) {
		await state.ask();
		endpoints = ready();
	}
	const { affinity } = match.route.policy;
	const cookie = affinity && cookieOf(request, affinity.cookie);
	const kept = cookie === undefined ? undefined : endpoints.find((endpoint) => affinityValue(endpoint) === cookie);
	return kept ?? leastOutstanding(endpoints, state.outstanding, Math.random());
}

export function endpointsOf({ table }: EdgeState, { namespace, service, port }: Omit<EdgeTarget, "weight">): EdgeEndpoint[] {
	const ports = table.service(namespace, service)?.ports ?? [];
	return ports.find((one) => String(one.port) === port || (one.name !== "" && one.name === port))?.endpoints ?? [];
}

async function attempt(forwarding: Forwarding, endpoint: EdgeEndpoint, body: ReplayableBody | undefined, deadline: Deadline): Promise<Response> {
	const { env, cluster, state, match, raw, request, done } = forwarding;
	const { policy } = match.route;
	const end = state.outstanding.begin(endpointKey(endpoint));
	const sent: TunnelRequest = {
		target: { kind: "pod", uid: endpoint.uid, ip: endpoint.ip, port: endpoint.port },
		method: raw.method,
		path: upstreamPath(match, request),
		headers: upstreamHeaders(policy, raw.headers, request, crypto.randomUUID()),
		...(policy.backendTls ? { tls: { insecure: true } } : {}),
		...(isWebSocketUpgrade(raw.headers) ? { webSocket: offeredProtocols(raw.headers) } : {}),
		priority: "interactive",
		body: body?.open() ?? null,
		signal: deadline.start(policy.answerTimeoutMs ?? ANSWER_TIMEOUT_MS),
		ended: () => {
			end();
			over = true;
			if (answered) done();
		},
		onlyOnce: true,
	};
	let [answered, over] = [false, false];
	const answer = requestThroughTunnel(env, cluster, endpoint.node, sent);
	void answer.then(
		() => {
			answered = true;
			// A short answer is over before anybody has it.
			if (over) done();
		},
		() => undefined,
	);
	return answer.catch((error: unknown) => {
		end();
		throw error;
	});
}

/** A copy for who only listens: nobody waits for its answer. A body that is not known to be short is not copied. */
function mirror({ env, ctx, cluster, state, match, raw, request }: Forwarding, body: ReplayableBody | undefined): void {
	const length = raw.headers.get("content-length");
	const isShort = body === undefined || (length !== null && Number(length) <= REPLAY_BYTES_MAX);
	for (const target of match.route.policy.mirrors ?? []) {
		const endpoint = leastOutstanding(endpointsOf(state, target), state.outstanding, Math.random());
		if (!endpoint || !isShort || isWebSocketUpgrade(raw.headers) || Math.random() * 100 >= target.percent) continue;
		const copy = requestThroughTunnel(env, cluster, endpoint.node, {
			target: { kind: "pod", uid: endpoint.uid, ip: endpoint.ip, port: endpoint.port },
			method: raw.method,
			path: upstreamPath(match, request),
			headers: upstreamHeaders(match.route.policy, raw.headers, request, crypto.randomUUID()),
			priority: "bulk",
			body: body?.open() ?? null,
			signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
			onlyOnce: true,
		});
		ctx.waitUntil(copy.then((answer) => answer.body?.cancel()).catch(() => undefined));
	}
}

/** The answer as the client gets it. */
function shown(response: Response, endpoint: EdgeEndpoint, { match, request }: Forwarding): Response {
	const { affinity, cors, responseHeaders } = match.route.policy;
	if (responseHeaders) {
		for (const name of responseHeaders.remove) response.headers.delete(name);
		for (const [name, value] of responseHeaders.set) response.headers.set(name, value);
		for (const [name, value] of responseHeaders.add) response.headers.append(name, value);
	}
	if (cors) for (const [name, value] of corsHeaders(cors, request)) name === "vary" ? response.headers.append(name, value) : response.headers.set(name, value);
	const value = affinityValue(endpoint);
	if (affinity && cookieOf(request, affinity.cookie) !== value) response.headers.append("set-cookie", cookieText(affinity, value, request.scheme));
	return response;
}

function cookieText({ cookie, maxAgeSeconds, path = "/", sameSite, secure }: Affinity, value: string, scheme: string): string {
	const parts = [`${cookie}=${value}`, `Path=${path}`, "HttpOnly"];
	if (maxAgeSeconds !== undefined) parts.push(`Max-Age=${maxAgeSeconds}`);
	if (sameSite) parts.push(`SameSite=${sameSite}`);
	if (secure || scheme === "https") parts.push("Secure");
	return parts.join("; ");
}

/** Ends a request when the client goes, when no answer has begun in its time, or when its whole time is over. */
class Deadline {
	readonly #controller = new AbortController();
	#answerTimer: ReturnType<typeof setTimeout> | undefined;
	passed = false;

	constructor(client: AbortSignal, requestTimeoutMs: number | undefined) {
		if (client.aborted) this.#controller.abort(client.reason);
		client.addEventListener("abort", () => this.#controller.abort(client.reason), { once: true });
		if (requestTimeoutMs !== undefined) setTimeout(() => this.#pass(), requestTimeoutMs);
	}

	start(answerTimeoutMs: number): AbortSignal {
		clearTimeout(this.#answerTimer);
		this.#answerTimer = setTimeout(() => this.#pass(), answerTimeoutMs);
		return this.#controller.signal;
	}

	answered(): void {
		clearTimeout(this.#answerTimer);
	}

	#pass(): void {
		this.passed = true;
		this.#controller.abort(new Error("the time is over"));
	}
}
