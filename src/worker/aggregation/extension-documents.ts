/**
 * What extension API servers tell of their resources, asked for when a client asks and kept for a while in the isolate: who
 * does not answer leaves a gap and fails nobody.
 */
import { AGGREGATOR } from "../../core/api/remote-user.ts";
import { isAvailable } from "../../core/controllers/apiservice/availability.ts";
import { type Extension, resourcesIn } from "../../core/discovery/extensions.ts";
import type { JsonObject } from "../../core/meta/object.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { APIService, APIResource } from "../../core/schema/kubernetes.d.ts";
import { callExtension } from "../../objects/aggregation/extension-call.ts";
import { deadlineAfter, withDeadline } from "../../objects/outside/deadline.ts";
import { bounded } from "../../objects/outside/make-calls.ts";
import { inParallel } from "../../objects/parallel.ts";

/** Upstream asks anew this often, in milliseconds. */
const FRESH_MS = 60_000;
/** Who did not answer is asked again after this long, in milliseconds. */
const RETRY_MS = 2_000;
const TIMEOUT_MS = 5_000;
const FAN_OUT = 16;
/** Documents that an isolate keeps. */
const KEPT_MAX = 256;
/** A server's whole OpenAPI document may be this long, in bytes. */
const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;

interface Kept {
	untilMs: number;
	document: Promise<JsonObject | undefined>;
}

const kept = new Map<string, Kept>();

async function fetched(env: WorkerEnv, cluster: string, service: APIService, path: string): Promise<JsonObject | undefined> {
	const { signal, cancel } = deadlineAfter(TIMEOUT_MS);
	try {
		const headers: [string, string][] = [["Accept", "application/json"]];
		const response = await withDeadline(callExtension(env, cluster, service, { method: "GET", path, user: AGGREGATOR, headers, signal }), signal);
		const text = await withDeadline(bounded(response, DOCUMENT_BYTES_MAX), signal);
		const document: unknown = response.ok ? JSON.parse(text) : undefined;
		return typeof document === "object" && document !== null ? (document as JsonObject) : undefined;
	} catch {
		// It says in the APIService's status why it cannot be had.
		return undefined;
	} finally {
		cancel();
	}
}

/** A change of the APIService, of its availability too, asks anew. */
function documentAt(env: WorkerEnv, cluster: string, service: APIService, path: string): Promise<JsonObject | undefined> {
	if (!isAvailable(service)) return Promise.resolve(undefined);
	const { uid, resourceVersion } = service.metadata;
	const key = `${cluster} ${uid} ${resourceVersion} ${path}`;
	const nowMs = Date.now();
	const known = kept.get(key);
	if (known && known.untilMs > nowMs) return known.document;
	const entry: Kept = { untilMs: nowMs + FRESH_MS, document: fetched(env, cluster, service, path) };
	void entry.document.then((document) => {
		if (document === undefined) entry.untilMs = nowMs + RETRY_MS;
	});
	kept.delete(key);
	kept.set(key, entry);
	const oldest = kept.size > KEPT_MAX ? kept.keys().next().value : undefined;
	if (oldest !== undefined) kept.delete(oldest);
	return entry.document;
}

export function extensionIn({ spec }: APIService): Extension {
	const { group = "", version = "", groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
	return { group, version, groupPriority: groupPriorityMinimum, versionPriority };
}

/** With their resources. */
export function extensionsOf(env: WorkerEnv, cluster: string, services: readonly APIService[]): Promise<Extension[]> {
	return inParallel(services, FAN_OUT, async (service) => {
		const extension = extensionIn(service);
		const document = await documentAt(env, cluster, service, `/apis/${extension.group}/${extension.version}`);
		const resources: APIResource[] | undefined = resourcesIn(document);
		return { ...extension, resources };
	});
}

/** Each one's swagger document; undefined for who has none. */
export const openApiV2Of = (env: WorkerEnv, cluster: string, services: readonly APIService[]): Promise<(JsonObject | undefined)[]> =>
	inParallel(services, FAN_OUT, (service) => documentAt(env, cluster, service, "/openapi/v2"));

/** Of /openapi/v3: where the documents of their group versions lie, by path. */
export async function openApiV3PathsOf(env: WorkerEnv, cluster: string, services: readonly APIService[]): Promise<Record<string, unknown>> {
	const indexes = await inParallel(services, FAN_OUT, (service) => documentAt(env, cluster, service, "/openapi/v3"));
	const entries = services.flatMap((service, index) => {
		const { group, version } = extensionIn(service);
		const path = `apis/${group}/${version}`;
		const found = (indexes[index]?.["paths"] as JsonObject | undefined)?.[path];
		return found === undefined ? [] : [[path, found] as const];
	});
	return Object.fromEntries(entries);
}
