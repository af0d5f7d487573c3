/**
 * Sends deliveries to webhook subscriptions' targets: to Services through a tunnel, to URLs over a network that leads to the
 * internet alone unless the cluster's owner allows private addresses. Redirects are not followed.
 */
import type { WebhookTarget, WebhookTargetService } from "../../core/schema/kubernetes.d.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { StatusError } from "../../core/errors/status-error.ts";
import type { DeliveryAnswer } from "../../core/webhooks/delivery-queue.ts";
import { privateHostProblem } from "../../core/webhooks/target-address.ts";
import { callService } from "../tunnel/service-call.ts";
import type { WebhookCall } from "../webhooks/webhook-ports.ts";
import { overOwnTls } from "./channel.ts";
import { deadlineAfter, withDeadline } from "./deadline.ts";
import { reasonOf } from "./make-calls.ts";

/** What of an answer is read, in bytes, so that the connection can be used again; nothing of it has a meaning. */
const ANSWER_READ_MAX = 64 * 1024;
const TIMEOUT_SECONDS = 15;
const MS_PER_SECOND = 1_000;

export const allowsPrivateTargets = (env: WorkerEnv): boolean => env.PETREL_WEBHOOK_PRIVATE_TARGETS === "allow";

async function toService(
	env: WorkerEnv,
	cluster: string,
	service: WebhookTargetService,
	{ target, namespace, headers, body }: WebhookCall,
	signal: AbortSignal,
) {
	const https = service.scheme === "HTTPS";
	return callService(env, cluster, {
		namespace: service.namespace || namespace,
		name: service.name,
		port: service.port ?? (https ? 443 : 80),
		method: "POST",
		path: service.path || "/",
		headers: Object.entries(headers),
		body: new TextEncoder().encode(body),
		...(https ? { tls: target.caBundle ? { caBundle: atob(target.caBundle) } : {} } : {}),
		signal,
	});
}

async function toUrl(env: WorkerEnv, url: URL, { caBundle }: WebhookTarget, { headers, body }: WebhookCall, signal: AbortSignal): Promise<Response> {
	const request = new Request(url, { method: "POST", headers, body, redirect: "manual", signal });
	if (caBundle) return overOwnTls(atob(caBundle), request, env.PETREL_WEBHOOK_NETWORK);
	return env.PETREL_WEBHOOK_NETWORK === undefined ? fetch(request) : env.PETREL_WEBHOOK_NETWORK.fetch(request);
}

/** Reads what is short to its end, and leaves what is long: the delivery is decided by the head of the answer. */
async function drain(response: Response): Promise<void> {
	const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
	if (reader === undefined) return;
	for (let bytes = 0; bytes < ANSWER_READ_MAX; ) {
		const { done, value } = await reader.read();
		if (done) return;
		bytes += value.length;
	}
	await reader.cancel();
}

/** Never rejects. */
export async function sendWebhook(env: WorkerEnv, cluster: string, call: WebhookCall): Promise<DeliveryAnswer> {
	const { target } = call;
	const { service, url: given = "", timeoutSeconds = TIMEOUT_SECONDS } = target;
	const url = service ? undefined : new URL(given);
	const problem = url === undefined || allowsPrivateTargets(env) ? undefined : privateHostProblem(url);
	if (problem !== undefined) return { failure: problem, misconfigured: true };
	const { signal, cancel } = deadlineAfter(timeoutSeconds * MS_PER_SECOND);
	try {
		const answer = service ? toService(env, cluster, service, call, signal) : toUrl(env, url as URL, target, call, signal);
		const response = await withDeadline(answer, signal);
		void drain(response)
			.catch(() => {})
			.finally(cancel);
		return { status: response.status, retryAfter: response.headers.get("retry-after") };
	} catch (error) {
		cancel();
		return { failure: error instanceof StatusError ? error.message : reasonOf(error) };
	}
}
