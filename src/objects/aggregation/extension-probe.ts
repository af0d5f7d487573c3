/** Looks whether an extension API server answers. */
import { AGGREGATOR } from "../../core/api/remote-user.ts";
import type { ProbeOutcome, ServiceFacts } from "../../core/controllers/apiservice/availability.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { APIService } from "../../core/schema/kubernetes.d.ts";
import { namespaceObject } from "../addresses.ts";
import { deadlineAfter, withDeadline } from "../outside/deadline.ts";
import { reasonOf } from "../outside/make-calls.ts";
import { callExtension } from "./extension-call.ts";

const TIMEOUT_MS = 5_000;
/** Of several endpoints one may be gone without anybody knowing yet. */
const TRIES = 2;

async function factsOf(env: WorkerEnv, cluster: string, { spec }: APIService): Promise<ServiceFacts> {
	const { namespace = "", name = "", port = 443 } = spec?.service ?? {};
	try {
		return await namespaceObject(env, cluster, namespace).serviceFacts(name, port);
	} catch (error) {
		return { state: "unknown", message: (error as Error).message };
	}
}

/** Undefined for an answer, or why there is none. */
async function discoveryFailure(env: WorkerEnv, cluster: string, service: APIService): Promise<string | undefined> {
	const { group, version, service: place } = service.spec ?? {};
	const path = `/apis/${group}/${version}`;
	const url = `https://${place?.name}.${place?.namespace}.svc:${place?.port}${path}`;
	const { signal, cancel } = deadlineAfter(TIMEOUT_MS);
	try {
		const call = callExtension(env, cluster, service, { method: "GET", path, user: AGGREGATOR, checked: false, priority: "bulk", signal });
		const response = await withDeadline(call, signal);
		await response.body?.cancel();
		if (response.status >= 200 && response.status < 300) return undefined;
		return `failing or missing response from ${url}: bad status from ${url}: ${response.status}`;
	} catch (error) {
		return `failing or missing response from ${url}: Get ${JSON.stringify(url)}: ${reasonOf(error)}`;
	} finally {
		cancel();
	}
}

export const extensionProbe =
	(env: WorkerEnv, cluster: string) =>
	async (service: APIService): Promise<ProbeOutcome> => {
		const facts = await factsOf(env, cluster, service);
		if (facts.state !== "present" || (facts.type === "ClusterIP" && !facts.ready)) return { service: facts };
		let failure: string | undefined;
		for (let tries = 0; tries < TRIES; tries++) {
			failure = await discoveryFailure(env, cluster, service);
			if (failure === undefined) return { service: facts };
		}
		return { service: facts, failure: failure ?? "" };
	};
